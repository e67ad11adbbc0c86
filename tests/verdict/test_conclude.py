"""Preregistration and verdict: fixed before, the same bytes after, nothing dropped."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from verilora.errors import DataError
from verilora.records.run import Run
from verilora.records.together import Together
from verilora.records.verdict import Paper, Verdict, VerdictDocument
from verilora.verdict.conclude import Work, conclude, document_of, prospects, result_of
from verilora.verdict.judge import judge

SHA = "sha256:" + "0" * 64


def test_a_preregistration(kit: Any) -> None:
    pre = kit.pre(protocol=kit.rows(base="different"))
    assert (pre.kind, pre.status, pre.score) == ("PRE", "pending", 0.8)
    assert pre.protocol_match == "proxy"
    assert pre.caveats == (
        "base model and its revision: the paper has not said, here it is this (why)",
    )
    assert Verdict.model_validate_json(pre.canonical()).digest == pre.digest
    assert kit.pre(forecast=0.7).digest != pre.digest
    assert kit.pre(plan=kit.plan(margin=1.5)).digest != pre.digest
    with pytest.raises(DataError, match="the margin is in points, the paper's number in percent"):
        kit.pre(plan=kit.plan(unit="points"))


@pytest.mark.parametrize(
    ("plan", "rows", "highest", "names"),
    [
        ({}, {}, "reproduced", []),
        ({"seeds": [0, 1]}, {}, "partial", ["few-seeds"]),
        ({}, {"base": "different"}, "partial", ["proxy"]),
        ({}, {"precision": "different"}, "reproduced", ["near"]),
        ({}, {"metric": "unknown"}, "pending", ["unknown"]),
    ],
)
def test_what_can_come_of_it(kit: Any, plan: dict, rows: dict, highest: str, names: list) -> None:
    status, reasons = prospects(kit.pre(plan=kit.plan(**plan), protocol=kit.rows(**rows)))
    assert status == highest
    assert [reason.name for reason in reasons] == names


def test_a_sound_reproduction(kit: Any) -> None:
    made = kit.post(paper_text=kit.paper)
    assert (made.status, made.decision, made.protocol_match) == (
        "reproduced",
        "equivalent",
        "exact",
    )
    assert made.exploratory is False
    assert made.caveats == ()
    assert made.measured is not None
    assert made.measured.seeds == (0, 1, 2, 3, 4)
    assert made.score_unit == made.confidence_unit == "probability"
    assert kit.post(*kit.items(345)).status == "not_reproduced"


@pytest.mark.parametrize(
    ("rows", "status"),
    [({"base": "different"}, "partial"), ({"metric": "unknown"}, "pending")],
)
def test_the_protocol_holds_it_down(kit: Any, rows: dict, status: str) -> None:
    made = kit.post(pre=kit.pre(protocol=kit.rows(**rows)))
    assert made.status == status
    assert made.decision == "equivalent"
    assert any("protocol" in caveat for caveat in made.caveats or ())


def test_the_same_work_gives_the_same_bytes(kit: Any) -> None:
    pre = kit.pre()
    results = list(kit.results(*kit.items(365), pre=pre))
    bytes_of = set()
    for seed in range(4):
        random.Random(seed).shuffle(results)
        work = Work(tuple(results), 408, 408)
        bytes_of.add(conclude(pre, work, stamp=kit.after).canonical())
    assert len(bytes_of) == 1
    other = replace(kit.after, computed_at="2026-01-03T00:00:00Z")
    assert conclude(pre, work, stamp=other).id != conclude(pre, work, stamp=kit.after).id


@pytest.mark.parametrize("centre", [365, 355, 345])
@pytest.mark.parametrize("runs", [1, 2, 3, 5])
@pytest.mark.parametrize("text", [True, False])
def test_judged_again_it_is_the_same(kit: Any, centre: int, runs: int, text: bool) -> None:
    pre = kit.pre(plan=kit.plan(seeds=list(range(runs))))
    made = kit.post(*kit.items(centre, runs=runs), pre=pre, paper_text=kit.paper if text else None)
    content = document_of(made, pre, paper=Paper(title="A paper")).canonical()
    judgement = judge(VerdictDocument.model_validate_json(content))
    assert judgement.agrees
    assert judgement.status == made.status
    assert judgement.statistics == made.statistics
    assert (judgement.score, judgement.confidence) == (made.score, made.confidence)


def test_a_failed_seed_counts_with_the_majority_class(kit: Any) -> None:
    pre = kit.pre()
    results = list(kit.results(*kit.items(365), pre=pre))
    results[2] = replace(results[2], value=None, failed="the loss became nan\nat step 3")
    made = conclude(pre, Work(tuple(results), 408, 408), stamp=kit.after)
    assert made.measured is not None
    assert made.measured.values[2] == 68.38
    assert made.measured.failed == (2,)
    assert made.measured.runs == 5
    assert made.status == "inconclusive"
    assert "seed 2 failed and counts all the same: the loss became nan at step 3" in made.caveats


def test_a_failed_seed_without_any_number_leaves_it_open(kit: Any) -> None:
    pre = kit.pre(plan=kit.plan(majority=None))
    results = list(kit.results(*kit.items(365), pre=pre))
    results[4] = replace(results[4], value=None)
    made = conclude(pre, Work(tuple(results), 408, 408), stamp=kit.after)
    assert made.measured is not None
    assert (len(made.measured.values), made.measured.failed) == (4, (4,))
    assert (made.status, made.decision) == ("inconclusive", "inconclusive")


def test_a_collapsed_seed_keeps_its_own_value(kit: Any) -> None:
    pre = kit.pre()
    results = list(kit.results(*kit.items(365), pre=pre))
    results[0] = replace(results[0], value=31.6, failed="below the majority class")
    made = conclude(pre, Work(tuple(results), 408, 408), stamp=kit.after)
    assert made.measured is not None
    assert made.measured.values[0] == 31.6


def test_a_dropped_seed_is_a_deviation(kit: Any) -> None:
    pre = kit.pre()
    results = kit.results(*kit.items(365), pre=pre)[:4]
    made = conclude(pre, Work(results, 408, 408), stamp=kit.after)
    assert made.status == "partial"
    assert any("seeds 4 were planned and are missing" in caveat for caveat in made.caveats or ())


def test_runs_made_under_several_plans_are_registered_by_each(kit: Any) -> None:
    pre = kit.pre()
    together = Together(digests=(pre.digest, SHA))
    results = [
        replace(one, preregistration=together.digest)
        for one in kit.results(*kit.items(365), pre=pre)
    ]
    made = conclude(pre, Work(tuple(results), 408, 408, together=together), stamp=kit.after)
    assert not made.exploratory and made.preregistration == pre.digest
    # A record that does not hold this plan, or none, fixes nothing.
    other = Together(digests=(SHA, SHA))
    elsewhere = [replace(one, preregistration=other.digest) for one in results]
    for work in (
        Work(tuple(elsewhere), 408, 408, together=other),
        Work(tuple(results), 408, 408),
    ):
        assert conclude(pre, work, stamp=kit.after).exploratory


@pytest.mark.parametrize("named", [None, SHA])
def test_runs_made_under_another_plan_are_exploratory(kit: Any, named: str | None) -> None:
    pre = kit.pre()
    results = list(kit.results(*kit.items(365), pre=pre))
    results[1] = replace(results[1], preregistration=named)
    made = conclude(pre, Work(tuple(results), 408, 408), stamp=kit.after)
    assert made.exploratory is True
    assert made.preregistration is None
    assert made.status == "partial"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"trainable": 1001}, "inconclusive"),
        ({"losses": (0.3, 0.7)}, "inconclusive"),
        ({"data": SHA}, "inconclusive"),
        ({"data": None}, "partial"),
        ({"paper_text": "Nothing of the kind. Table 2: 89.7"}, "partial"),
    ],
)
def test_gates_hold_it_down(kit: Any, changes: dict, status: str) -> None:
    assert kit.post(**changes).status == status


def test_what_cannot_be_concluded_is_refused(kit: Any) -> None:
    pre = kit.pre()
    results = kit.results(*kit.items(365), pre=pre)
    cases = {
        "seed 3 was run twice": Work((*results, results[3]), 408, 408),
        "none of 0 runs gave a number": Work((), 408, 408),
    }
    for told, work in cases.items():
        with pytest.raises(DataError, match=told):
            conclude(pre, work, stamp=kit.after)
    with pytest.raises(DataError, match="without a plan"):
        conclude(kit.post(), Work(results, 408, 408), stamp=kit.after)


def run(**changes: Any) -> Run:
    given: dict[str, Any] = {
        "recipe": "tiny",
        "method": "lora",
        "seed": 3,
        "steps": 4,
        "metrics": {"accuracy": {"value": 75.0}, "loss": {"value": 0.5, "unit": "loss"}},
        "main_metric": "accuracy",
        "loss_first": 0.7,
        "loss_last": 0.5,
        "selection": {"rule": "last", "step": 4, "metric": "accuracy", "evaluations": 2},
        "curve": [],
        "parameters": {"total": 100, "trainable": 12, "adapter": 8, "head": 4},
        "data": {"train_rows": 8, "validation_rows": 4},
        "digests": {"base": SHA, "data": SHA, "recipe": SHA, "adapter": None, "predictions": SHA},
        "timings": dict.fromkeys(
            [
                "total_seconds",
                "train_seconds",
                "evaluate_seconds",
                "train_tokens",
                "train_examples",
            ],
            1,
        ),
        "memory": {"peak_bytes": None, "planned_bytes": None},
        "environment": {},
        "preregistration": SHA,
    }
    return Run.model_validate({**given, **changes})


def test_results_come_from_run_records() -> None:
    record = run()
    result = result_of(record)
    assert (result.seed, result.value, result.run) == (3, 75.0, record.digest)
    assert (result.trainable, result.losses, result.data) == (12, (0.7, 0.5), SHA)
    assert result.preregistration == SHA
    with pytest.raises(DataError, match="the run has accuracy, loss; 'f1' is wanted"):
        result_of(record, "f1")
    with pytest.raises(DataError, match="'loss' is measured in loss; percent is wanted"):
        result_of(record, "loss")
    with pytest.raises(DataError, match="'accuracy' is measured in percent; points is wanted"):
        result_of(record, unit="points")
    scored = run(metrics={"bleu": {"value": 70.4, "unit": "points"}}, main_metric="bleu")
    assert result_of(scored, "bleu", unit="points").value == 70.4
