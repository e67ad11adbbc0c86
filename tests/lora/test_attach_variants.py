"""Start × weight rule × scale × biases × kind of layer × tie: each works, or is refused.

What works begins where the base was, merges into what it computes, is given back to the bit, and
comes from its directory as it was.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from verilora.errors import VeriloraError
from verilora.lora import attach, base_digests, detach, merge, unmerge
from verilora.lora.formats import load_adapter, save_adapter
from verilora.records.adapter import BIASES, INITS, SCALE_RULES, TIED, WEIGHT_RULES, LoraConfig

WIDTH = 6


class Doubled(nn.Linear):
    """Adapted as a weight: its forward is its own."""

    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


class Experts(nn.Module):
    """Two matrices in one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.Parameter(torch.randn(2, WIDTH, WIDTH))
        self.bias = nn.Parameter(torch.zeros(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("eoi,bi->bo", self.stack, x) + self.bias


class Net(nn.Module):
    """One layer to adapt, before a frozen one."""

    def __init__(self, layer: nn.Module, width: int = WIDTH) -> None:
        super().__init__()
        self.target, self.after = layer, nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.target(x).tanh())


class Tied(nn.Module):
    """Words whose embedding is the output layer's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.between, self.head = (
            nn.Embedding(9, WIDTH),
            nn.Linear(WIDTH, WIDTH),
            nn.Linear(WIDTH, 9),
        )
        self.head.weight = self.words.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.between(self.words(ids)).tanh())


IDS = torch.tensor([[1, 4, 0, 7], [2, 8, 4, 3], [5, 6, 1, 1]])
VECTORS = torch.randn(12, WIDTH, generator=torch.Generator().manual_seed(0))
PICTURE = torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(0))
PARTS = {"fused": {"target": ("q", "v")}, "fused_sizes": {"target": {"q": 2, "k": 2, "v": 2}}}
KINDS: dict[str, tuple[Callable[[], nn.Module], Tensor, dict[str, Any]]] = {
    "linear": (lambda: Net(nn.Linear(WIDTH, WIDTH)), VECTORS, {}),
    "gpt2": (lambda: Net(Conv1D(WIDTH, WIDTH)), VECTORS, {}),
    "weight": (lambda: Net(Doubled(WIDTH, WIDTH)), VECTORS, {}),
    "parts": (lambda: Net(nn.Linear(WIDTH, WIDTH)), VECTORS, PARTS),
    "embedding": (lambda: Net(nn.Embedding(9, WIDTH)), IDS, {}),
    "convolution": (lambda: Net(nn.Conv2d(4, 8, 3), 3), PICTURE, {}),
    "groups": (lambda: Net(nn.Conv2d(4, 8, 3, groups=2), 3), PICTURE, {}),
    "experts": (
        lambda: Net(Experts()),
        VECTORS,
        {"target_modules": (), "target_parameters": ("target.stack",)},
    ),
    "tied head": (Tied, IDS, {"target_modules": ("head",)}),
    "tied words": (Tied, IDS, {"target_modules": ("words",)}),
}
Choice = dict[str, str]


def reasons(kind: str, choice: Choice) -> Iterator[str]:
    """Why a combination is refused: the whole list of what does not go together."""
    init, tied = choice["init"], choice["tied"]
    if choice["weight_rule"] == "dora":
        if kind == "experts":
            yield "no place for the magnitudes of a bare parameter"
        if tied == "shared":
            yield "a magnitude belongs to one output"
    if init == "eva" and kind == "experts":
        yield "a bare parameter has none"
    if init == "eva" and kind in ("embedding", "convolution", "groups", "tied words"):
        yield "whose inputs are no vectors"
    if init == "loftq" and tied == "shared":
        yield "the base is quantised"
    if init == "loftq" and kind == "parts":
        yield "a weight is quantised whole"
    if kind in ("tied head", "tied words") and tied == "refuse":
        yield "merging would change both"
    if kind in ("embedding", "tied words") and choice["bias"] == "lora_only":
        head_too = kind == "tied words" and tied == "shared"
        if not head_too:
            yield "the modules that are adapted have none"


def base(kind: str) -> nn.Module:
    torch.manual_seed(5)
    return KINDS[kind][0]().eval()


def config_of(kind: str, choice: Choice) -> LoraConfig:
    return LoraConfig(
        **{"rank": 2, "alpha": 3, "target_modules": ("target",)} | KINDS[kind][2] | choice
    )


def attached(kind: str, choice: Choice) -> nn.Module:
    batches = [KINDS[kind][1]] if choice["init"] == "eva" else None
    return attach(base(kind), config_of(kind, choice), batches=batches)


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("weight_rule", WEIGHT_RULES)
@pytest.mark.parametrize("kind", KINDS)
def test_each_combination_works_or_is_refused_for_its_reason(
    init: str,
    weight_rule: str,
    kind: str,
    tmp_path: Path,
    train: Callable[..., nn.Module],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # thousands of files, read at once
    for number, (scale_rule, bias, tied) in enumerate(product(SCALE_RULES, BIASES, TIED)):
        choice = {
            "init": init,
            "weight_rule": weight_rule,
            "scale_rule": scale_rule,
            "bias": bias,
            "tied": tied,
        }
        why = list(reasons(kind, choice))
        if why:
            with pytest.raises(VeriloraError) as caught:
                attached(kind, choice)
            assert any(reason in str(caught.value) for reason in why), (choice, caught.value)
        else:
            check(kind, choice, tmp_path / str(number), train=train)


@torch.no_grad()
def check(kind: str, choice: Choice, directory: Path, *, train: Callable[..., nn.Module]) -> None:
    x, untouched = KINDS[kind][1], base(kind)
    before = untouched(x)
    model = attached(kind, choice)
    digests = base_digests(model)
    start = model(x)
    if choice["init"] == "orthogonal":
        torch.testing.assert_close(start, before, rtol=1e-5, atol=1e-6)
    elif choice["init"] != "loftq":
        assert torch.equal(start, before), choice
    train(model, 0.2)
    output = model(x)
    assert (output - start).abs().max() > 1e-3, choice
    merge(model, probe=x)
    torch.testing.assert_close(model(x), output, rtol=1e-4, atol=1e-5)
    assert base_digests(model) == digests
    unmerge(model)
    assert torch.equal(model(x), output), choice
    save_adapter(model, directory)
    again = load_adapter(base(kind), directory)
    assert torch.equal(again(x), output), choice
    assert base_digests(again) == digests
    detach(model)
    state = untouched.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(model(x), before)


def test_the_walk_knows_each_reason_by_what_causes_it() -> None:
    """Nothing is refused but for the reasons listed: most combinations work."""
    every = [
        (
            kind,
            dict(zip(("init", "weight_rule", "scale_rule", "bias", "tied"), chosen, strict=True)),
        )
        for kind, *chosen in product(KINDS, INITS, WEIGHT_RULES, SCALE_RULES, BIASES, TIED)
    ]
    working = [kind for kind, choice in every if not list(reasons(kind, choice))]
    assert len(every) == 2520
    assert len(working) == 1556
    assert set(working) == set(KINDS)


def test_a_copy_carries_everything(train: Callable[..., nn.Module]) -> None:
    choice = {"init": "pissa", "weight_rule": "dora", "bias": "all", "scale_rule": "rslora"}
    model = train(attached("linear", choice))
    twin = copy.deepcopy(model)
    assert torch.equal(twin(VECTORS), model(VECTORS))
    merge(twin)
    detach(twin)
    assert torch.equal(twin(VECTORS), base("linear")(VECTORS))
