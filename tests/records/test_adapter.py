"""LoraConfig: one form, all faults at once, and back from every form it is written in."""

from __future__ import annotations

import copy
import json
import math
import pickle
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verilora.errors import ConfigError
from verilora.records.adapter import BIASES, DTYPES, INITS, SCALE_RULES, TIED, LoraConfig, matches

steady = settings(max_examples=60, deadline=None, derandomize=True)

words = st.from_regex(r"[a-z_][a-z0-9_]{0,7}(\.[a-z0-9_]{1,6}){0,2}", fullmatch=True)
names = st.lists(words, min_size=1, max_size=4, unique=True).map(tuple)
ranks = st.integers(1, 512)
NARROW = ("orthogonal", "loftq")
"""Starts that do not go with every rank and every fused projection."""
alphas = st.one_of(st.integers(1, 1024), st.floats(1e-6, 1e6))


@st.composite
def configs(draw: st.DrawFn) -> LoraConfig:
    return LoraConfig(
        rank=draw(ranks),
        alpha=draw(alphas),
        dropout=draw(st.floats(0, 1, exclude_max=True)),
        target_modules=draw(st.one_of(names, words, st.just("all-linear"))),
        exclude_modules=draw(st.one_of(st.none(), names)),
        modules_to_save=draw(names),
        rank_pattern=draw(st.dictionaries(words, ranks, max_size=3)),
        alpha_pattern=draw(st.dictionaries(words, alphas, max_size=3)),
        layers=draw(st.one_of(st.none(), st.lists(st.integers(0, 99), min_size=1, max_size=3))),
        fused=draw(st.dictionaries(words, names, max_size=2)),
        fused_sizes=draw(
            st.dictionaries(words, st.dictionaries(words, ranks, min_size=1), max_size=2)
        ),
        scale_rule=draw(st.sampled_from(SCALE_RULES)),
        init=draw(st.sampled_from([init for init in INITS if init not in NARROW])),
        bias=draw(st.sampled_from(BIASES)),
        tied=draw(st.sampled_from(TIED)),
        seed=draw(st.integers(0, 2**53 - 1)),
        dtype=draw(st.sampled_from(DTYPES)),
    )


def faults_of(**fields: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        LoraConfig(**fields)
    return caught.value.facts["faults"]


@steady
@given(configs())
def test_comes_back_from_a_mapping_a_pickle_and_a_copy(config: LoraConfig) -> None:
    for again in (
        LoraConfig.from_mapping(config.to_mapping()),
        pickle.loads(pickle.dumps(config)),
        copy.deepcopy(config),
    ):
        assert again == config
        assert hash(again) == hash(config)
        assert repr(again) == repr(config)


@steady
@given(configs())
def test_comes_back_from_json_whose_keys_were_sorted(config: LoraConfig) -> None:
    text = json.dumps(config.to_mapping(), sort_keys=True, allow_nan=False)
    again = LoraConfig.from_mapping(json.loads(text))
    assert again == config
    assert repr(again) == repr(config)


@steady
@given(configs())
def test_scale_is_alpha_over_rank_everywhere(config: LoraConfig) -> None:
    for path in ("encoder.0.query", *config.rank_pattern, *config.alpha_pattern):
        rank, alpha = config.rank_of(path), config.alpha_of(path)
        below = math.sqrt(rank) if config.scale_rule == "rslora" else rank
        assert config.scale(path) == alpha / below


def test_equal_configs_are_written_alike() -> None:
    whole = LoraConfig(alpha=16, dropout=0, target_modules=["query"])
    fraction = LoraConfig(alpha=16.0, dropout=0.0, target_modules=("query",))
    assert whole == fraction
    assert hash(whole) == hash(fraction)
    assert json.dumps(whole.to_mapping()) == json.dumps(fraction.to_mapping())


def test_differs_where_the_order_of_fused_parts_differs() -> None:
    sizes = {"c_attn": {"q": 4, "k": 2, "v": 2}}
    turned = {"c_attn": {"k": 2, "q": 4, "v": 2}}
    one, other = (LoraConfig(fused_sizes=each) for each in (sizes, turned))
    assert one != other
    assert list(other.fused_sizes["c_attn"]) == ["k", "q", "v"]


def test_the_longest_pattern_rules_in_whatever_order_it_was_given() -> None:
    patterns = {"query": 4, "layer.1.attention.query": 2, r".*\.value": 3}
    for given_patterns in (patterns, dict(reversed(patterns.items()))):
        config = LoraConfig(rank_pattern=given_patterns)
        assert config.rank_of("layer.1.attention.query") == 2
        assert config.rank_of("layer.0.attention.query") == 4
        assert config.rank_of("layer.0.attention.value") == 3
        assert config.rank_of("layer.0.attention.key") == 8


def test_a_mapping_that_was_given_is_not_kept() -> None:
    pattern = {"query": 4}
    config = LoraConfig(rank_pattern=pattern)
    pattern["query"] = 64
    assert config.rank_of("query") == 4
    with pytest.raises(TypeError):
        config.rank_pattern["query"] = 64  # type: ignore[index]


def test_all_faults_are_told_at_once() -> None:
    faults = faults_of(
        rank=0,
        alpha=float("nan"),
        dropout=1.0,
        seed=-1,
        init="kaimin",
        target_modules=(),
        layers=[-1],
        rank_pattern={"(": 0},
    )
    for field in ("rank is", "alpha", "dropout", "seed", "init", "target_modules", "layers"):
        assert any(fault.startswith(field) for fault in faults), field
    assert sum(fault.startswith("rank_pattern") for fault in faults) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rank", True),
        ("rank", 8.0),
        ("rank", "8"),
        ("alpha", 0),
        ("alpha", -1.0),
        ("alpha", float("inf")),
        ("alpha", 10**400),
        ("alpha", None),
        ("dropout", -0.1),
        ("dropout", "0.1"),
        ("seed", 2**53),
        ("seed", 0.5),
        ("target_modules", 5),
        ("target_modules", ["query", ""]),
        ("target_modules", ["query", 1]),
        ("target_modules", ["all-linear", "query"]),
        ("target_modules", "("),
        ("exclude_modules", {"query": 1}),
        ("modules_to_save", [None]),
        ("layers", 3),
        ("layers", 5.0),
        ("layers", []),
        ("layers", "12"),
        ("rank_pattern", [["query", 4]]),
        ("rank_pattern", {"query": 0}),
        ("rank_pattern", {1: 4}),
        ("alpha_pattern", {"query": float("nan")}),
        ("fused", {"c_attn": "q"}),
        ("fused", {"c_attn": ["q", "q"]}),
        ("fused", {"c_attn": [1]}),
        ("fused_sizes", {"c_attn": {"q": 0}}),
        ("fused_sizes", {"c_attn": [["q", 1], ["q", 1]]}),
        ("fused_sizes", {"c_attn": 768}),
        ("bias", "some"),
        ("weight_rule", "Dora"),
        ("scale_rule", ["lora"]),
        ("dtype", "float64"),
    ],
)
def test_refuses(field: str, value: Any) -> None:
    faults = faults_of(**{field: value})
    assert len(faults) == 1
    assert faults[0].startswith(field)


