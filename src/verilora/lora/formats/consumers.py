"""What a program that serves adapters would refuse, or take and compute another answer with.

Facts of their sources, read and named with their commits; nothing of them is installed or run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from verilora.errors import ConfigError, nearest
from verilora.lora.formats.documents import DocumentError, parse_document, read_file
from verilora.lora.formats.faults import few, refuse
from verilora.lora.formats.fold import counted
from verilora.lora.formats.peft.names import (
    CONFIG,
    PICKLE,
    PREFIX,
    WEIGHTS,
    WRAPPED,
    parse_factor,
    unwrapped,
)
from verilora.lora.formats.peft.neutral import CARRIED, is_peft
from verilora.lora.formats.peft.stated import LARGEST, Stated, StatedError, read_stated
from verilora.lora.formats.pickles import read_pickled
from verilora.lora.formats.tensorfile import read_header

VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
VLLM_DEFAULT_RANK = 16
_MEND_SCALE = "mend it with convert --to peft --uniform, which folds the scales into B"


@dataclass(frozen=True)
class Check:
    """What a consumer does with an adapter, one sentence for each thing."""

    consumer: str
    facts: str
    """Where its rules were read."""
    refused: tuple[str, ...]
    wrong: tuple[str, ...]
    """What it takes without a word, and answers differently."""
    notes: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """True if it loads the adapter and computes what was trained."""
        return not self.refused and not self.wrong

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "consumer": self.consumer,
            "facts": self.facts,
            "accepted": self.accepted,
            "refused": list(self.refused),
            "wrong": list(self.wrong),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        word = "takes this adapter" if self.accepted else "does not serve this adapter as trained"
        lines = [f"{self.consumer} {word} (by {self.facts})"]
        for kind in ("refused", "wrong", "notes"):
            lines += [f"  {kind.removesuffix('s')}: {one}" for one in getattr(self, kind)]
        return "\n".join(lines)


@dataclass(frozen=True)
class _Files:
    """A PEFT directory as a consumer sees it."""

    settings: Mapping[str, Any]
    stated: Stated
    shapes: Mapping[str, tuple[int, ...]]
    """Name -> shape of every tensor."""
    paths: tuple[str, ...] = field(default=())
    """Adapted modules."""

    def rank(self, path: str) -> int:
        return self.stated.rank_of(path)

    def plain(self) -> list[str]:
        """Names of tensors that are no factors."""
        return [name for name in self.shapes if parse_factor(name) is None]

    def convolutions(self) -> list[str]:
        return [name for name, shape in self.shapes.items() if len(shape) > 2]


def check_consumer(path: Path, consumer: str) -> Check:
    """What the consumer would do with the PEFT directory at `path`.

    Raises ConfigError for a name that is not known, AdapterFileError for files at fault.
    """
    if consumer not in CONSUMERS:
        near = nearest(consumer, CONSUMERS) or f"; there are {', '.join(CONSUMERS)}"
        raise ConfigError("--check", [f"'{consumer}' is no consumer that is known{near}"])
    facts, refused, wrong, notes = CONSUMERS[consumer]
    inner = path / "adapter"
    place = inner if is_peft(inner) else path
    if not is_peft(place):
        told = f"{path} is no PEFT directory, and {consumer} reads no other form; convert it first"
        return Check(consumer, facts, (told,), (), ())
    files = _files(place)
    return Check(consumer, facts, tuple(refused(files)), tuple(wrong(files)), tuple(notes(files)))


def _files(path: Path) -> _Files:
    try:
        content = read_file(path / CONFIG, limit=LARGEST)
        stated = read_stated(content, carried={*CARRIED, "lora_bias", "trainable_token_indices"})
        if (path / WEIGHTS).is_file():
            shapes = {name: entry.shape for name, entry in read_header(path / WEIGHTS).items()}
        else:
            found = read_pickled(path / PICKLE)
            shapes = {n: tuple(t.shape) for n, t in found.items() if hasattr(t, "shape")}
    except (DocumentError, StatedError) as error:
        told = getattr(error, "faults", None) or [str(error)]
        refuse(f"the adapter in {path} cannot be read", list(told), cause=error, path=path)
    named = [found.path for name in shapes if (found := parse_factor(name))]
    return _Files(parse_document(content), stated, shapes, tuple(dict.fromkeys(named)))


def _vllm_refuses(files: _Files) -> Iterator[str]:
    saved = files.settings.get("modules_to_save")
    if saved:
        yield f"modules_to_save is set ({few(saved)}); only null is taken"
    if files.settings.get("use_dora"):
        yield "use_dora is set, and DoRA's magnitudes cannot be loaded"
    if files.settings.get("bias", "none") != "none" or files.settings.get("lora_bias"):
        yield "trained biases are not supported"
    if files.settings.get("target_modules") is None:
        yield "target_modules is missing, which has to be there"
    greatest = max((files.rank(path) for path in files.paths), default=files.stated.rank)
    if greatest > VLLM_RANKS[-1]:
        yield f"the rank {greatest} is above {VLLM_RANKS[-1]}, the greatest --max-lora-rank"
    if files.convolutions():
        yield f"convolutions are not supported: {few(files.convolutions())}"
    other = [name for name in files.plain() if not _is_copy(name) and not saved]
    if other and not files.settings.get("use_dora") and not files.stated.targeting.saved:
        yield f"tensors that are no lora_A or lora_B: {few(other)}"


def _vllm_gets_wrong(files: _Files) -> Iterator[str]:
    rank, root = files.stated.rank, files.stated.root
    scale = files.stated.alpha / (math.sqrt(rank) if root else rank)
    other = [p for p in files.paths if not math.isclose(files.stated.scale_of(p), scale)]
    if other:
        yield (
            f"rank_pattern and alpha_pattern are not read: {counted(len(other))} ({few(other)}) "
            f"would have the scale {scale:g} instead of the own one; {_MEND_SCALE}"
        )
    copies = [name for name in files.plain() if _is_copy(name) and f".{WRAPPED}." not in name]
    if copies:
        yield f"full embeddings in the file are passed over: {few(copies)}"


def _vllm_notes(files: _Files) -> Iterator[str]:
    greatest = max((files.rank(path) for path in files.paths), default=files.stated.rank)
    allowed = next((rank for rank in VLLM_RANKS if rank >= greatest), None)
    if greatest > VLLM_DEFAULT_RANK and allowed:
        yield f"start it with --max-lora-rank {allowed} (the rank is {greatest})"
    last = sorted({path.rpartition(".")[2] for path in files.paths})
    yield f"its class of the model must have modules of the names {few(last, 9)}"
    if files.stated.parameters:
        yield "experts in bare parameters need a fused mixture of experts (is_3d_lora_weight)"
    words = [name for name in files.shapes if name.endswith(".lora_embedding_A")]
    if words:
        yield f"updates of embeddings need a model that lists embedding_modules: {few(words)}"


def _llamacpp_refuses(files: _Files) -> Iterator[str]:
    kept = ("_layernorm", ".norm")
    other = [
        name
        for name in files.plain()
        if f".{WRAPPED}.weight" not in name and not any(part in name for part in kept)
    ]
    if other:
        yield (
            "it stops at tensors that are no lora_A or lora_B (heads and embeddings trained whole, "
            f"biases, DoRA's magnitudes): {few(other)}"
        )
    if files.convolutions():
        yield f"convolutions are not translated: {few(files.convolutions())}"
    if files.stated.parameters:
        yield "experts in bare parameters (target_parameters) are not translated"


def _llamacpp_gets_wrong(files: _Files) -> Iterator[str]:
    alpha = files.stated.alpha
    other = [
        path
        for path in files.paths
        if not math.isclose(files.stated.scale_of(path), alpha / files.rank(path))
    ]
    if other:
        why = "use_rslora" if files.stated.root else "alpha_pattern"
        yield (
            f"{why} is not read: {counted(len(other))} ({few(other)}) would have alpha {alpha:g} "
            f"over the rank instead of the own scale; {_MEND_SCALE}"
        )


def _llamacpp_notes(files: _Files) -> Iterator[str]:
    if "lm_head" in files.paths:
        yield "an update of lm_head is refused where the base ties it to its embeddings"
    yield "the base's architecture must be one that convert_hf_to_gguf.py knows"


def _is_copy(name: str) -> bool:
    """True for embeddings of the base, whole."""
    state = unwrapped(name.removeprefix(PREFIX))
    return state.rpartition(".")[0].rpartition(".")[2] in ("embed_tokens", "lm_head")


_Rule = Callable[[_Files], Iterator[str]]
CONSUMERS: dict[str, tuple[str, _Rule, _Rule, _Rule]] = {
    "vllm": (
        "vllm/lora: lora_model.py at 0306474, peft_helper.py at 0214369; config/lora.py at 01230b4",
        _vllm_refuses,
        _vllm_gets_wrong,
        _vllm_notes,
    ),
    "llama.cpp": (
        "convert_lora_to_gguf.py at 0b03ada, src/llama-adapter.h at 215841f",
        _llamacpp_refuses,
        _llamacpp_gets_wrong,
        _llamacpp_notes,
    ),
}
"""Consumer -> (its facts, what it refuses, what it gets wrong, what is to be known)."""
