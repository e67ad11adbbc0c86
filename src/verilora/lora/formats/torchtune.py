"""torchtune's adapter_model.pt, both ways.

Names of its own, and the rows of q and k in another order: its rotary embedding turns neighbouring
rows (2i, 2i+1) of a head together, Hugging Face's row i with row i + half a head. Its Qwen models
keep Hugging Face's order. LoRA and DoRA; one rank and alpha, which the file does not say.
Source: pytorch/torchtune bd2a0fc7c: models/convert_weights.py, models/*/_convert_weights.py,
modules/peft/lora.py and dora.py, training/checkpointing/_checkpointer.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from verilora.lora.formats.adapter import Adapter, Pair, alpha_for_scale, are_matrices
from verilora.lora.formats.architecture import LLAMA_LIKE, Architecture
from verilora.lora.formats.dialect import Dialect, Given, Written, extras_faults, refuse_to_hold
from verilora.lora.formats.documents import (
    DocumentError,
    document_bytes,
    parse_document,
    read_file,
)
from verilora.lora.formats.faults import few, refuse
from verilora.lora.formats.fill import filled, without_blank
from verilora.lora.formats.fold import one_rank, one_scale
from verilora.lora.formats.pickles import pickled_bytes, plain_tensors, read_pickled

FILE = "adapter_model.pt"
CONFIG = "adapter_config.json"
NAMES = {
    "q_proj": "attn.q_proj",
    "k_proj": "attn.k_proj",
    "v_proj": "attn.v_proj",
    "o_proj": "attn.output_proj",
    "gate_proj": "mlp.w1",
    "down_proj": "mlp.w2",
    "up_proj": "mlp.w3",
}
"""Last name of Hugging Face's module -> torchtune's module in its layer."""
SUFFIXES = {"lora_a.weight": "a", "lora_b.weight": "b", "magnitude": "magnitude"}
GROUPS = (("q_proj",), ("k_proj",), ("v_proj",), ("o_proj",), ("gate_proj", "up_proj", "down_proj"))
_IN_HUGGING_FACES_ORDER = ("qwen2", "qwen3")
_LAYER = re.compile(r"model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)")
_OWN = re.compile(r"layers\.(\d+)\.((?:attn|mlp)\.\w+)")


def read_torchtune(path: Path, given: Given) -> Adapter:
    """The adapter in a pickled state dict; --model gives the heads, and alpha must be known."""
    file = path / FILE if path.is_dir() else path
    what = f"{file} cannot be read as torchtune's"
    given = _with_config(file.parent / CONFIG, given)
    faults = _lacking(given)
    if faults or given.architecture is None or given.alpha is None:
        refuse(what, faults)
    try:
        tensors = plain_tensors(read_pickled(file), file_bytes=file.stat().st_size)
        found = _sorted_out(tensors)
        pairs = {
            name: _read_pair(name, own, architecture=given.architecture, alpha=given.alpha)
            for name, own in found.items()
        }
    except DocumentError as error:
        refuse(what, [f"it {error}"], cause=error)
    if not pairs:
        refuse(what, ["it holds no lora_a and lora_b"])
    ranks = sorted({pair.rank for pair in pairs.values()})
    if given.rank is not None and ranks != [given.rank]:
        refuse(what, [f"it has the rank {few([*map(str, ranks)])}, and {given.rank} was given"])
    return without_blank(Adapter(pairs, task_type="CAUSAL_LM"))


def write_torchtune(adapter: Adapter, given: Given) -> Written:
    """adapter_model.pt, and the rank and alpha in adapter_config.json as torchtune writes it."""
    faults = extras_faults(adapter, allow=("magnitudes",))
    faults += [
        f"'{path}' is no module that torchtune adapts in a Llama-like model"
        for path in adapter.pairs
        if path != "lm_head" and not _own_name(path)
    ]
    faults += _architecture_faults(given.architecture)
    if faults or given.architecture is None:
        refuse_to_hold("torchtune", faults)
    whole = filled(adapter, GROUPS, architecture=given.architecture)
    if whole.has_magnitudes and len(whole.pairs) != len(adapter.pairs):
        refuse_to_hold("torchtune", ["DoRA's magnitudes of the modules left out are not known"])
    scaled, scale = one_scale(whole)
    made, rank = one_rank(scaled)
    alpha = alpha_for_scale(scale, rank)
    tensors: dict[str, Tensor] = {}
    for path, pair in made.pairs.items():
        tensors |= _written(path, pair, architecture=given.architecture)
    config = {"r": rank, "lora_alpha": alpha, "target_modules": _last_names(made)}
    config |= {"peft_type": "LORA", "base_model_name_or_path": adapter.base}
    files = {FILE: pickled_bytes(tensors), CONFIG: document_bytes(config)}
    modules = [
        name for name in ("q_proj", "k_proj", "v_proj", "o_proj") if name in _last_names(made)
    ]
    note = f"set lora_rank={rank}, lora_alpha={alpha:g} and lora_attn_modules={modules}"
    return Written(files, replace(given, rank=rank, alpha=alpha), (*made.notes, note))


def recognises_torchtune(path: Path) -> bool:
    """True for a directory with adapter_model.pt, or that file."""
    return (path / FILE).is_file() or (path.is_file() and path.name == FILE)


TORCHTUNE = Dialect(
    "torchtune",
    "torchtune bd2a0fc7c (2026-04)",
    recognises_torchtune,
    read_torchtune,
    write_torchtune,
)


def to_neighbours(rows: Tensor, heads: int) -> Tensor:
    """Rows [heads · size, ..] from Hugging Face's order (halves of a head) to torchtune's."""
    size = rows.shape[0] // heads
    split = rows.reshape(heads, 2, size // 2, *rows.shape[1:])
    return split.transpose(1, 2).reshape(rows.shape)


def to_halves(rows: Tensor, heads: int) -> Tensor:
    """The way back."""
    size = rows.shape[0] // heads
    split = rows.reshape(heads, size // 2, 2, *rows.shape[1:])
    return split.transpose(1, 2).reshape(rows.shape)


def _with_config(path: Path, given: Given) -> Given:
    """Rank and alpha of the file that torchtune puts beside the weights, where nothing is given."""
    if not path.is_file():
        return given
    try:
        found = parse_document(read_file(path, limit=1 << 20))
    except DocumentError as error:
        refuse(f"{path} cannot be read", [f"it {error}"], cause=error)
    rank, alpha = given.rank, given.alpha
    if rank is None and type(found.get("r")) is int:
        rank = found["r"]
    if alpha is None and type(found.get("lora_alpha")) in (int, float):
        alpha = float(found["lora_alpha"])
    return replace(given, rank=rank, alpha=alpha)


def _lacking(given: Given) -> list[str]:
    faults = [] if given.alpha else ["it holds no alpha; give the training's lora_alpha (--alpha)"]
    return faults + _architecture_faults(given.architecture)


def _architecture_faults(architecture: Architecture | None) -> list[str]:
    if architecture is None:
        return ["the rows of q and k depend on the model's heads; give the base with --model"]
    if architecture.model_type not in LLAMA_LIKE:
        return [
            f"the model is '{architecture.model_type}'; of torchtune's models {few(LLAMA_LIKE, 9)} "
            "are translated"
        ]
    return []


def _sorted_out(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        suffix = next((end for end in SUFFIXES if name.endswith(f".{end}")), None)
        path = _hugging_faces(name.removesuffix(f".{suffix}")) if suffix else None
        if path is None:
            raise DocumentError(f"holds '{name}', which is no adapter tensor of a layer")
        if not bool(tensor.isfinite().all()):
            raise DocumentError(f"has values in '{name}' that are NaN or infinite")
        found.setdefault(path, {})[SUFFIXES[suffix or ""]] = tensor
    return found


def _hugging_faces(name: str) -> str | None:
    if name == "output":
        return "lm_head"
    layer = _OWN.fullmatch(name)
    last = next((k for k, own in NAMES.items() if layer and own == layer[2]), None)
    part = "mlp" if layer and layer[2].startswith("mlp.") else "self_attn"
    return f"model.layers.{layer[1]}.{part}.{last}" if layer and last else None


def _own_name(path: str) -> str | None:
    layer = _LAYER.fullmatch(path)
    if path == "lm_head":
        return "output"
    known = layer is not None and layer[2] in NAMES
    return f"layers.{layer[1]}.{NAMES[layer[2]]}" if known and layer else None


def _read_pair(
    path: str, own: Mapping[str, Tensor], *, architecture: Architecture, alpha: float
) -> Pair:
    if not {"a", "b"} <= own.keys():
        raise DocumentError(f"has only {few(sorted(own))} for '{path}'")
    a, b, magnitude = own["a"], own["b"], own.get("magnitude")
    if not are_matrices(a, b) or a.shape[0] != b.shape[1]:
        raise DocumentError(f"has factors {tuple(a.shape)} and {tuple(b.shape)} for '{path}'")
    heads = _turned_heads(path, architecture)
    if heads:
        if b.shape[0] % (2 * heads):
            raise DocumentError(f"has {b.shape[0]} rows for '{path}', not {heads} heads of them")
        b = to_halves(b, heads)
        magnitude = None if magnitude is None else to_halves(magnitude, heads)
    return Pair(a, b, alpha / a.shape[0], magnitude=magnitude)


def _written(path: str, pair: Pair, *, architecture: Architecture) -> dict[str, Tensor]:
    heads, name = _turned_heads(path, architecture), _own_name(path)
    b = to_neighbours(pair.b, heads) if heads else pair.b
    found = {f"{name}.lora_a.weight": pair.a, f"{name}.lora_b.weight": b}
    if pair.magnitude is not None:
        magnitude = to_neighbours(pair.magnitude, heads) if heads else pair.magnitude
        found[f"{name}.magnitude"] = magnitude
    return found


def _turned_heads(path: str, architecture: Architecture) -> int:
    """How many heads' rows change places; 0 for none."""
    last = path.rpartition(".")[2]
    turned = last in ("q_proj", "k_proj")
    if not turned or architecture.model_type in _IN_HUGGING_FACES_ORDER:
        return 0
    return architecture.heads_of(last)


def _last_names(adapter: Adapter) -> list[str]:
    return sorted({path.rpartition(".")[2] for path in adapter.pairs})
