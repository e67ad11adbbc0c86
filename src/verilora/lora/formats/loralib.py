"""loralib's state dicts, both ways: the GLUE form (a head beside the factors) and the NLG form.

A flat pickled dict of `path.lora_A` [rank, in] and `path.lora_B` [out, rank]; no alpha, no rank, no
word on which parts of a fused projection are adapted. GPT-2's c_attn is a MergedLinear: the parts'
A on top of each other, their B too. The NLG form lies under "model_state_dict".
Source: microsoft/LoRA c4593f0, loralib 0.1.2: layers.py, utils.py; examples/NLU, examples/NLG.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from verilora.lora.formats.adapter import Adapter, Pair, alpha_for_scale, are_matrices
from verilora.lora.formats.dialect import Dialect, Given, Written, extras_faults, refuse_to_hold
from verilora.lora.formats.documents import DocumentError
from verilora.lora.formats.faults import few, refuse
from verilora.lora.formats.fold import one_scale
from verilora.lora.formats.grouped import equal_rows, padded, parts_of, place
from verilora.lora.formats.pickles import pickled_bytes, plain_tensors, read_pickled

FILE = "lora.pt"
NAMES = (FILE, "pytorch_lora.bin", "pytorch_model.bin")
WRAP = "model_state_dict"
PARTS = ("q", "k", "v")
FUSED = "c_attn"
HEADS = ("classifier", "score", "classification_head", "pooler", "qa_outputs", "lm_head")
_EMBEDDINGS = ("word_embeddings", "embed_tokens", "wte", "wpe", "position_embeddings")


def read_loralib(path: Path, given: Given) -> Adapter:
    """The adapter in a state dict; alpha must be given, the rank may be, and is checked."""
    file = _file(path)
    what = f"{file} cannot be read as loralib's"
    if given.alpha is None:
        refuse(what, ["the file holds no alpha; give the training's lora_alpha with --alpha"])
    try:
        found = read_pickled(file)
        wrapped = isinstance(found.get(WRAP), Mapping)
        content = {str(k): v for k, v in found[WRAP].items()} if wrapped else found
        tensors = plain_tensors(_without_wrapper(content), file_bytes=file.stat().st_size)
        factors, others = _sorted_out(tensors)
        pairs = {name: _pair(name, own, given=given) for name, own in factors.items()}
    except DocumentError as error:
        refuse(what, [f"it {error}"], cause=error)
    faults = [*_not_finite(tensors), *_foreign(others)]
    if not pairs:
        faults.append("it holds no lora_A and lora_B")
    if faults:
        refuse(what, faults)
    whole = {name: value for name, value in others.items() if _head(name)}
    return Adapter(
        pairs=pairs,
        whole=whole,
        biases={name: value for name, value in others.items() if not _head(name)},
        task_type="SEQ_CLS" if _head_names(whole) & {"classifier", "score"} else None,
        heads=tuple(sorted(_head_names(whole))),
        notes=_reading_notes(factors, given),
    )


def write_loralib(adapter: Adapter, given: Given) -> Written:
    """lora.pt; every module at one rank and one scale, c_attn as a MergedLinear."""
    faults = extras_faults(adapter, allow=("whole", "biases", "embeddings"))
    faults += [
        f"'{name}' is trained whole and no head that is known ({', '.join(HEADS)})"
        for name in adapter.whole
        if not _head(name)
    ]
    if faults:
        refuse_to_hold("loralib", faults)
    made, scale = one_scale(adapter)
    cells = {path: _cells(path, pair) for path, pair in made.pairs.items()}
    on = _parts_on(cells)
    rank = max(part[0].shape[0] for parts in cells.values() for part in parts if part)
    tensors: dict[str, Tensor] = {}
    for path, parts in cells.items():
        pair = made.pairs[path]
        a, b = _stacked(parts, on if len(parts) > 1 else (0,), like=pair, rank=rank)
        tensors[f"{path}.lora_A"], tensors[f"{path}.lora_B"] = a, b
    content = {**tensors, **adapter.biases, **adapter.whole}
    fused = any(len(parts) > 1 for parts in cells.values())
    alpha = alpha_for_scale(scale, rank)
    notes = [f"build the layers with r={rank}, lora_alpha={alpha:g}: the file cannot say it"]
    if fused:
        enabled = [index in on for index in range(len(PARTS))]
        notes.append(f"c_attn is a MergedLinear with enable_lora={enabled}")
    again = replace(given, rank=rank, alpha=alpha, parts=tuple(PARTS[index] for index in on))
    wrapped = {WRAP: content} if fused else content
    return Written({FILE: pickled_bytes(wrapped)}, again, (*made.notes, *notes))


def recognises_loralib(path: Path) -> bool:
    """True for a pickled file, or a directory with one under a name that is used for it."""
    if path.is_dir():
        return any((path / name).is_file() for name in NAMES)
    return path.is_file() and path.suffix in (".pt", ".bin", ".pth")


LORALIB = Dialect(
    "loralib", "loralib 0.1.2 (c4593f0)", recognises_loralib, read_loralib, write_loralib
)


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    return next((path / name for name in NAMES if (path / name).is_file()), path / FILE)


def _without_wrapper(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the "module." that data parallelism puts before every name."""
    all_wrapped = all(name.startswith("module.") for name in tensors)
    return {n.removeprefix("module.") if all_wrapped else n: t for n, t in tensors.items()}


