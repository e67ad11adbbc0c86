"""litgpt's lit_model.pth.lora, both ways, for its Llama-like models.

q, k and v are one projection `attn.qkv`, their rows one after the other: [q | k | v], with fewer
rows of k and v under grouped queries. (Versions before that called it `attn.attn` and let the rows
alternate group by group; those are refused.) Its LoRA keeps the enabled parts' A on top of each
other, and their B too. Rank and alpha stand in hyperparameters.yaml; a kind of module is adapted
in every layer or in none.
Source: Lightning-AI/litgpt 26857050, version 0.5.13: lora.py, scripts/merge_lora.py,
scripts/convert_lit_checkpoint.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from verilora.lora.formats.adapter import Adapter, Pair, alpha_for_scale, are_matrices
from verilora.lora.formats.architecture import LLAMA_LIKE, Architecture
from verilora.lora.formats.dialect import Dialect, Given, Written, extras_faults, refuse_to_hold
from verilora.lora.formats.documents import DocumentError
from verilora.lora.formats.faults import few, refuse
from verilora.lora.formats.fill import filled, without_blank
from verilora.lora.formats.flat_yaml import flat_bytes, read_flat
from verilora.lora.formats.fold import one_rank, one_scale
from verilora.lora.formats.pickles import pickled_bytes, plain_tensors, read_pickled

FILE = "lit_model.pth.lora"
SETTINGS = "hyperparameters.yaml"
PARTS = {"lora_query": "q_proj", "lora_key": "k_proj", "lora_value": "v_proj"}
"""litgpt's switch -> Hugging Face's module, in the order of the rows."""
OTHERS = {
    "attn.proj": "self_attn.o_proj",
    "mlp.fc_1": "mlp.gate_proj",
    "mlp.fc_2": "mlp.up_proj",
    "mlp.proj": "mlp.down_proj",
}
GROUPS = (("q_proj",), ("k_proj",), ("v_proj",), ("o_proj",), ("gate_proj", "up_proj", "down_proj"))
_OWN = re.compile(r"transformer\.h\.(\d+)\.((?:attn|mlp)\.\w+)\.(lora_[AB])")
_LAYER = re.compile(r"model\.layers\.\d+\.(?:self_attn|mlp)\.(\w+)")


def read_litgpt(path: Path, given: Given) -> Adapter:
    """The adapter in a litgpt output directory (or its file); --model gives the heads."""
    file = path / FILE if path.is_dir() else path
    what = f"{file} cannot be read as litgpt's"
    try:
        settings = _settings(file.parent / SETTINGS)
        alpha = given.alpha if given.alpha is not None else settings.get("lora_alpha")
        on = _enabled(settings, given)
        faults = _lacking(alpha, given.architecture)
        if faults or given.architecture is None or alpha is None:
            refuse(what, faults)
        found = read_pickled(file)
        inner = found["model"] if isinstance(found.get("model"), Mapping) else found
        tensors = plain_tensors(inner, file_bytes=file.stat().st_size)
        reader = _Reader(given.architecture, on, alpha=float(alpha))
        pairs = {
            name: pair
            for (layer, module), own in _sorted_out(tensors).items()
            for name, pair in reader.pairs(layer, module, own=own)
        }
    except DocumentError as error:
        refuse(what, [f"it {error}"], cause=error)
    ranks = {pair.rank for pair in pairs.values()}
    wanted = given.rank if given.rank is not None else settings.get("lora_r")
    if not pairs or (wanted is not None and ranks != {wanted}):
        refuse(what, [f"it has pairs of the ranks {sorted(ranks)}; {wanted} is wanted"])
    dropout = settings.get("lora_dropout")
    plain = float(dropout) if isinstance(dropout, int | float) else 0.0
    return without_blank(Adapter(pairs, dropout=plain, task_type="CAUSAL_LM"))


def write_litgpt(adapter: Adapter, given: Given) -> Written:
    """lit_model.pth.lora and hyperparameters.yaml."""
    faults = extras_faults(adapter)
    known = (*PARTS.values(), *(name.rpartition(".")[2] for name in OTHERS.values()))
    faults += [
        f"'{path}' is no module of a Llama-like layer"
        + (" (litgpt fills its vocabulary up)" if path == "lm_head" else "")
        for path in adapter.pairs
        if not (layer := _LAYER.fullmatch(path)) or layer[1] not in known
    ]
    faults += _architecture_faults(given.architecture)
    if faults or given.architecture is None:
        refuse_to_hold("litgpt", faults)
    whole = filled(adapter, GROUPS, architecture=given.architecture)
    scaled, scale = one_scale(whole)
    made, rank = one_rank(scaled)
    tensors = _tensors(made, given.architecture)
    alpha = alpha_for_scale(scale, rank)
    switches = _switches(made)
    settings: dict[str, Any] = {
        "checkpoint_dir": f"checkpoints/{adapter.base or 'the-base'}",
        "lora_r": rank,
        "lora_alpha": alpha,
        "lora_dropout": adapter.dropout,
        **switches,
        "lora_head": False,
    }
    files = {FILE: pickled_bytes({"model": tensors}), SETTINGS: flat_bytes(settings)}
    note = (
        f"put {FILE} and {SETTINGS} (with its checkpoint_dir set) into a copy of litgpt's "
        "checkpoint directory of the base, without lit_model.pth, for litgpt merge_lora"
    )
    return Written(files, replace(given, rank=rank, alpha=alpha), (*made.notes, note))


def recognises_litgpt(path: Path) -> bool:
    """True for a directory with lit_model.pth.lora, or that file."""
    return (path / FILE).is_file() or (path.is_file() and path.name == FILE)


LITGPT = Dialect("litgpt", "litgpt 0.5.13 (26857050)", recognises_litgpt, read_litgpt, write_litgpt)


class _Reader:
    """Turns litgpt's modules into Hugging Face's pairs."""

    def __init__(self, architecture: Architecture, on: list[str], *, alpha: float) -> None:
        self.architecture, self.on, self.alpha = architecture, on, alpha

    def pairs(
        self, layer: str, module: str, *, own: Mapping[str, Tensor]
    ) -> list[tuple[str, Pair]]:
        if own.keys() != {"lora_A", "lora_B"}:
            raise DocumentError(f"has only {few(sorted(own))} for '{module}' of layer {layer}")
        a, b = own["lora_A"], own["lora_B"]
        if not are_matrices(a, b):
            raise DocumentError(f"has no matrices for '{module}' of layer {layer}")
        scale = self.alpha / b.shape[1]
        if module in OTHERS:
            return [(f"model.layers.{layer}.{OTHERS[module]}", Pair(a, b, scale))]
        if module != "attn.qkv":
            old = ", as before 0.5, where rows alternate" if module == "attn.attn" else ""
            raise DocumentError(f"adapts '{module}'{old}; that is not translated")
        sizes = [self.architecture.rows_of(name) for name in self.on]
        if b.shape[0] != sum(sizes) or a.shape[0] != b.shape[1] * len(self.on):
            raise DocumentError(
                f"has {tuple(a.shape)} and {tuple(b.shape)} for attn.qkv of layer {layer}; the "
                f"model's {few(self.on)} have {sizes} rows"
            )
        split = zip(self.on, a.chunk(len(self.on)), b.split(sizes), strict=True)
        return [
            (f"model.layers.{layer}.self_attn.{name}", Pair(x.clone(), y.clone(), scale))
            for name, x, y in split
        ]


def _settings(path: Path) -> dict[str, Any]:
    return read_flat(path) if path.is_file() else {}


def _enabled(settings: Mapping[str, Any], given: Given) -> list[str]:
    """Hugging Face's names of the parts that are adapted, in the order of their rows."""
    if given.parts:
        return [name for name in PARTS.values() if name[0] in given.parts]
    # litgpt's own defaults: q and v.
    defaults = {"lora_query": True, "lora_key": False, "lora_value": True}
    return [name for switch, name in PARTS.items() if settings.get(switch, defaults[switch])]


