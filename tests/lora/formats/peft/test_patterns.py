"""PEFT's rules of matching, with PEFT's own functions as the oracle."""

from __future__ import annotations

import re
import time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from verilora.lora.formats.peft.patterns import (
    Targeting,
    named_parameters,
    patterns_for,
    saved_paths,
    value_for,
    wildness,
)

PATHS = [
    "model.embed_tokens",
    "model.layers.0.self_attn.q_proj",
    "model.layers.1.self_attn.q_proj",
    "model.layers.1.mlp.experts.0.q_proj",
    "model.layers.10.self_attn.v_proj",
    "layers.1.self_attn.q_proj",
    "other.q_proj.inner",
    "classifier.dense",
    "classifier",
    "xclassifier",
    "lm_head",
]
TARGETINGS: list[dict[str, Any]] = [
    {"names": ("q_proj",)},
    {"names": ("self_attn.q_proj", "lm_head")},
    {"names": ("layers.1.self_attn.q_proj",)},
    {"names": r".*\.(q|v)_proj"},
    {"names": ("q_proj", "v_proj"), "layers": (1, 10)},
    {"names": ("q_proj",), "layers": (0,), "layers_pattern": ("experts",)},
    {"names": ("q_proj", "dense"), "excluded": ("self_attn.q_proj",)},
    {"names": ("q_proj", "dense"), "excluded": r".*\.0\..*"},
    {"names": ("dense", "q_proj"), "saved": ("classifier",)},
    {"names": None},
]


@pytest.mark.parametrize("fields", TARGETINGS)
def test_the_targets_are_pefts(fields: dict[str, Any]) -> None:
    from peft.tuners.tuners_utils import check_target_module_exists

    ours = Targeting(**fields)

    def listed(value: Any) -> Any:
        return list(value) if isinstance(value, tuple) else value

    config = SimpleNamespace(
        target_modules=listed(ours.names),
        exclude_modules=listed(ours.excluded),
        modules_to_save=listed(ours.saved),
        layers_to_transform=listed(ours.layers),
        layers_pattern=listed(ours.layers_pattern),
        target_parameters=[],
    )
    theirs = {path for path in PATHS if check_target_module_exists(config, path)}
    assert ours.picks(PATHS) == theirs
    assert theirs or ours.names is None


@given(
    some.dictionaries(
        some.sampled_from([*PATHS, "q_proj", r"layers\.\d+\..*", "^lm_head", "embed_tokens|x"]),
        some.integers(1, 9),
    ),
    some.sampled_from(PATHS),
)
def test_the_patterns_are_pefts(patterns: dict[str, int], path: str) -> None:
    from peft.utils.other import get_pattern_key

    theirs = patterns.get(get_pattern_key(list(patterns), path), 0)
    assert value_for(path, patterns, default=0) == theirs


@given(some.dictionaries(some.sampled_from(PATHS), some.integers(1, 3)))
def test_written_patterns_give_every_path_its_value(values: dict[str, int]) -> None:
    written = dict(sorted(patterns_for(values, 2).items()))
    assert {path: value_for(path, written, default=2) for path in values} == values


def test_plain_paths_where_they_are_clear_escaped_where_not() -> None:
    assert patterns_for({"a.q": 2, "a.v": 3}, 2) == {"a.v": 3}
    clash = patterns_for({"layers.q": 3, "model.layers.q": 2}, 2)
    assert clash == {r"^layers\.q": 3, r"^model\.layers\.q": 2}
    assert patterns_for({"a+b": 3, "c(": 2}, 2) == {r"^a\+b": 3, r"^c\(": 2}


def test_modules_trained_whole_match_by_their_end_alone() -> None:
    assert saved_paths(["classifier"], PATHS) == {"classifier", "xclassifier"}
    assert saved_paths([], PATHS) == set()


def test_parameters_by_name_or_end() -> None:
    names = ["a.experts.w", "a.experts.w2", "b.w"]
    assert named_parameters(["experts.w", "b.w"], names) == {"a.experts.w", "b.w"}


@pytest.mark.parametrize(
    "pattern",
    [
        r".*\.(q_proj|v_proj)$",
        r"^(?:.*?(?:vision|language).*?(?:attn|mlp).*?(?:k|v).*?)|(?:\bmodel\.[\d]{1,}\.x)",
        r"(?!.*vision).*layers\.[0-9]+\.(q|k)",
        "plain.path",
        r"a\)*b",
        "[()*+]",
        r"(layers\.)?q",
    ],
)
def test_usual_expressions_are_tame(pattern: str) -> None:
    assert wildness(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(a+)+$", "repeats a group"),
        ("(a|a)*$", "repeats a group"),
        ("(?:a?){30}", "repeats a group"),
        (".*.*.*.*.*.*x", "6 repeats in a row"),
        ("(.*(.*(.*x)))(.*.*.*)", "6 repeats in a row"),
        ("(", "is no regular expression"),
        ("a" * 10_001, "10,001 characters"),
        ("(?x) a # )\n", "repeats a group"),
    ],
)
def test_expressions_that_could_run_for_ever_are_told(pattern: str, told: str) -> None:
    assert told in (wildness(pattern) or "")


def test_what_is_tame_ends_soon() -> None:
    pattern = ".*a.*a.*a.*a.*b"
    assert wildness(pattern) is None
    start = time.monotonic()
    assert re.fullmatch(pattern, "a" * 80) is None
    assert time.monotonic() - start < 10
