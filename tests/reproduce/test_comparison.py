"""What is fixed before two sides are run: found from the recipes, and refused where they differ."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verilora.errors import RecipeError
from verilora.records.recipe import Recipe
from verilora.reproduce.comparison import REFERENCE, Comparison, register
from verilora.verdict.conclude import Stamp, prospects

STAMP = Stamp("test", "2026-01-01T00:00:00+00:00")


def test_what_is_fixed_before(versus: Comparison) -> None:
    made = register(versus, stamp=STAMP)
    pre, plan = made.verdict, made.verdict.plan
    assert plan is not None
    assert plan.reference is not None
    assert (pre.kind, pre.protocol_match, pre.score) == ("PRE", "exact", 0.5)
    assert prospects(pre)[0] == "reproduced"
    assert (plan.seeds, plan.reference.seeds) == ((0, 1, 2), (0, 1, 2))
    assert plan.reference.name == REFERENCE
    assert (plan.margin, plan.share_below) == (1.5, 100.0)
    # Rank 2 on query and value of one layer, A and B each, and the head; and every weight there is.
    width = json.loads((Path(versus.ours.model.id) / "config.json").read_bytes())["hidden_size"]
    assert plan.trainable == 2 * 2 * 2 * width + 2 * width + 2
    assert plan.reference.trainable is not None
    assert plan.reference.trainable > 1000
    assert plan.majority == 60.0
    assert register(versus, stamp=STAMP).verdict == pre
    assert made.peak_bytes > 0


def changed(recipe: Recipe, **training: object) -> Recipe:
    return recipe.replace(training=recipe.training.replace(**training))


def test_what_differs_lowers_what_can_come_of_it(versus: Comparison) -> None:
    longer = changed(versus.reference, epochs=9.0)
    pre = register(_with(versus, reference=longer), stamp=STAMP).verdict
    assert (pre.protocol_match, prospects(pre)[0]) == ("proxy", "partial")
    shorter = changed(versus.reference, max_length=8)
    rows = register(_with(versus, reference=shorter), stamp=STAMP).verdict.protocol or ()
    assert [row.dimension for row in rows if row.state == "different"] == ["preprocessing"]


def test_a_margin_may_be_declared(versus: Comparison) -> None:
    plan = register(_with(versus, margin=3.0), stamp=STAMP).verdict.plan
    assert plan is not None
    assert (plan.margin, plan.margin_source) == (3.0, "declared before the runs")


def test_what_does_not_compare_is_refused(versus: Comparison) -> None:
    cases = {
        "methods full and lora found": {"ours": versus.reference, "reference": versus.ours},
        "the margin is -1; a number above 0": {"margin": -1.0},
        "each seed is named once": {"seeds": (0, 0)},
        "there is one at least": {"seeds": ()},
    }
    for told, changes in cases.items():
        with pytest.raises(RecipeError, match=told):
            register(_with(versus, **changes), stamp=STAMP)


def _with(comparison: Comparison, **changes: object) -> Comparison:
    return Comparison(**{**vars(comparison), **changes})
