"""Rows that follow from what differs: each dimension alone, and never a better level for more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verilora.records.protocol import DIMENSIONS, Row
from verilora.records.recipe import Recipe
from verilora.records.target import Account, Setup, Target
from verilora.verdict.differences import rows_of
from verilora.verdict.protocol import LEVELS, deviations, level_of

DATA = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
ADAPTER = {"rank": 8, "alpha": 8, "init": "gaussian", "modules_to_save": ["classifier"]}
TRAINING = {
    "epochs": 30,
    "batch_size": 16,
    "max_length": 512,
    "weight_decay": 0.1,
    "select": "best",
}
TOLD = {"start": "the adapter of the best MNLI checkpoint", "selection": "best epoch, median of 5"}


def recipe(**changes: Any) -> Recipe:
    """ "training.epochs" -> a value; "task" and "adapter" likewise."""
    parts: dict[str, dict[str, Any]] = {
        "model": {"id": "some/base"},
        "task": {"name": "mrpc"},
        "adapter": dict(ADAPTER),
        "training": dict(TRAINING),
    }
    for field, value in changes.items():
        section, name = field.split(".")
        parts[section][name] = value
    return Recipe.model_validate({"name": "a", **parts})


def account(**changes: Any) -> Account:
    silent = ("training.weight_decay", "training.precision", "adapter.dropout")
    given = {"source": "table 9", "recipe": recipe(), "silent": silent, "told": TOLD}
    return Account.model_validate({**given, **changes})


def target(**changes: Any) -> Target:
    given = {
        "name": "paper/table1/row/mrpc",
        "paper": {"arxiv_id": "0000.00000"},
        "citation": {"section": "Table 1"},
        "reported": {"value": 89.7, "unit": "percent", "items": 408, "aggregation": "median"},
        "metric": "accuracy",
        "bases": ("some/base",),
        "start": "adapter",
        "start_task": "mnli",
        "train_rows": 3668,
        "datasets": (DATA,),
        "accounts": {"paper": account()},
    }
    return Target.model_validate({**given, **changes})


def setup(**changes: Any) -> Setup:
    """What the run met; a name with a dot changes its recipe."""
    fields = {name: changes.pop(name) for name in list(changes) if "." in name}
    given = {
        "recipe": recipe(**fields),
        "base": "same",
        "base_told": "some/base",
        "start": "same",
        "start_told": "an adapter trained on mnli",
        "train_rows": 3668,
        "validation_rows": 408,
        "data": DATA,
        "longest": 90,
        "truncated": 0,
        "environment": "2 CPU cores",
    }
    return Setup.model_validate({**given, **changes})


def row(dimension: str, *, told: Account | None = None, **changes: Any) -> Row:
    rows = rows_of(target(), told or account(), setup(**changes))
    return {one.dimension: one for one in rows}[dimension]


def test_one_row_for_each_dimension_in_order() -> None:
    rows = rows_of(target(), account(), setup())
    assert [one.dimension for one in rows] == list(DIMENSIONS)
    states = {one.dimension: one.state for one in rows}
    silent = {name for name, state in states.items() if state == "paper_silent"}
    assert silent == {"adapter", "optimiser", "precision", "environment"}
    assert {state for name, state in states.items() if name not in silent} == {"same"}
    assert level_of(rows) == "exact"
    assert all(one.filled == "before" for one in rows if one.state == "paper_silent")


def test_a_stated_field_that_differs_is_told_on_both_sides() -> None:
    found = row("adapter", **{"adapter.alpha": 16, "adapter.dropout": 0.1})
    assert (found.state, found.paper, found.ours) == ("different", "alpha 8", "alpha 16")
    assert found.reason == "not stated, and chosen here: dropout 0.1"


def test_a_silent_field_is_filled_with_what_is_chosen() -> None:
    found = row("optimiser", **{"training.weight_decay": 0.01})
    assert (found.state, found.filled) == ("paper_silent", "before")
    assert found.reason == "not stated: weight decay 0.01"
    assert found.ours is not None and "weight decay 0.01" in found.ours
    assert found.paper is not None and "weight decay" not in found.paper


@pytest.mark.parametrize(
    ("field", "value", "dimension", "paper", "ours"),
    [
        ("adapter.rank", 4, "adapter", "rank 8", "rank 4"),
        ("adapter.target_modules", ["key"], "adapter", "on query and value", "on key"),
        ("adapter.init", "kaiming", "adapter", "gaussian start", "kaiming start"),
        ("adapter.layers", [0, 1], "adapter", "no layers", "layers 0 and 1"),
        ("adapter.rank_pattern", {"key": 2}, "adapter", "no rank pattern", "rank pattern key: 2"),
        ("training.method", "full", "adapter", "method lora", "method full"),
        ("training.head_dropout", 0.2, "adapter", "base's own dropout", "head dropout 0.2"),
        (
            "training.learning_rate",
            1e-3,
            "optimiser",
            "learning rate 0.0004",
            "learning rate 0.001",
        ),
        ("training.adam_betas", (0.9, 0.98), "optimiser", "0.9 and 0.999", "0.9 and 0.98"),
        ("training.max_gradient_norm", None, "optimiser", "clipped to 1", "no clipping"),
        ("training.epochs", 6, "epochs_and_batch", "30 epochs", "6 epochs"),
        ("training.max_steps", 9, "epochs_and_batch", "no limit on steps", "9 steps at most"),
        ("training.batch_size", 128, "epochs_and_batch", "batches of 16", "batches of 128"),
        ("training.select", "last", "selection", "best evaluation", "last evaluation"),
        ("training.evaluate_every", 50, "selection", "every epoch", "every 50 steps"),
        ("adapter.dtype", "bfloat16", "precision", "float32", "bfloat16"),
    ],
)
def test_each_field_has_its_dimension(
    field: str, value: Any, dimension: str, paper: str, ours: str
) -> None:
    found = row(dimension, **{field: value})
    assert found.state == "different"
    assert found.paper is not None and paper in found.paper
    assert found.ours is not None and ours in found.ours


@pytest.mark.parametrize("field", ["training.seed", "training.micro_batch_size", "adapter.seed"])
def test_what_is_no_part_of_a_protocol_changes_nothing(field: str) -> None:
    assert rows_of(target(), account(), setup(**{field: 4})) == rows_of(
        target(), account(), setup()
    )


def test_a_base_that_is_quantised_is_another_one() -> None:
    found = row("base", **{"model.base": "nf4"})
    assert (found.state, found.ours) == ("different", "some/base, kept as nf4")
    assert row("base", base="unknown", **{"model.base": "nf4"}).state == "unknown"


def test_base_and_start_are_as_the_setup_found_them() -> None:
    found = row("base", base="different", base_told="another/base")
    assert (found.state, found.paper, found.ours) == ("different", "some/base", "another/base")
    assert row("base", base="unknown").state == "unknown"
    found = row("start", start="different", start_told="the pretrained weights")
    assert (found.state, found.paper) == ("different", TOLD["start"])
    bare = account(told={})
    assert row("start", told=bare).paper == "an adapter trained on mnli"


def test_lengths_that_cut_nothing_are_equivalent() -> None:
    found = row("preprocessing", **{"training.max_length": 128})
    assert found.state == "equivalent"
    assert found.reason == "the longest text has 90 tokens, so that neither limit cuts any"
    assert row("preprocessing", longest=512, truncated=3).state == "same"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"training.max_length": 64, "longest": 64, "truncated": 5}, "different"),
        ({"training.max_length": 1024, "longest": 700}, "different"),
        ({"base": "different"}, "different"),
        ({"base": "different", "training.max_length": 128}, "different"),
        ({"base": "unknown"}, "unknown"),
    ],
)
def test_lengths_that_cut_and_other_tokenizers_differ(changes: dict[str, Any], state: str) -> None:
    assert row("preprocessing", **changes).state == state


@pytest.mark.parametrize("dimension", ["training_data", "evaluation"])
@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "same"),
        ({"data": OTHER}, "equivalent"),
        ({"data": OTHER, "train_rows": 100, "validation_rows": 100}, "different"),
        ({"data": OTHER, "task.name": "rte"}, "different"),
        ({"data": OTHER, "task.train": "a.csv", "task.validation": "b.csv"}, "different"),
    ],
)
def test_data_is_known_by_digest_or_counted(
    dimension: str, changes: dict[str, Any], state: str
) -> None:
    found = row(dimension, **changes)
    assert found.state == state
    if state == "equivalent":
        known = "their digest is none of those known"
        assert found.reason == f"as many rows; the texts were not compared, and {known}"


def test_a_slice_is_told_as_one() -> None:
    found = row("evaluation", data=OTHER, validation_rows=100)
    assert found.ours == "100 of 408 examples"
    assert row("training_data", data=OTHER, validation_rows=100).state == "equivalent"


def test_counts_that_nobody_knows_are_unknown() -> None:
    bare = target(train_rows=None, reported={"value": 89.7, "unit": "percent"})
    states = {r.dimension: r.state for r in rows_of(bare, account(), setup())}
    assert (states["training_data"], states["evaluation"]) == ("unknown", "unknown")


def test_the_metric_is_that_of_the_task_or_named() -> None:
    assert row("metric", **{"task.metrics": ["accuracy", "f1"]}).state == "same"
    found = row("metric", **{"task.metrics": ["f1"]})
    assert (found.state, found.paper, found.ours) == ("different", "accuracy", "f1")
    assert row("metric", **{"task.name": "rte"}).state == "different"


def test_the_environment_differs_where_it_is_told() -> None:
    assert row("environment").state == "paper_silent"
    told = account(told={"environment": "8 GPUs"})
    found = row("environment", told=told)
    assert (found.state, found.paper, found.ours) == ("different", "8 GPUs", "2 CPU cores")
    assert level_of(rows_of(target(), told, setup())) == "near"
    assert row("environment", told=told, environment="8 GPUs").state == "same"


def test_a_precision_that_no_recipe_can_hold_is_compared_by_its_words() -> None:
    half = account(told={"precision": "float16 with loss scaling"}, silent=())
    assert row("precision", told=half).state == "different"
    full = account(told={"precision": "float32"}, silent=())
    assert row("precision", told=full).state == "same"
    assert row("precision", told=full, **{"training.precision": "bfloat16"}).state == "different"


def test_the_selection_tells_how_runs_are_aggregated() -> None:
    found = row("selection")
    assert (found.state, found.paper) == ("same", TOLD["selection"])
    assert found.ours is not None and found.ours.endswith("; median over the runs")


def test_deviations_read_as_sentences() -> None:
    told = deviations(rows_of(target(), account(), setup(**{"adapter.alpha": 16})))
    wanted = "adapter: rank, alpha, targets, dropout: the paper has alpha 8, here it is alpha 16"
    assert told == (wanted,)


CHANGES: dict[str, Any] = {
    "adapter.alpha": 16,
    "adapter.dropout": 0.1,
    "training.weight_decay": 0.0,
    "training.epochs": 3,
    "training.max_length": 128,
    "training.precision": "bfloat16",
    "training.select": "last",
    "task.metrics": ["f1"],
    "task.name": "rte",
    "base": "different",
    "start": "unknown",
    "train_rows": 100,
    "validation_rows": 100,
    "data": OTHER,
    "truncated": 4,
    "longest": 400,
    "environment": "something else",
}
SOME = st.sets(st.sampled_from(sorted(CHANGES)))


@given(few=SOME, more=SOME, words=st.booleans())
def test_changing_more_never_raises_the_level(few: set[str], more: set[str], words: bool) -> None:
    told = account(told={**TOLD, "environment": "2 CPU cores"} if words else TOLD)

    def level(names: set[str]) -> int:
        found = setup(**{name: CHANGES[name] for name in names})
        return LEVELS.index(level_of(rows_of(target(), told, found)))

    assert level(few | more) >= level(few)
