from __future__ import annotations

import math
import statistics

import pytest

from verilora.anchors.catalog import anchor_names, find_anchor
from verilora.anchors.measure import KEPT, MEASURES
from verilora.errors import RecipeError
from verilora.recipes import catalog


def test_each_anchor_has_a_way_to_be_measured() -> None:
    assert anchor_names() == tuple(MEASURES)
    assert [find_anchor(name).name for name in anchor_names()] == list(anchor_names())


def test_anchors_that_keep_their_runs_are_recipes() -> None:
    for name in KEPT:
        recipe = catalog.load(name)
        assert recipe.training.seed == 0
        assert f"{name}, seed 0" in find_anchor(name).measured


def test_a_misspelt_name_is_answered() -> None:
    with pytest.raises(RecipeError, match="did you mean 'tiny-bits'"):
        find_anchor("tiny-bit")


@pytest.mark.parametrize(
    ("name", "seeds"),
    [
        ("stdlib-minilm", [77.2, 76.6, 76.8]),
        ("mrpc-minilm", [79.66, 79.90, 79.17, 82.11, 81.13, 81.13]),
    ],
)
def test_values_and_tolerances_are_those_of_the_seeds(name: str, seeds: list[float]) -> None:
    quantile = {3: 4.302653, 6: 2.570582}[len(seeds)]  # of t, 97.5 %
    interval = quantile * statistics.stdev(seeds) * math.sqrt(1 + 1 / len(seeds))
    strictest = find_anchor(name).expectations[0]
    assert strictest.value == pytest.approx(statistics.fmean(seeds), abs=0.05)
    assert strictest.tolerance == pytest.approx(interval, abs=0.05)


def test_other_data_have_the_wider_tolerance() -> None:
    demo = find_anchor("stdlib-minilm")
    sampling = 196 * math.sqrt(2 * 0.769 * 0.231 / 650)
    wide = demo.expected(f"sha256:{'0' * 64}")
    assert wide is not None
    assert wide.tolerance == pytest.approx(math.hypot(sampling, 1.52), abs=0.05)
