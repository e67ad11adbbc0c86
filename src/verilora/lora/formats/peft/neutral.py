"""A PEFT directory read as an Adapter, without a model: of any version, DoRA and biases included.

Source: huggingface/peft 0.21.2 (utils/save_and_load.py, tuners/lora/), and 0.2.0 for `enable_lora`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from verilora.lora.formats.adapter import Adapter, Pair, Record, are_matrices
from verilora.lora.formats.documents import DocumentError, parse_document, read_file
from verilora.lora.formats.faults import few, refuse
from verilora.lora.formats.grouped import spread_groups
from verilora.lora.formats.peft.forms import FormError
from verilora.lora.formats.peft.names import (
    CONFIG,
    PICKLE,
    PREFIX,
    SIDECAR,
    WEIGHTS,
    WRAPPED,
    parse_factor,
    unknown_kind,
    unwrapped,
)
from verilora.lora.formats.peft.sidecar import LARGEST as LARGEST_SIDECAR
from verilora.lora.formats.peft.sidecar import Sidecar, SidecarError, read_sidecar
from verilora.lora.formats.peft.stacks import is_stack, stacked_pair
from verilora.lora.formats.peft.stated import LARGEST, Stated, StatedError, read_stated
from verilora.lora.formats.pickles import plain_tensors, read_pickled
from verilora.lora.formats.tensorfile import read_header, read_tensors
from verilora.records.digests import digest_file

CARRIED = frozenset({"use_dora", "bias", "enable_lora"})
MAGNITUDE = ".lora_magnitude_vector"
# Names with the adapter's own name in them, as a plain state dict of a PEFT model has them.
_NAMED = re.compile(r"(\.lora_(?:[AB]|embedding_[AB]|magnitude_vector))\.(?!(?:weight|bias)$)[^.]+")
_SAVED_AS = re.compile(r"\.modules_to_save\.[^.]+\.")


def is_peft(path: Path) -> bool:
    """True for a directory with PEFT's config and one of its two tensor files."""
    tensors = (path / WEIGHTS, path / PICKLE)
    return (path / CONFIG).is_file() and any(file.is_file() for file in tensors)


def read_peft(path: Path) -> Adapter:
    """The adapter in a PEFT directory; `verilora.json`, where there is one, must fit its files.

    Raises AdapterFileError with every fault.
    """
    what = f"the adapter in {path} cannot be read"
    try:
        content = read_file(path / CONFIG, limit=LARGEST)
        stated = read_stated(content, carried=CARRIED)
        settings = parse_document(content)
        tensors = _tensors(path)
        sidecar, faults = _sidecar(path)
    except (DocumentError, StatedError, SidecarError) as error:
        told = getattr(error, "faults", None) or [str(error)]
        refuse(what, list(told), cause=error, path=path)
    sorted_out = _SortedOut(stated, settings)
    for name, tensor in tensors.items():
        sorted_out.take(_plain_name(name), tensor)
    pairs = sorted_out.pairs()
    faults = [*faults, *sorted_out.faults]
    if not faults and not pairs:
        faults = ["it holds no pair of lora_A and lora_B"]
    if faults:
        refuse(what, faults, path=path)
    return Adapter(
        pairs=pairs,
        whole=sorted_out.whole,
        biases=sorted_out.biases,
        dropout=stated.dropout,
        base=settings.get("base_model_name_or_path") or None,
        base_digests={} if sidecar is None else {**sidecar.base, **sidecar.replaced},
        record=_record(path, sidecar),
        task_type=settings.get("task_type"),
        targets=stated.targeting.names,
        parameters=stated.parameters,
        heads=tuple(sorted(_heads(stated, sorted_out.whole))),
        notes=(*_notes(stated, sorted_out, path=path), *_notes_on_start(sidecar)),
    )


