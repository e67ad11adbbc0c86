"""mlx-lm's adapter directory, both ways: adapters.safetensors and adapter_config.json.

`path.lora_a` [in, rank] and `path.lora_b` [rank, out], the transposes of A and B; DoRA's `path.m`.
One rank and one scale for all, which multiplies directly: no alpha. Module names are those of
mlx's model, which for Llama-like models are Hugging Face's.
Source: ml-explore/mlx-lm d78bf58e: mlx_lm/tuner/utils.py, lora.py, dora.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from verilora.lora.formats.adapter import Adapter, Pair, are_matrices
from verilora.lora.formats.dialect import Dialect, Given, Written, extras_faults, refuse_to_hold
from verilora.lora.formats.documents import (
    DocumentError,
    document_bytes,
    parse_document,
    read_file,
)
from verilora.lora.formats.faults import few, refuse
from verilora.lora.formats.fold import one_rank, one_scale
from verilora.lora.formats.tensorfile import read_header, read_tensors, tensor_bytes
from verilora.lora.targets import layer_index

FILE = "adapters.safetensors"
CONFIG = "adapter_config.json"
LARGEST = 1 << 20
_PATH = re.compile(r"(?:model\.layers\.\d+\..+|model\.embed_tokens|lm_head)")
_EMBEDDING = "embed_tokens"
_LEAVES = ("lora_a", "lora_b", "m")


def read_mlx(path: Path, given: Given) -> Adapter:
    """The adapter in an mlx-lm directory."""
    what = f"the adapter in {path} cannot be read as mlx-lm's"
    try:
        found = parse_document(read_file(path / CONFIG, limit=LARGEST))
        read_header(path / FILE)
        tensors = read_tensors((path / FILE).read_bytes())
        rank, scale, dropout = _parameters(found)
        pairs = {n: _pair(n, own, scale=scale) for n, own in _sorted_out(tensors).items()}
    except DocumentError as error:
        refuse(what, [str(error)], cause=error)
    ranks = {pair.rank for pair in pairs.values()}
    faults = [] if pairs else ["it holds no lora_a and lora_b"]
    if ranks - {rank}:
        faults.append(f"{CONFIG} states the rank {rank}, and the tensors have {sorted(ranks)}")
    if given.rank is not None and given.rank != rank:
        faults.append(f"it has the rank {rank}, and {given.rank} was given")
    if faults:
        refuse(what, faults)
    base = found.get("model")
    return Adapter(
        pairs,
        dropout=dropout,
        base=base if isinstance(base, str) else None,
        task_type="CAUSAL_LM",
    )


def write_mlx(adapter: Adapter, given: Given) -> Written:
    """The two files; keys are full paths, so that no other layer is meant."""
    faults = extras_faults(adapter, allow=("magnitudes", "embeddings"))
    foreign = [path for path in adapter.pairs if not _PATH.fullmatch(path)]
    if foreign:
        faults.append(
            f"the names of mlx's models are Hugging Face's for model.layers.N alone, and "
            f"{few(foreign)} is another"
        )
    faults += [
        f"its DoRA of an embedding has a magnitude for each token, and '{path}' one for each column"
        for path, pair in adapter.pairs.items()
        if pair.embedding and pair.magnitude is not None
    ]
    if faults:
        refuse_to_hold("mlx-lm", faults)
    scaled, scale = one_scale(adapter)
    made, rank = one_rank(scaled)
    tensors: dict[str, Tensor] = {}
    for path, pair in made.pairs.items():
        tensors[f"{path}.lora_a"], tensors[f"{path}.lora_b"] = pair.a.t(), pair.b.t()
        if pair.magnitude is not None:
            tensors[f"{path}.m"] = pair.magnitude
    parameters = {"rank": rank, "scale": scale, "dropout": adapter.dropout}
    config = {
        "model": adapter.base,
        "fine_tune_type": "dora" if adapter.has_magnitudes else "lora",
        "num_layers": len({layer_index(path) for path in made.pairs} - {None}),
        "lora_parameters": {**parameters, "keys": sorted(made.pairs)},
    }
    files = {FILE: tensor_bytes(tensors), CONFIG: document_bytes(config)}
    notes = ["its keys are full paths, which mlx-lm d78bf58e matches as such"]
    if any(pair.embedding for pair in adapter.pairs.values()):
        notes.append("mlx-lm applies an embedding's update to the output too where both are tied")
    return Written(files, Given(rank=rank), (*made.notes, *notes))


def recognises_mlx(path: Path) -> bool:
    """True for a directory with adapters.safetensors."""
    return (path / FILE).is_file()


MLX = Dialect("mlx", "mlx-lm d78bf58e (2026-08)", recognises_mlx, read_mlx, write_mlx)


def _parameters(found: Mapping[str, Any]) -> tuple[int, float, float]:
    kind = found.get("fine_tune_type", "lora")
    if kind not in ("lora", "dora"):
        raise DocumentError(f"{CONFIG}: fine_tune_type is {kind!r}; 'lora' or 'dora' is wanted")
    inner = found.get("lora_parameters")
    if not isinstance(inner, dict):
        raise DocumentError(f"{CONFIG}: lora_parameters (rank, scale, dropout) is missing")
    rank, scale, dropout = inner.get("rank"), inner.get("scale"), inner.get("dropout", 0.0)
    if type(rank) is not int or rank < 1:
        raise DocumentError(f"{CONFIG}: rank is {rank!r}; a whole number of at least 1 is wanted")
    if not isinstance(scale, int | float) or isinstance(scale, bool) or not scale > 0:
        raise DocumentError(f"{CONFIG}: scale is {scale!r}; a number above 0 is wanted")
    if not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise DocumentError(f"{CONFIG}: dropout is {dropout!r}; 0 up to 1 is wanted")
    return rank, float(scale), float(dropout)


def _sorted_out(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        path, _, leaf = name.rpartition(".")
        if leaf not in _LEAVES or not _PATH.fullmatch(path):
            raise DocumentError(f"{FILE} holds '{name}', which is no adapter tensor of a layer")
        if not bool(tensor.isfinite().all()):
            raise DocumentError(f"{FILE} has values in '{name}' that are NaN or infinite")
        found.setdefault(path, {})[leaf] = tensor
    return found


def _pair(path: str, own: Mapping[str, Tensor], *, scale: float) -> Pair:
    if not {"lora_a", "lora_b"} <= own.keys():
        raise DocumentError(f"{FILE} has only {few(sorted(own))} for '{path}'")
    a, b = own["lora_a"], own["lora_b"]
    if a.dim() == 3:
        raise DocumentError(f"{FILE}: '{path}' is a stack of experts, which is not translated")
    if not are_matrices(a, b) or a.shape[1] != b.shape[0]:
        raise DocumentError(f"{FILE} has {tuple(a.shape)} and {tuple(b.shape)} for '{path}'")
    embedding = path.rpartition(".")[2] == _EMBEDDING
    return Pair(a.t().contiguous(), b.t().contiguous(), scale, embedding, (), own.get("m"))