def _lacking(alpha: Any, architecture: Architecture | None) -> list[str]:
    faults = _architecture_faults(architecture)
    if not isinstance(alpha, int | float) or not alpha > 0:
        faults.append(f"{SETTINGS} gives no lora_alpha; give it with --alpha")
    return faults


def _architecture_faults(architecture: Architecture | None) -> list[str]:
    if architecture is None:
        return ["the rows of q, k and v depend on the model's heads; give the base with --model"]
    if architecture.model_type not in LLAMA_LIKE:
        return [
            f"the model is '{architecture.model_type}'; of litgpt's models {few(LLAMA_LIKE, 9)} "
            "are translated"
        ]
    return []


def _sorted_out(tensors: Mapping[str, Tensor]) -> dict[tuple[str, str], dict[str, Tensor]]:
    found: dict[tuple[str, str], dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        parts = _OWN.fullmatch(name)
        if parts is None:
            raise DocumentError(f"holds '{name}', which is no adapter tensor of a layer")
        if tensor.dim() != 2 or not bool(tensor.isfinite().all()):
            raise DocumentError(f"has '{name}' with values that are NaN, infinite or no matrix")
        found.setdefault((parts[1], parts[2]), {})[parts[3]] = tensor
    return found


def _tensors(adapter: Adapter, architecture: Architecture) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for index in range(architecture.depth()):
        prefix = f"model.layers.{index}."
        paths = [f"{prefix}self_attn.{name}" for name in PARTS.values()]
        parts = [adapter.pairs[path] for path in paths if path in adapter.pairs]
        if parts:
            own = f"transformer.h.{index}.attn.qkv"
            found[f"{own}.lora_A"] = torch.cat([pair.a for pair in parts])
            found[f"{own}.lora_B"] = torch.cat([pair.b for pair in parts])
        for own, theirs in OTHERS.items():
            pair = adapter.pairs.get(prefix + theirs)
            if pair is not None:
                found[f"transformer.h.{index}.{own}.lora_A"] = pair.a
                found[f"transformer.h.{index}.{own}.lora_B"] = pair.b
    return found


def _switches(adapter: Adapter) -> dict[str, bool]:
    names = {path.rpartition(".")[2] for path in adapter.pairs}
    parts = {switch: name in names for switch, name in PARTS.items()}
    mlp = bool(names & {"gate_proj", "up_proj", "down_proj"})
    return {**parts, "lora_projection": "o_proj" in names, "lora_mlp": mlp}