@dataclass
class _SortedOut:
    """The tensors of the file by what they are."""

    stated: Stated
    settings: Mapping[str, Any]
    factors: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    whole: dict[str, Tensor] = field(default_factory=dict)
    biases: dict[str, Tensor] = field(default_factory=dict)
    copies: list[str] = field(default_factory=list)
    """The base's own tensors, which PEFT puts beside updates of embeddings."""
    faults: list[str] = field(default_factory=list)

    def take(self, name: str, tensor: Tensor) -> None:
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            self.faults.append(f"'{name}' has values that are NaN or infinite")
        factor = parse_factor(name)
        state = unwrapped(name.removeprefix(PREFIX))
        if not name.startswith(PREFIX):
            self.faults.append(f"'{name}' does not begin with '{PREFIX}' as all names of PEFT's do")
        elif factor:
            path = factor.path + f".{WRAPPED}" * factor.depth
            own = self.factors.setdefault(path, {})
            own[factor.factor] = tensor
            own |= {"embedding": tensor} if factor.embedding else {}
        elif name.endswith(MAGNITUDE):
            self.factors.setdefault(state.removesuffix(MAGNITUDE), {})["magnitude"] = tensor
        elif unknown_kind(name):
            self.faults.append(f"'{name}' is {unknown_kind(name)}, which verilora cannot carry")
        else:
            self._take_plain(name, state, tensor=tensor)

    def _take_plain(self, name: str, state: str, *, tensor: Tensor) -> None:
        owner = state.rpartition(".")[0]
        saved = any(
            owner == one or owner.endswith(one) or f".{one}." in f".{owner}."
            for one in self.stated.targeting.saved
        )
        if saved:
            self.whole[state] = tensor
        elif state.endswith(".bias") and self.settings.get("bias", "none") != "none":
            self.biases[state] = tensor
        elif name.endswith(f".{WRAPPED}.weight"):
            self.copies.append(state)
        elif owner.rpartition(".")[2] in ("embed_tokens", "lm_head", "wte"):
            self.whole[state] = tensor
        else:
            self.faults.append(
                f"'{name}' is neither a factor nor in a module of modules_to_save "
                f"({few(self.stated.targeting.saved) or 'none'})"
            )

    def pairs(self) -> dict[str, Pair]:
        """By path; what does not fit is a fault."""
        found = {}
        for path, own in self.factors.items():
            if not {"A", "B"} <= own.keys():
                self.faults.append(f"'{path}' has only {few(sorted(own.keys() - {'embedding'}))}")
                continue
            pair = self._pair(path, own)
            if pair is not None:
                found[path] = pair
        return found

    def _pair(self, path: str, own: Mapping[str, Tensor]) -> Pair | None:
        if is_stack(path, self.stated):
            return self._experts(path, own)
        a, b, kernel = own["A"], own["B"], tuple(own["A"].shape[1:])
        rank, scale = self.stated.rank_of(path), self.stated.scale_of(path)
        enabled = self.settings.get("enable_lora")
        if isinstance(enabled, list) and b.dim() == 3 and a.shape[0] == rank * sum(enabled):
            b = spread_groups(b.flatten(1), [bool(on) for on in enabled], parts=len(enabled))
            rank = a.shape[0]
        flat = min(a.dim(), b.dim()) > 1 and are_matrices(a.flatten(1), b.flatten(1))
        if not flat or (a.shape[0], b.shape[1]) != (rank, rank):
            grouped = " (a grouped convolution, or another rank)" if a.dim() > 2 else ""
            self.faults.append(
                f"'{path}' has factors {tuple(a.shape)} and {tuple(b.shape)}, which are no pair of "
                f"the rank {rank} that {CONFIG} states{grouped}"
            )
            return None
        magnitude = own["magnitude"].flatten() if "magnitude" in own else None
        kernel = kernel if a.dim() > 2 else ()
        return Pair(a.flatten(1), b.flatten(1), scale, "embedding" in own, kernel, magnitude)

    def _experts(self, path: str, own: Mapping[str, Tensor]) -> Pair | None:
        try:
            return stacked_pair(path, own["A"], b=own["B"], stated=self.stated)
        except FormError as error:
            self.faults.append(f"'{path}' {error}")
            return None


def _plain_name(name: str) -> str:
    """The name as PEFT writes it: without the adapter's own name in it."""
    plain = _SAVED_AS.sub(".", _NAMED.sub(r"\1", name))
    return plain.removesuffix(".weight") if plain.endswith(f"{MAGNITUDE}.weight") else plain


def _tensors(path: Path) -> dict[str, Tensor]:
    file = path / WEIGHTS
    if file.is_file():
        read_header(file)
        return read_tensors(file.read_bytes())
    file = path / PICKLE
    try:
        return plain_tensors(read_pickled(file), file_bytes=file.stat().st_size)
    except DocumentError as error:
        raise DocumentError(f"{PICKLE} {error}") from error


def _sidecar(path: Path) -> tuple[Sidecar | None, list[str]]:
    """verilora.json, where there is one; and which files were changed since."""
    if not (path / SIDECAR).is_file():
        return None, []
    sidecar = read_sidecar(read_file(path / SIDECAR, limit=LARGEST_SIDECAR))
    faults = [
        f"{name} was changed since it was written: its digest is not the one in {SIDECAR}"
        for name, digest in sidecar.files.items()
        if not (path / name).is_file() or digest_file(path / name) != digest
    ]
    return sidecar, faults


def _record(path: Path, sidecar: Sidecar | None) -> Record | None:
    if sidecar is None or sidecar.replaced:
        return None
    found = parse_document(read_file(path / SIDECAR, limit=LARGEST_SIDECAR))
    return Record(found["base"], sidecar.layers)


def _notes_on_start(sidecar: Sidecar | None) -> Iterator[str]:
    if sidecar is not None and sidecar.replaced:
        yield (
            f"its start replaced {len(sidecar.replaced)} weights of the base (LoftQ); the updates "
            "fit those weights, not the base's own"
        )


def _heads(stated: Stated, whole: Mapping[str, Tensor]) -> Iterator[str]:
    """The names of modules_to_save that have values, and the paths of other whole modules."""
    named = [n for n in stated.targeting.saved if any(f".{n}." in f".{s}" for s in whole)]
    yield from named
    for state in whole:
        if not any(f".{name}." in f".{state}" for name in named):
            yield state.rpartition(".")[0]


def _notes(stated: Stated, found: _SortedOut, *, path: Path) -> Iterator[str]:
    if stated.unknown:
        yield f"{CONFIG} has keys that are not known here, all of them off: {few(stated.unknown)}"
    if found.copies:
        yield f"copies of the base's own weights are left out: {few(found.copies)}"
    if not (path / WEIGHTS).is_file():
        yield f"read from {PICKLE} by torch.load(weights_only=True)"
