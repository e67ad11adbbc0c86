"""Which biases are trained beside the updates."""

from __future__ import annotations

from torch import nn

from verilora.errors import TargetError
from verilora.lora.blueprint import Blueprint
from verilora.lora.layout import is_floating
from verilora.records.adapter import LoraConfig


def biases_to_train(
    model: nn.Module, prints: list[Blueprint], *, config: LoraConfig, whole: tuple[str, ...]
) -> tuple[str, ...]:
    """Full names of the biases that `config.bias` asks for, in the model's order.

    "lora_only" means the `bias` of each adapted module, "all" every parameter of the model whose
    own name has "bias" in it. What lies in a module trained whole is trained there, and not named.
    Raises TargetError if there are none at all.
    Source: loralib 0.1.2, utils.py, `mark_only_lora_as_trainable`, as PEFT does it.
    """
    if config.bias == "none":
        return ()
    adapted = {path for p in prints for path in (p.path, *p.partners)}
    own = [name for name, parameter in model.named_parameters() if is_floating(parameter)]
    if config.bias == "all":
        names = [name for name in own if "bias" in name.rpartition(".")[2]]
    else:
        names = [name for name in own if name.removesuffix(".bias") in adapted]
    if not names:
        where = "the model has" if config.bias == "all" else "the modules that are adapted have"
        fault = f'bias is "{config.bias}", and {where} none; leave it out'
        raise TargetError("the model has no such part", [fault])
    return tuple(n for n in names if not any(n.startswith(f"{path}.") for path in whole))
