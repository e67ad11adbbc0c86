"""Blueprints: layout, rank, alpha, scale and way of each layer, or one sentence why not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from transformers.pytorch_utils import Conv1D

from verilora.errors import LayerError
from verilora.lora import attach, explain
from verilora.lora.blueprint import draw_blueprints, pattern_path, stores_transposed
from verilora.lora.layout import Layout
from verilora.lora.targets import resolve
from verilora.records.adapter import LoraConfig


class Experts(nn.Module):
    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.up = nn.Parameter(torch.randn(shape))
        self.down = nn.Parameter(torch.randn(shape))


LAYERS: dict[str, tuple[Callable[[], nn.Module], Layout]] = {
    "linear": (lambda: nn.Linear(4, 6), Layout("weight", (6, 4))),
    "gpt2": (lambda: Conv1D(6, 4), Layout("weight", (4, 6), transposed=True)),
    "embedding": (lambda: nn.Embedding(6, 4), Layout("weight", (6, 4), transposed=True)),
    "convolution": (lambda: nn.Conv2d(4, 6, 3, groups=2), Layout("weight", (6, 2, 3, 3))),
}


def prints(model: nn.Module, **config: Any) -> Any:
    wanted = LoraConfig(**{"rank": 2, "target_modules": ["m"], **config})
    return draw_blueprints(model, wanted, resolved=resolve(model, wanted))


@pytest.mark.parametrize("name", LAYERS)
def test_layouts_of_layers(name: str) -> None:
    make, layout = LAYERS[name]
    (blueprint,) = prints(nn.ModuleDict({"m": make()}))
    assert blueprint.layouts == {"weight": layout}
    assert blueprint.parameters() == ["m.weight"]
    assert blueprint.rules == {"weight": "m"}
    assert stores_transposed(make()) == layout.transposed


def test_layouts_of_bare_parameters() -> None:
    model = nn.ModuleDict({"m": Experts(3, 6, 4)})
    bare = {"target_modules": (), "target_parameters": ["m.up", "down"]}
    (blueprint,) = prints(model, **bare)
    assert blueprint.layouts["up"] == Layout("up", (3, 6, 4), experts=3)
    assert blueprint.rules == {"up": "m.up", "down": "down"}
    model["m"].is_transposed = True
    assert prints(model, **bare)[0].layouts["up"].transposed
    plain = prints(nn.ModuleDict({"m": Experts(6, 4)}), **bare)[0].layouts["up"]
    assert plain == Layout("up", (6, 4))
    kernel = prints(
        nn.ModuleDict({"m": nn.Conv1d(4, 6, 3)}), target_modules=(), target_parameters=["m.weight"]
    )
    assert kernel[0].layouts["weight"] == Layout("weight", (6, 4, 3))


def test_ranks_and_alphas_by_pattern() -> None:
    model = nn.ModuleDict({"a": nn.Linear(9, 9), "b": nn.Linear(9, 9), "m": Experts(2, 9, 9)})
    attach(
        model,
        LoraConfig(
            rank=2,
            alpha=8,
            target_modules=["a", "b"],
            target_parameters=["up", "down"],
            rank_pattern={"b": 4, "m.up": 3},
            alpha_pattern={r"[ab]": 16, "down": 5},
        ),
    )
    found = {(e.path, e.name): (e.rank, e.alpha, e.scale) for e in explain(model)}
    assert found == {
        ("a", "weight"): (2, 16, 8),
        ("b", "weight"): (4, 16, 4),
        ("m", "up"): (3, 8, 8 / 3),
        ("m", "down"): (2, 5, 2.5),
    }
    assert pattern_path("m", Layout("up", (2, 9, 9), experts=2)) == "m.up"


def test_the_scale_of_rslora() -> None:
    model = attach(nn.ModuleDict({"m": nn.Linear(9, 9)}), LoraConfig(4, 6, target_modules=["m"]))
    assert explain(model)[0].scale == 1.5
    ruled = LoraConfig(4, 6, target_modules=["m"], scale_rule="rslora")
    assert explain(attach(nn.ModuleDict({"m": nn.Linear(9, 9)}), ruled))[0].scale == 6 / math.sqrt(
        4
    )


class Owner(nn.Linear):
    lora = "my own"


class Subclassed(Tensor):
    """A stand-in for quantised and distributed tensors."""

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return [], None


def quantised() -> nn.Module:
    layer = nn.Linear(4, 4)
    layer.weight = nn.Parameter(torch.ones(4, 4, dtype=torch.int8), requires_grad=False)
    return layer


def wrapped() -> nn.Module:
    layer = nn.Linear(4, 4)
    weight: Any = layer.weight.data.as_subclass(Subclassed)
    layer._parameters["weight"] = weight
    return layer


def bound() -> nn.Module:
    layer = nn.Linear(4, 4)
    layer.lora = nn.Linear(4, 4)
    return layer


REFUSED: dict[str, tuple[Callable[[], nn.Module], dict[str, Any], str]] = {
    "rank": (
        lambda: nn.Linear(4, 9),
        {"rank": 5},
        r"rank 5 is above the size of m \(9 x 4\); at most 4: .* in rank_pattern, or exclude",
    ),
    "depthwise": (
        lambda: nn.Conv1d(4, 4, 1, groups=4),
        {},
        r"rank 2 is above .* \(4 x 1\); at most 1",
    ),
    "quantised": (
        quantised,
        {},
        "m.weight is stored as torch.int8; a floating-point weight is wanted",
    ),
    "subclass": (wrapped, {}, r"m.weight is a Subclassed \(quantised or spread over machines\)"),
    "parametrized": (
        lambda: parametrizations.weight_norm(nn.Linear(4, 4)),
        *({}, r"m.weight is not a plain parameter \(parametrized or replaced\)"),
    ),
    "lazy": (lambda: nn.LazyLinear(4), {}, "m.weight has no shape yet; run the model once"),
    "attribute": (bound, {}, "m has an attribute named 'lora' of its own"),
    "class attribute": (lambda: Owner(4, 4), {}, "m has an attribute named 'lora' of its own"),
    "max_norm": (
        lambda: nn.Embedding(4, 4, max_norm=1.0),
        {},
        r"rescales its rows while it runs \(max_n",
    ),
    "rnn": (
        lambda: nn.LSTM(4, 4),
        {"target_modules": (), "target_parameters": ["weight_ih_l0"]},
        r"m \(LSTM\) keeps its weights in a list",
    ),
    "vector": (
        lambda: nn.Linear(4, 4),
        {"target_modules": (), "target_parameters": ["bias"]},
        r"m.bias has shape \(4,\); 2-D or 3-D is wanted",
    ),
    "head": (
        lambda: quantised(),
        {"target_modules": ["n"], "modules_to_save": ["m"]},
        "cannot be trained",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_refused_and_left_alone(name: str, state: Callable[..., Any]) -> None:
    make, config, told = REFUSED[name]
    model = nn.ModuleDict({"n": nn.Linear(4, 4), "m": make()})
    before = state(model) if name != "lazy" else None
    wanted = LoraConfig(**{"rank": 2, "target_modules": ["n", "m"], **config})
    with pytest.raises(LayerError, match=told):
        attach(model, wanted)
    assert before is None or state(model) == before
    assert not any(
        "lora" in m._modules
        for m in model.modules()
        if type(m) is nn.Linear and m is not model["m"]
    )


def test_a_parameter_of_the_model_itself() -> None:
    model = Experts(3, 4, 4)
    with pytest.raises(LayerError, match="'up' belongs to the model itself, whose class must stay"):
        attach(model, LoraConfig(2, target_modules=(), target_parameters=["up"]))


def test_all_faults_are_told_at_once() -> None:
    model = nn.ModuleDict({"a": nn.Linear(4, 4), "m": quantised(), "z": nn.Linear(9, 1)})
    with pytest.raises(LayerError, match="2 faults") as caught:
        attach(model, LoraConfig(2, target_modules=["a", "m", "z"]))
    assert len(caught.value.faults) == 2
    assert caught.value.path == "m" and caught.value.paths == ("m", "z")
    assert "m.weight is stored" in str(caught.value) and "above the size of z" in str(caught.value)


def test_full_rank_is_allowed() -> None:
    model = attach(nn.ModuleDict({"m": nn.Linear(4, 9)}), LoraConfig(4, target_modules=["m"]))
    assert explain(model)[0].rank == 4
