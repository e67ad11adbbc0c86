"""What is drawn of a verdict: every seed, the right interval, nothing that is not there."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.charts.comparison import compare, place_of_ours
from verilora.charts.told import MOST_NAMED
from verilora.records.verdict import VerdictDocument

GOOD = (88.5, 89.0, 89.5, 90.0, 90.4)


def test_each_seed_is_a_row_and_the_interval_stands_at_ours(reproduction: Any) -> None:
    document = reproduction(*GOOD)
    found, statistics = compare(document), document.verdict.statistics
    assert found is not None
    assert [row.label for row in found.rows] == [
        "the paper",
        *(f"seed {seed}" for seed in range(5)),
        "mean of 5",
    ]
    paper, ours = found.rows[0], found.rows[-1]
    assert paper.span == pytest.approx((89.0, 90.4))
    assert paper.text == "89.7 ± 0.7"
    assert ours.values[0] == pytest.approx(89.48)
    assert ours.span == pytest.approx([89.7 + end for end in statistics.interval90])
    assert found.band == pytest.approx((88.3, 91.1))
    assert found.axis == "accuracy (%)"
    assert found.limits[0] < 88.3 < 91.1 < found.limits[1]


def test_decision_and_picture_agree(reproduction: Any) -> None:
    for values in (GOOD, (86.0, 86.2, 85.9, 86.4, 86.1), (87.0, 88.0, 89.0)):
        document = reproduction(*values)
        found = compare(document)
        low, high = found.rows[-1].span
        inside = found.band[0] < low and high < found.band[1]
        outside = high <= found.band[0] or low >= found.band[1]
        assert document.verdict.decision == (
            "equivalent" if inside else "different" if outside else "inconclusive"
        )


def test_one_run_has_a_place_and_no_interval(reproduction: Any) -> None:
    found = compare(reproduction(89.46))
    assert found.rows[-1].span is None
    assert found.rows[-1].label == "ours"
    assert "no interval can be drawn" in found.caption


def test_failed_seeds_are_drawn_otherwise_and_named(reproduction: Any) -> None:
    document = reproduction(89.4, None, 90.0, failed={1: "the loss was not finite"})
    rows = compare(document).rows
    assert [row.kind for row in rows] == ["paper", "seed", "failed", "seed", "ours"]
    assert rows[2].text == "68.4 failed"
    found = compare(reproduction(89.4, None, 90.0, majority=None))
    failed = next(row for row in found.rows if row.kind == "failed")
    assert (failed.label, failed.values, failed.text) == ("seed 1", (), "failed")


def test_the_majority_class_is_drawn_if_it_is_near(reproduction: Any) -> None:
    far = compare(reproduction(*GOOD))
    assert far.majority is None
    near = compare(reproduction(*GOOD, majority=87.5))
    assert near.majority == (87.5, "majority class 87.5")
    assert near.limits[0] < 87.5


def test_very_many_seeds_share_a_row(reproduction: Any) -> None:
    found = compare(reproduction(*(89.0 + i / 50 for i in range(MOST_NAMED + 5))))
    assert [row.label for row in found.rows] == ["the paper", "25 seeds", "mean of 25"]
    assert len(found.rows[1].values) == MOST_NAMED + 5


def test_equal_values_still_have_an_axis(reproduction: Any) -> None:
    found = compare(reproduction(89.7, 89.7, 89.7))
    assert found.limits[0] < 89.7 < found.limits[1]


def test_numbers_in_two_units_are_not_drawn_on_one_axis(reproduction: Any) -> None:
    document = reproduction(89.4, 89.6, 90.0)
    measured = document.verdict.measured.replace(unit="fraction", values=(0.89, 0.9, 0.9))
    mixed = document.verdict.replace(measured=measured, statistics=None)
    found = compare(document.replace(verdict=mixed))
    assert [row.kind for row in found.rows] == ["paper"]
    assert "measured in fraction and reported in percent" in found.caption


def test_a_reference_that_was_measured_takes_the_papers_place(reproduction: Any) -> None:
    document = reproduction(*GOOD)
    pre = document.verdicts.pre
    reference = {"name": "full fine-tuning of the same base", "seeds": (0, 1)}
    plan = pre.plan.to_mapping() | {"reference": reference}
    bare = {key: value for key, value in pre.to_mapping().items() if key != "reported"}
    theirs = {"values": (89.0, 90.4), "unit": "percent"}
    post = document.verdict.to_mapping() | {"reference_measured": theirs}
    whole = VerdictDocument.model_validate(
        {"verdict": post, "verdicts": {"pre": bare | {"plan": plan}}}
    )
    found = compare(whole)
    rows = found.rows
    assert "to each side of full fine-tuning of the same base." in found.caption
    assert [row.label for row in rows[:2]] == ["full fine-tuning", "its seeds"]
    assert rows[1].values == (89.0, 90.4)


def test_nothing_to_draw_without_a_reported_number(reproduction: Any) -> None:
    document = reproduction(*GOOD)
    assert compare(VerdictDocument()) is None
    bare = {k: v for k, v in document.verdict.to_mapping().items() if k in ("kind", "status")}
    assert compare(VerdictDocument.model_validate({"verdict": bare})) is None
    assert compare(VerdictDocument(verdict=document.verdicts.pre)).rows[0].kind == "paper"


def test_our_place_without_statistics(reproduction: Any) -> None:
    verdict = reproduction(80.0, 81.0, 90.0).verdict.replace(statistics=None)
    bare = verdict.measured.replace(value=None)
    assert place_of_ours(verdict.replace(measured=bare)) == pytest.approx(83.6667, abs=1e-3)
    median = bare.replace(aggregation="median")
    assert place_of_ours(verdict.replace(measured=median)) == 81.0
    assert place_of_ours(verdict.replace(measured=None)) is None