@pytest.mark.parametrize("nothing", [None, (), "", []])
def test_no_module_is_fine_only_where_parameters_are_named(nothing: Any) -> None:
    assert "nothing would be adapted" in faults_of(target_modules=nothing)[0]
    config = LoraConfig(target_modules=nothing, target_parameters="experts.down_proj")
    assert config.target_modules == ()
    assert config.target_parameters == ("experts.down_proj",)


def test_unknown_fields_are_told_with_the_nearest_and_with_the_other_faults() -> None:
    with pytest.raises(ConfigError) as caught:
        LoraConfig.from_mapping({"rnak": 8, "Alpha_patern": {}, "rank": 0})
    faults = caught.value.facts["faults"]
    assert faults[0] == "unknown field 'rnak'; did you mean 'rank'?"
    assert "'alpha_pattern'" in faults[1]
    assert faults[2].startswith("rank is 0")


@pytest.mark.parametrize("values", [None, 3, "rank", ["rank"]])
def test_refuses_what_is_no_mapping(values: Any) -> None:
    with pytest.raises(ConfigError, match="a mapping of its fields is wanted"):
        LoraConfig.from_mapping(values)


def test_replace_checks_again() -> None:
    config = LoraConfig(target_modules=["query"])
    assert config.replace(rank=4).rank == 4
    assert config.rank == 8
    with pytest.raises(ConfigError):
        config.replace(rank=0)


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("query", "layer.0.query", True),
        ("query", "query", True),
        ("attention.query", "layer.0.attention.query", True),
        ("query", "layer.0.my_query", False),
        ("query", "query.0", False),
        (r"layer\.[02]\..*", "layer.2.query", True),
        (r"layer\.[02]", "layer.2.query", False),
        ("experts[0", "experts[0", True),
        ("experts[0", "other", False),
    ],
)
def test_matches(name: str, path: str, expected: bool) -> None:
    assert matches(name, path) is expected


def test_needs_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules); import verilora.records.adapter\n"
        "roots = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(roots - set(sys.stdlib_module_names) - {'verilora'}))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_a_later_field_is_left_out_at_its_default() -> None:
    mapping = LoraConfig().to_mapping()
    assert not LoraConfig.LATER & set(mapping)
    set_too = LoraConfig(init="loftq", loftq_rounds=2).to_mapping()
    assert set_too["loftq_rounds"] == 2
    assert LoraConfig.from_mapping(set_too).loftq_rounds == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"init": "loftq", "loftq_rounds": 0},
        {"init": "loftq", "loftq_rounds": 1.5},
        {"init": "eva", "rank_spread": 0.5},
        {"init": "eva", "rank_spread": float("nan")},
    ],
)
def test_refuses_an_option_of_a_start(fields: dict[str, Any]) -> None:
    (fault,) = faults_of(**fields)
    assert "at least 1" in fault