def _sorted_out(
    tensors: Mapping[str, Tensor],
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Tensor]]:
    factors: dict[str, dict[str, Tensor]] = {}
    others = {}
    for name, tensor in tensors.items():
        path, _, last = name.rpartition(".")
        if last in ("lora_A", "lora_B"):
            factors.setdefault(path, {})[last] = tensor
        else:
            others[name] = tensor
    return factors, others


def _pair(path: str, own: Mapping[str, Tensor], *, given: Given) -> Pair:
    if own.keys() != {"lora_A", "lora_B"}:
        raise DocumentError(f"has only {few(sorted(own))} for '{path}'")
    a, b = own["lora_A"], own["lora_B"]
    if not are_matrices(a, b) or a.shape[0] % b.shape[1]:
        raise DocumentError(f"has factors {tuple(a.shape)} and {tuple(b.shape)} for '{path}'")
    rank, on = b.shape[1], a.shape[0] // b.shape[1]
    if given.rank is not None and given.rank != rank:
        raise DocumentError(f"has the rank {rank} at '{path}', and {given.rank} was given")
    if path.rpartition(".")[2] == FUSED or on > 1:
        b = _spread(path, b, on=on, given=given)
    embedding = path.rpartition(".")[2] in _EMBEDDINGS
    assert given.alpha is not None
    return Pair(a, b, given.alpha / rank, embedding)


def _spread(path: str, b: Tensor, *, on: int, given: Given) -> Tensor:
    parts = given.parts or {2: ("q", "v"), 3: PARTS}.get(on, ())
    unknown = [part for part in parts if part not in PARTS]
    if unknown or len(parts) != on or b.shape[0] % on:
        raise DocumentError(
            f"has {on} of the parts q, k, v at '{path}' (B {tuple(b.shape)}), and does not say "
            f"which; name {on} with --parts, such as --parts {','.join(PARTS[:on])}"
        )
    size = b.shape[0] // on
    rows = [equal_rows(3 * size, 3)[PARTS.index(part)] for part in sorted(parts, key=PARTS.index)]
    return place(b.split(size), rows, out=3 * size, rank=b.shape[1])


def _reading_notes(factors: Mapping[str, Mapping[str, Tensor]], given: Given) -> tuple[str, ...]:
    halves = [p for p, own in factors.items() if own["lora_A"].shape[0] > own["lora_B"].shape[1]]
    if halves and not given.parts:
        return (f"the parts of {few(halves, 1)} are taken for q and v, as in the paper (--parts)",)
    return ()


def _head(name: str) -> str | None:
    first = name.partition(".")[0]
    return first if first in HEADS else None


def _head_names(whole: Mapping[str, Tensor]) -> set[str]:
    return {name.partition(".")[0] for name in whole}


def _foreign(others: Mapping[str, Tensor]) -> list[str]:
    foreign = [n for n in others if not _head(n) and n.rpartition(".")[2] != "bias"]
    if not foreign:
        return []
    return [
        f"it holds {len(foreign)} tensors that are neither factors, biases nor a head: "
        f"{few(foreign)}; keep what lora_state_dict gives and the head, not the whole model"
    ]


def _not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    return [
        f"'{name}' has values that are NaN or infinite"
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and not bool(tensor.isfinite().all())
    ]


Part = tuple[Tensor, Tensor] | None


def _cells(path: str, pair: Pair) -> list[Part]:
    """The parts of a fused projection, or the pair itself."""
    if path.rpartition(".")[2] == FUSED and pair.shape[0] % 3 == 0:
        return parts_of(pair.a, pair.b, rows=equal_rows(pair.shape[0], 3))
    return [(pair.a, pair.b)]


def _parts_on(cells: Mapping[str, list[Part]]) -> tuple[int, ...]:
    """Indices of the parts that any fused projection uses; all if none does."""
    fused = [parts for parts in cells.values() if len(parts) > 1]
    used = {index for parts in fused for index, part in enumerate(parts) if part}
    return tuple(sorted(used)) or (0, 1, 2)


def _stacked(
    parts: list[Part], on: tuple[int, ...], *, like: Pair, rank: int
) -> tuple[Tensor, Tensor]:
    rows = like.shape[0] // len(parts)
    none = like.a.new_zeros(0, like.shape[1]), like.b.new_zeros(rows, 0)
    made = [padded(*(parts[index] or none), rank=rank) for index in on]
    return torch.cat([a for a, _ in made]), torch.cat([b for _, b in made])
