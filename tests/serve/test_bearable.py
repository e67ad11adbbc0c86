"""What a bank cannot hold is refused before anything is changed, each in its own sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from verilora import AdapterBank
from verilora.errors import AdapterFileError

Write = Callable[..., Path]

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "rank": ("llama", {"rank": 9, "target_modules": ["q_proj"]}, "has rank 9; .* rank=9"),
    "rank of a start": (
        "llama",
        {"rank": 6, "init": "pissa", "target_modules": ["q_proj"]},
        "has rank 12, twice its own",
    ),
    "biases": ("gpt2", {"target_modules": ["c_attn"], "bias": "all"}, "trained biases"),
    "another base": ("llama", {"init": "loftq", "target_modules": ["q_proj"]}, "LoftQ"),
    "convolution": ("convolutional", {"rank": 2, "target_modules": ["0"]}, r"'0' \(Conv1d\)"),
    "bare experts": (
        "mixtral",
        {"rank": 2, "target_modules": [], "target_parameters": ["experts.down_proj"]},
        "is adapted in its weight",
    ),
    "shared whole": (
        "tied",
        {
            "target_modules": ["q_proj"],
            "modules_to_save": ["lm_head", "embed_tokens"],
            "tied": "shared",
        },
        "shares its weight",
    ),
    "whole list": (
        "llama",
        {"target_modules": ["lm_head"], "modules_to_save": ["model.layers"]},
        r"'model.layers' \(ModuleList\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_held_is_refused(case: str, tiny: SimpleNamespace, write: Write) -> None:
    kind, config, told = REFUSED[case]

    def make() -> nn.Module:
        return tiny.llama(tied=True) if kind == "tied" else getattr(tiny, kind)()

    directory = write("a", make(), **{"rank": 4, **config})
    model = make()
    kinds = [type(module) for module in model.modules()]
    bank = AdapterBank(model, rank=8)
    with pytest.raises(AdapterFileError, match=told):
        bank.load("a", directory)
    assert bank.names == () and [type(module) for module in model.modules()] == kinds


def test_experts_that_are_modules_are_refused(tiny: SimpleNamespace, write: Write) -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.experts = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.experts[0](x) + self.experts[1](x)

    directory = write("a", tiny.seeded(Mixed), rank=2, target_modules=["0", "1"])
    with pytest.raises(AdapterFileError, match="order of their own"):
        AdapterBank(tiny.seeded(Mixed)).load("a", directory)


def test_faults_are_told_together(tiny: SimpleNamespace, write: Write) -> None:
    directory = write("a", tiny.gpt2(), rank=9, target_modules=["c_fc"], bias="all")
    with pytest.raises(AdapterFileError) as caught:
        AdapterBank(tiny.gpt2(), rank=8).load("a", directory)
    assert len(caught.value.faults) == 3  # of two layers, and of the biases
