"""Names that mean some modules and no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora import LoraConfig, explain, load_adapter
from verilora.lora.attachment import attachment_of
from verilora.lora.formats.peft.naming import (
    every_path,
    exactly,
    names_for,
    patterns_by_path,
    wild_expressions,
)

Saved = Callable[..., tuple[nn.Module, Path]]
EVERY = {path: path for path in ("a.q", "a.v", "b.q", "b.b.q", "q", "c+d.v")}


@pytest.mark.parametrize(
    ("wanted", "own", "names"),
    [
        (["a.q", "b.q", "b.b.q", "q"], (), ("q",)),
        (["a.q", "b.q", "b.b.q", "q"], ("nothing", "q"), ("q",)),
        (["a.v"], (), ("a.v",)),
        (["a.v", "c+d.v"], ("v",), ("v",)),
        (["a.v", "c+d.v"], ("a.v",), ("v",)),
        (["b.b.q"], (), ("b.b.q",)),
        (["q"], (), "q"),
        (["b.q", "c+d.v"], (), r"b\.q|c\+d\.v"),
        ([], (), ()),
    ],
)
def test_the_shortest_names(wanted: list[str], own: tuple[str, ...], names: Any) -> None:
    assert names_for(wanted, EVERY, own=own) == names


def test_a_module_of_several_paths_goes_by_its_first() -> None:
    shared = nn.Linear(2, 2)
    model = nn.ModuleDict({"a": shared, "b": nn.ModuleDict({"a": shared, "q": nn.Linear(2, 2)})})
    assert every_path(model) == {"a": "a", "b": "b", "b.a": "a", "b.q": "b.q"}
    assert names_for(["a"], every_path(model)) == ("a",)


def test_expressions_for_one_path() -> None:
    assert exactly("a.q", EVERY) == "a.q"
    assert exactly("q", EVERY) == "(?:q)"
    assert exactly("c+d.v", EVERY) == r"(?:c\+d\.v)"


def test_patterns_mean_one_path_each() -> None:
    values = {"a.q": 1, "b.q": 2, "b.b.q": 3, "q": 4}
    for default in (1, 2, 3, 4, 5):
        patterns = patterns_by_path(values, default)
        config = LoraConfig(rank=default, rank_pattern=patterns)
        assert {path: config.rank_of(path) for path in values} == values


WILD: dict[str, dict[str, Any]] = {
    "targets": {"target_modules": r"([a-z_0-9]+\.)+(query|value)"},
    "exclusions": {"target_modules": ["query"], "exclude_modules": r"(\w+\.)*layer\.0\..*"},
    "ranks": {"rank_pattern": {r"(\w+\.)+query": 3}, "alpha_pattern": {r"(\w+\.)+value": 3}},
    "whole": {"modules_to_save": [r"(class)+ifier"]},
}


@pytest.mark.parametrize("case", WILD)
def test_an_expression_that_would_not_run_again_is_written_as_paths(
    case: str, tiny: SimpleNamespace, saved: Saved
) -> None:
    config = {"rank": 2, **WILD[case]}
    assert wild_expressions(LoraConfig(**config))
    model, directory = saved(tiny.roberta(), **config)
    again = load_adapter(tiny.roberta(), directory)
    assert not wild_expressions(attachment_of(again).config)
    own, other = dict(model.named_parameters()), dict(again.named_parameters())
    assert own.keys() == other.keys()
    assert all(torch.equal(own[name], other[name]) for name in own)
    assert [(x.path, x.scale) for x in explain(again)] == [
        (x.path, x.scale) for x in explain(model)
    ]
    (directory / "verilora.json").unlink()
    assert len(explain(load_adapter(tiny.roberta(), directory))) == len(explain(model))


def test_fused_parts_named_by_a_wild_expression(
    tiny: SimpleNamespace, saved: Saved, answer: Callable[[nn.Module, Tensor], Tensor]
) -> None:
    key = r"(\w+\.)+c_attn"
    config = {
        "rank": 2,
        "target_modules": ["c_attn"],
        "fused": {key: ["q", "v"]},
        "fused_sizes": {key: {"q": 16, "k": 16, "v": 16}},
    }
    model, directory = saved(tiny.gpt2(), **config)
    again = load_adapter(tiny.gpt2(), directory)
    assert torch.equal(answer(again, tiny.ids), answer(model, tiny.ids))


def test_a_tame_config_is_kept_as_it_is(tiny: SimpleNamespace, saved: Saved) -> None:
    config = {"rank": 2, "target_modules": r".*layer\.\d+\..*(query|value)"}
    _, directory = saved(tiny.roberta(), **config)
    again = load_adapter(tiny.roberta(), directory)
    assert attachment_of(again).config == LoraConfig(**config)
