"""What a config means on a model; whatever matches nothing is told, all of it, with names."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

from verilora.errors import TargetError
from verilora.lora.layers import ConvAdapted, LinearAdapted, WeightAdapted
from verilora.lora.targets import layer_index, resolve
from verilora.records.adapter import LoraConfig


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.value = nn.Linear(4, 4), nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)


class Stack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.layers = nn.ModuleList([Block() for _ in range(3)])
        self.conv = nn.Conv1d(4, 4, 1)
        self.experts = nn.Module()
        self.experts.up = nn.Parameter(nn.Linear(4, 4).weight.data)
        self.drop = nn.Dropout()
        self.classifier = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))


def paths(**config: Any) -> list[str]:
    return [match.path for match in resolve(Stack(), LoraConfig(rank=2, **config)).matches]


Q, V = ([f"layers.{i}.{name}" for i in range(3)] for name in ("query", "value"))


def test_names_are_last_parts_or_whole_paths() -> None:
    assert paths(target_modules=["query"]) == Q
    assert paths(target_modules=["1.query", "layers.0.value", "embed"]) == ["embed", V[0], Q[1]]
    with pytest.raises(TargetError, match="'uery' matches no module; did you mean 'query'"):
        paths(target_modules=["uery"])


def test_a_regular_expression_means_whole_paths() -> None:
    assert paths(target_modules=r"layers\.[01]\.(query|norm)") == Q[:2]
    with pytest.raises(TargetError, match=r"'query' \(a regular expression\) matches no layer"):
        paths(target_modules="query")


def test_the_models_own_order() -> None:
    both = [path for pair in zip(Q, V, strict=True) for path in pair]
    assert paths(target_modules=["value", "query"]) == both


def test_all_linear_without_the_head() -> None:
    found = paths(target_modules="all-linear")
    assert sorted(found) == sorted(Q + V)
    named = paths(target_modules="all-linear", modules_to_save=["layers.0"])
    assert sorted(named) == sorted(Q[1:] + V[1:])


@pytest.mark.parametrize(
    ("name", "head"),
    [("roberta", "classifier"), ("gpt2", "lm_head"), ("llama", "lm_head"), ("t5", "lm_head")],
)
def test_all_linear_of_a_transformers_model(
    name: str, head: str, build: Callable[..., Any]
) -> None:
    model = build(name)[0]
    resolved = resolve(model, LoraConfig(rank=2, target_modules="all-linear"))
    found = {match.path for match in resolved.matches}
    kinds = {"Linear", "Conv1D"}
    every = {path for path, m in model.named_modules() if type(m).__name__ in kinds}
    assert every - found == {path for path in every if path.split(".")[0] == head}
    assert len(found) >= 8


def test_layers_and_exclusions() -> None:
    assert paths(target_modules=["query"], layers=[0, 2]) == [Q[0], Q[2]]
    assert paths(target_modules=["query"], exclude_modules=["1.query"]) == [Q[0], Q[2]]
    assert paths(target_modules="all-linear", exclude_modules=r".*\.(value|0\.query)") == Q[1:]
    assert [layer_index(p) for p in ("encoder.layer.3.q.1", "pooler", "12")] == [3, None, 12]


def test_bare_parameters_obey_them_too() -> None:
    bare = {"target_modules": (), "target_parameters": ["query.weight"]}
    assert paths(**bare) == Q
    assert paths(**bare, layers=[1]) == Q[1:2]
    assert paths(**bare, exclude_modules=["0.query", "layers.2.query.weight"]) == Q[1:2]
    found = resolve(Stack(), LoraConfig(2, target_modules=(), target_parameters=["up"])).matches
    assert [(m.path, m.parameter, m.bare, m.rule) for m in found] == [("experts", "up", True, "up")]


def test_ways_are_known_beforehand() -> None:
    ways = resolve(Stack(), LoraConfig(2, target_modules=["query"])).ways
    assert ways["conv"] is ConvAdapted and ways[Q[0]] is LinearAdapted
    assert "drop" not in ways and "layers.0.norm" not in ways
    attention = nn.ModuleDict({"m": nn.MultiheadAttention(4, 2)})
    read = resolve(attention, LoraConfig(2, target_modules=["out_proj"])).ways
    assert read == {"m.out_proj": WeightAdapted}


def test_modules_trained_whole_are_the_outermost() -> None:
    config = LoraConfig(2, target_modules=["query"], modules_to_save=["classifier", "classifier.1"])
    assert resolve(Stack(), config).whole == ("classifier",)


FAULTS = [
    ({"target_modules": ["qery"]}, "target_modules 'qery' matches no module; did you mean 'query'"),
    (
        {"modules_to_save": ["clasifier"]},
        "'clasifier' matches no module; did you mean 'classifier'",
    ),
    ({"modules_to_save": ["drop"]}, r"modules_to_save 'drop' \(drop\) has nothing to train"),
    ({"exclude_modules": ["valu"]}, "'valu' excludes nothing; did you mean 'value'"),
    ({"layers": [1, 7]}, "layers 7 hold no target; there are 0, 1, 2"),
    (
        {"rank_pattern": {"querry": 1}},
        "rank_pattern 'querry' matches no target; did you mean 'query",
    ),
    ({"alpha_pattern": {"embed": 1}}, "alpha_pattern 'embed' matches no target; there are"),
    (
        {"target_parameters": ["experts.upp"]},
        "'experts.upp' matches nothing; did you mean 'experts.up'",
    ),
    ({"fused": {"qkv": ["q"]}}, "fused 'qkv' matches no target"),
    (
        {"target_modules": ["norm"]},
        "'norm' is LayerNorm at layers.0.norm, which is no layer that can",
    ),
    ({"target_modules": ["layers"]}, "'layers' is ModuleList .* name some of them: query, value"),
    (
        {"target_modules": ["classifier.0"], "modules_to_save": ["classifier"]},
        "adapted or trained whole",
    ),
    (
        {"target_parameters": ["query.weight"]},
        "layers.0.query is named in target_modules and in tar",
    ),
    ({"target_modules": r"query\d"}, "matches no layer"),
    ({"target_modules": ["query"], "exclude_modules": ["query"]}, "nothing is left to adapt"),
]


@pytest.mark.parametrize(("fields", "told"), FAULTS)
def test_what_matches_nothing(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(TargetError, match=told):
        paths(**{"target_modules": ["query", "value"], **fields})


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(TargetError, match="7 faults") as caught:
        paths(
            target_modules=["query", "vallue"],
            modules_to_save=["clasifier"],
            exclude_modules=["kye"],
            layers=[9],
            rank_pattern={"x": 1},
            alpha_pattern={"y": 1},
            target_parameters=["z"],
        )
    told = str(caught.value)
    names = ("vallue", "clasifier", "kye", "layers 9", "'x'", "'y'", "'z'")
    assert all(name in told for name in names)
    assert len(caught.value.faults) == 7


def test_a_module_may_be_named_by_any_of_its_paths() -> None:
    model = Stack()
    model.alias = model.layers[1]
    model.head = model.classifier
    config = LoraConfig(2, target_modules=["alias.query"], modules_to_save=["head"])
    resolved = resolve(model, config)
    assert [match.path for match in resolved.matches] == [Q[1]]
    assert resolved.whole == ("classifier",)
    everything = resolve(model, LoraConfig(2, target_modules=["query"])).matches
    assert [match.path for match in everything] == Q
    bare = LoraConfig(2, target_modules=(), target_parameters=["query.weight"])
    assert [match.path for match in resolve(model, bare).matches] == Q
    held = LoraConfig(2, target_modules=["query"], modules_to_save=["alias"])
    with pytest.raises(TargetError, match=r"layers.1.query is a target and lies in 'layers.1'"):
        resolve(model, held)


def test_a_large_model_is_resolved_at_once() -> None:
    model = nn.ModuleList([Block() for _ in range(400)])
    started = time.perf_counter()
    found = resolve(model, LoraConfig(2, target_modules=["query", "value"])).matches
    assert len(found) == 800
    assert time.perf_counter() - started < 2
