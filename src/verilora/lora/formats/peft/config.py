"""adapter_config.json as written: what PEFT needs to build the same adapter, and nothing else.

Keys at PEFT's default are left out, so that older versions, which refuse keys they do not know,
read it too. The names mean in PEFT exactly the modules that are adapted here: the config's own
names if they do, else full paths.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from verilora.lora.formats.peft.blocks import Block
from verilora.lora.formats.peft.inventory import Inventory
from verilora.lora.formats.peft.patterns import (
    Targeting,
    named_parameters,
    patterns_for,
    saved_paths,
    wildness,
)
from verilora.lora.formats.peft.sites import base_modules
from verilora.lora.layers import is_conv1d_of_gpt2

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
# PEFT adds these to the modules trained whole of everything it calls a classifier.
_HEADS_OF_CLASSIFIERS = ("classifier", "score")


def config_of(model: nn.Module, inventory: Inventory) -> dict[str, Any]:
    """The content of adapter_config.json for the adapter on the model."""
    modules = base_modules(model)
    rank, alpha = _defaults(inventory.blocks)
    ranks = {block.target: block.rank for block in inventory.blocks}
    alphas = {block.target: block.alpha for block in inventory.blocks}
    saved = _saved_names(inventory, modules)
    found = {
        "peft_type": "LORA",
        "base_model_name_or_path": base_name(model),
        "bias": inventory.config.bias,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "target_modules": _target_names(inventory, modules, saved=saved),
        "task_type": _task_type(model, modules, whole=inventory.whole),
    }
    optional = {
        # Not for modules trained whole: there PEFT mixes up what it ties (T5), and copies will do.
        "ensure_weight_tying": any(block.partner for block in inventory.blocks),
        "fan_in_fan_out": _all_conv1d(model, inventory.blocks),
        "lora_dropout": inventory.config.dropout,
        "modules_to_save": saved,
        "rank_pattern": patterns_for(ranks, rank),
        "alpha_pattern": patterns_for(alphas, alpha),
        "target_parameters": _parameter_names(inventory, modules),
        "use_dora": inventory.config.weight_rule == "dora",
        "use_rslora": inventory.config.scale_rule == "rslora",
    }
    return found | {key: value for key, value in optional.items() if value}


def base_name(model: nn.Module) -> str | None:
    """The base's id on the hub; None for a directory, which is another on every machine."""
    settings = getattr(model, "config", None)
    name = getattr(settings, "_name_or_path", None) or getattr(model, "name_or_path", None)
    if not isinstance(name, str) or not _HUB_ID.fullmatch(name) or ".." in name:
        return None
    return None if Path(name).exists() else name


def _defaults(blocks: Sequence[Block]) -> tuple[int, float]:
    """The rank and alpha that most pairs have: readers that know no patterns take these."""
    counted = Counter((block.rank, block.alpha) for block in blocks)
    return min(counted, key=lambda pair: (-counted[pair], pair))


def _target_names(
    inventory: Inventory, modules: Mapping[str, nn.Module], *, saved: Sequence[str]
) -> list[str] | str:
    wanted = {block.target for block in inventory.blocks if not block.bare}
    own = inventory.config.target_modules
    last = sorted({path.rpartition(".")[2] for path in wanted})
    tries: list[Any] = [own if isinstance(own, str) else sorted(own), last, sorted(wanted)]
    for names in tries:
        chosen = names if isinstance(names, str) else tuple(names)
        if _picks(Targeting(chosen, saved=tuple(saved)), modules) == wanted:
            return names
    return "|".join(re.escape(path) for path in sorted(wanted))


def _picks(targeting: Targeting, modules: Mapping[str, nn.Module]) -> set[str] | None:
    names = targeting.names
    # PEFT's all-linear takes another choice of heads; a wild expression would not be read again.
    if names == "all-linear" or (isinstance(names, str) and wildness(names)):
        return None
    return targeting.picks(modules)


def _saved_names(inventory: Inventory, modules: Mapping[str, nn.Module]) -> list[str]:
    """Names of the modules trained whole, as PEFT's looser match understands them."""
    wanted = {*inventory.whole, *inventory.echoed}
    own = sorted(inventory.config.modules_to_save)
    return own if saved_paths(own, modules) == wanted else sorted(wanted)


def _parameter_names(inventory: Inventory, modules: Mapping[str, nn.Module]) -> list[str]:
    wanted = {block.target for block in inventory.blocks if block.bare}
    own = sorted(inventory.config.target_parameters)
    every = [f"{path}.{name}" for path, module in modules.items() for name in module._parameters]
    return own if wanted and named_parameters(own, every) == wanted else sorted(wanted)


def _all_conv1d(model: nn.Module, blocks: Iterable[Block]) -> bool:
    return all(
        not block.bare and is_conv1d_of_gpt2(model.get_submodule(block.target)) for block in blocks
    )


def _task_type(
    model: nn.Module, modules: Mapping[str, nn.Module], *, whole: Sequence[str]
) -> str | None:
    """PEFT's name of the task, where that changes nothing of what is adapted or saved."""
    name = type(model).__name__
    if name.endswith("ForSequenceClassification"):
        heads = saved_paths(_HEADS_OF_CLASSIFIERS, modules)
        return "SEQ_CLS" if heads and heads <= set(whole) else None
    if not hasattr(model, "prepare_inputs_for_generation"):
        return None
    if name.endswith(("ForCausalLM", "LMHeadModel")):
        return "CAUSAL_LM"
    return "SEQ_2_SEQ_LM" if name.endswith("ForConditionalGeneration") else None
