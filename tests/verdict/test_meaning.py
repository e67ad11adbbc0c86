"""What a verdict means, piece by piece."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from verilora.records.protocol import LEVELS
from verilora.records.verdict import Reference, Status, Verdict
from verilora.verdict.meaning import (
    LEVEL,
    STATUS,
    cited,
    differences,
    headline,
    level_told,
    margin_told,
    meaning_of,
    reported_told,
    seeds_of,
    shorten,
    shown_value,
)


def test_every_status_and_level_has_its_words() -> None:
    assert set(STATUS) == set(get_args(Status))
    assert set(LEVEL) == set(LEVELS)


def test_headlines(kit: Any) -> None:
    pre = kit.pre()
    post = kit.post(pre=pre)
    assert headline(post, pre.plan) == (
        "5 runs gave 89.5 ± 0.8; the paper says 89.7 ± 0.7; the same within 1.4."
    )
    assert headline(pre, pre.plan).startswith("This is a preregistration")
    bare = post.replace(measured=None)
    assert headline(bare, None).startswith("No values of single runs are recorded")
    mixed = post.replace(measured=kit.measured(0.897, unit="fraction"))
    assert headline(mixed, None).startswith("Measured in fraction, reported in percent")
    unfixed = post.replace(statistics=None, decision=None)
    assert headline(unfixed, None).endswith(
        "no margin was fixed, so whether that is the same is not settled."
    )


def test_a_reference_is_told_by_its_name(kit: Any) -> None:
    pre = kit.pre()
    plan = pre.plan.replace(reference=Reference(name="full fine-tuning", seeds=(0,)))
    assert "; full fine-tuning gave 89.7 ± 0.7; " in headline(kit.post(pre=pre), plan)
    told = meaning_of("reproduced", plan=plan, compared=True)
    assert told.startswith("the two are the same within the margin")
    assert level_told("exact", plan).startswith("both sides were run alike")
    assert level_told("exact", pre.plan) == LEVEL["exact"]
    assert meaning_of("reproduced", plan=pre.plan, compared=True) == STATUS["reproduced"]


def test_partial_without_numbers_claims_nothing() -> None:
    assert "at most" in meaning_of("partial", plan=None, compared=False)
    assert meaning_of("partial", plan=None, compared=True) == STATUS["partial"]


def test_differences_are_all_rows_that_are_not_the_same(kit: Any) -> None:
    rows = kit.rows(
        base="different", start="unknown", metric="equivalent", optimiser="silent_before"
    )
    found = {one.name: one for one in differences(kit.post(pre=kit.pre(protocol=rows)))}
    assert list(found) == ["base", "start", "metric", "optimiser"]
    assert found["start"].why == "unknown: why"
    assert found["metric"].why == "as good as the same: why"
    assert found["optimiser"].why == "the paper is silent; fixed before the runs; why"
    assert found["optimiser"].paper == "silent"
    few = Verdict(kind="POST", status="partial", protocol=rows[:1])
    assert [one.why for one in differences(few)] == ["why", *["nothing is recorded"] * 11]
    assert differences(Verdict(kind="POST", status="partial")) == ()


def test_seeds_stand_in_order_with_those_that_gave_nothing(kit: Any) -> None:
    measured = kit.measured(1.0, 2.0, seeds=(7, 2), failed=(2, 5), runs=3)
    found = seeds_of(kit.post().replace(measured=measured))
    assert [(one.seed, one.value, one.failed) for one in found] == [
        (2, 2.0, True),
        (5, None, True),
        (7, 1.0, False),
    ]
    assert [one.seed for one in seeds_of(kit.post().replace(measured=kit.measured(1.0)))] == [None]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "accuracy 89.7 ± 0.7 (mean of 5 runs, ± is the standard deviation, in percent)"),
        ({"spread": None, "runs": 1, "aggregation": None}, "accuracy 89.7 (1 run, in percent)"),
        ({"spread_kind": None}, "± is not explained"),
        ({"value": 81.333333, "spread": None, "runs": None}, "accuracy 81.33 (in percent)"),
    ],
)
def test_what_is_reported_is_told_with_what_is_known(kit: Any, changes: dict, told: str) -> None:
    assert told in reported_told(kit.post().replace(reported=kit.reported(**changes)))


def test_citations(kit: Any) -> None:
    told = "Table 2, row 'Encoder-small (Bridges)', column 'MRPC', of arXiv:9912.01234"
    assert cited(kit.citation()) == told
    assert cited(None) == "nothing is cited"
    bare = kit.post().replace(reported=None)
    assert reported_told(bare) == "accuracy 89.7, without its unit, spread and runs"


def test_reasons_do_not_repeat_the_differences(kit: Any) -> None:
    verdict = kit.post(pre=kit.pre(protocol=kit.rows(base="different", start="different")))
    proxy = next(caveat for caveat in verdict.caveats if "proxy" in caveat)
    assert "base model" in proxy
    assert shorten(proxy, verdict).endswith("partial at most: see what differs")
    assert shorten("another", verdict) == "another"


def test_small_words(kit: Any) -> None:
    assert shown_value(kit.post(), 89.456) == "89.46"
    computed = kit.post().replace(reported=kit.reported(value=80.123456))
    assert shown_value(computed, 89.456) == "89.46"
    assert margin_told(kit.plan()).startswith("±1.4 points: twice the standard deviation")
