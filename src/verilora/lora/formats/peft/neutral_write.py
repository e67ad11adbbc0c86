"""An Adapter written as a PEFT directory: the two files that PEFT, vLLM and verilora read, and
`verilora.json` where the base is known.

Module names are full paths where it is not known that shorter ones mean no others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from verilora.errors import AdapterFileError
from verilora.lora.formats.adapter import Adapter, Pair, alpha_for_scale
from verilora.lora.formats.documents import document_bytes
from verilora.lora.formats.peft.bound import bound_sidecar
from verilora.lora.formats.peft.names import CONFIG, PREFIX, SIDECAR, WEIGHTS, factor_names
from verilora.lora.formats.peft.neutral import MAGNITUDE
from verilora.lora.formats.peft.patterns import patterns_for
from verilora.lora.formats.peft.stacks import filed
from verilora.lora.formats.tensorfile import tensor_bytes

# Linear layers of transformers that store their weight transposed (GPT-2's Conv1D).
_CONV1D = re.compile(r"(?:.*\.)?h\.\d+\.(?:attn\.c_attn|(?:attn|mlp)\.c_proj|mlp\.c_fc)")


def write_peft(adapter: Adapter) -> dict[str, bytes]:
    """File name -> content. Raises AdapterFileError for what no PEFT adapter can be."""
    fault = _fault(adapter)
    if fault:
        raise AdapterFileError(f"PEFT cannot hold this adapter: {fault}", faults=(fault,))
    config = _config(adapter)
    files = {WEIGHTS: tensor_bytes(_tensors(adapter)), CONFIG: document_bytes(config)}
    defaults = (config["r"], config["lora_alpha"])
    sidecar = bound_sidecar(adapter, files, defaults=defaults, bias=config["bias"])
    return files if sidecar is None else {**files, SIDECAR: sidecar}


def _fault(adapter: Adapter) -> str | None:
    plain = [path for path, pair in adapter.pairs.items() if pair.magnitude is None]
    if adapter.has_magnitudes and plain:
        return f"DoRA's magnitudes stand on some modules and not on {plain[0]}"
    stacks = {(pair.rank, pair.scale) for pair in adapter.pairs.values() if pair.experts}
    if len(stacks) > 1:
        return "its stacks of experts have several ranks or scales; make them alike (--uniform)"
    negative = [path for path, pair in adapter.pairs.items() if not pair.scale > 0]
    if negative:
        return f"the scale of {negative[0]} is {adapter.pairs[negative[0]].scale:g}, not above 0"
    return None


def _tensors(adapter: Adapter) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for path, pair in adapter.pairs.items():
        a_name, b_name = factor_names(path, embedding=pair.embedding)
        found[a_name], found[b_name] = _shaped(pair)
        if pair.magnitude is not None:
            found[f"{PREFIX}{path}{MAGNITUDE}"] = _as_peft(pair.magnitude, pair)
    for state, bias in adapter.biases.items():
        owner = state.rpartition(".")[0]
        middle = "base_layer." if owner in adapter.pairs else ""
        found[f"{PREFIX}{owner}.{middle}bias"] = bias
    found |= {PREFIX + state: value for state, value in adapter.whole.items()}
    return found


def _shaped(pair: Pair) -> tuple[Tensor, Tensor]:
    if pair.experts:
        return filed(pair)
    if not pair.kernel:
        return pair.a, pair.b
    ones = (1,) * (len(pair.kernel) - 1)
    return pair.a.reshape(pair.rank, *pair.kernel), pair.b.reshape(*pair.b.shape, *ones)


def _as_peft(magnitude: Tensor, pair: Pair) -> Tensor:
    """A convolution's magnitudes stand in the second of as many dimensions as its weight has."""
    ones = (1,) * (len(pair.kernel) - 1)
    return magnitude.reshape(1, -1, *ones) if pair.kernel else magnitude


def _config(adapter: Adapter) -> dict[str, Any]:
    ranks = {path: pair.rank for path, pair in adapter.pairs.items()}
    alphas = {path: alpha_for_scale(p.scale, p.rank) for path, p in adapter.pairs.items()}
    stacks = {path for path, pair in adapter.pairs.items() if pair.experts}
    # Of experts the file cannot say a rank by its name.
    rank, alpha = _most({p: r for p, r in ranks.items() if p in stacks} or ranks, alphas)
    ranks, alphas = _without(ranks, stacks), _without(alphas, stacks)
    targets = adapter.targets or sorted(ranks)
    found: dict[str, Any] = {
        "peft_type": "LORA",
        "base_model_name_or_path": adapter.base,
        "bias": _bias(adapter),
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "target_modules": targets if isinstance(targets, str) else list(targets),
        "task_type": adapter.task_type,
    }
    optional = {
        "fan_in_fan_out": bool(ranks) and all(map(_CONV1D.fullmatch, adapter.pairs)),
        "lora_dropout": adapter.dropout,
        "modules_to_save": sorted(adapter.heads),
        "rank_pattern": patterns_for(ranks, rank),
        "alpha_pattern": patterns_for(alphas, alpha),
        "target_parameters": list(adapter.parameters),
        "use_dora": adapter.has_magnitudes,
    }
    return found | {key: value for key, value in optional.items() if value}


def _without(values: Mapping[str, Any], stacks: set[str]) -> dict[str, Any]:
    return {path: value for path, value in values.items() if path not in stacks}


def _most(ranks: Mapping[str, int], alphas: Mapping[str, float]) -> tuple[int, float]:
    """The rank and alpha that most modules have: readers that know no patterns take these."""
    counted = Counter((ranks[path], alphas[path]) for path in ranks)
    return min(counted, key=lambda pair: (-counted[pair], pair))


def _bias(adapter: Adapter) -> str:
    owners = {state.rpartition(".")[0] for state in adapter.biases}
    if not owners:
        return "none"
    return "lora_only" if owners <= adapter.pairs.keys() else "all"
