"""Two measured sides under one preregistration: what comes of them, and who notices tampering."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from verilora.errors import DataError
from verilora.records.verdict import Paper, Verdict, VerdictDocument
from verilora.verdict.conclude import Work, conclude, document_of, prospects
from verilora.verdict.judge import Judgement, judge
from verilora.verdict.lower import down_from


def judged(made: Verdict, pre: Verdict) -> Judgement:
    content = document_of(made, pre, paper=Paper(title="A paper")).canonical()
    return judge(VerdictDocument.model_validate_json(content))


def test_before_anything_is_run(kit: Any) -> None:
    pre = kit.versus()
    assert (pre.status, pre.protocol_match, pre.says("reported")) == ("pending", "exact", False)
    assert prospects(pre) == ("reproduced", ())
    few = kit.versus(planned={"reference": {"name": "full fine-tuning", "seeds": [0, 1]}})
    status, reasons = prospects(few)
    assert (status, [reason.name for reason in reasons]) == ("partial", ["few-seeds"])
    with pytest.raises(DataError, match="the plan has no reference to measure"):
        kit.pre(reported=None)


@pytest.mark.parametrize(
    ("ours", "theirs", "runs", "status", "decision"),
    [
        (320, 321, 3, "reproduced", "equivalent"),
        (320, 321, 5, "reproduced", "equivalent"),
        (345, 320, 3, "inconclusive", "different"),
        (345, 320, 5, "not_reproduced", "different"),
        (320, 345, 5, "not_reproduced", "different"),
        (325, 320, 3, "inconclusive", "inconclusive"),
    ],
)
def test_what_comes_of_it(
    kit: Any, ours: int, theirs: int, runs: int, status: str, decision: str
) -> None:
    seeds = list(range(runs))
    reference = {"name": "full fine-tuning", "seeds": seeds, "trainable": 9000}
    pre = kit.versus(planned={"seeds": seeds, "reference": reference})
    sides = (kit.items(centre, step=1, runs=runs) for centre in (ours, theirs))
    made = kit.compared(*sides, pre=pre)
    assert (made.status, made.decision, made.protocol_match) == (status, decision, "exact")
    assert made.reported.value == pytest.approx(100 * theirs / 408, abs=1e-6)
    assert (made.reported.runs, len(made.reference_runs)) == (runs, runs)
    again = judged(made, pre)
    assert again.agrees
    assert (again.status, again.statistics) == (made.status, made.statistics)
    assert (again.score, again.confidence) == (made.score, made.confidence)


SAME = ((78.4, 78.7, 78.9), (78.2, 78.7, 79.2))


@pytest.fixture
def sound(kit: Any) -> Verdict:
    made = kit.compared(kit.items(320, step=1, runs=3), kit.items(321, step=1, runs=3))
    assert made.status == "reproduced"
    return made


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"reported": {"value": 78.0}}, "EV-013"),
        ({"reported": {"spread": 0.0}}, "EV-013"),
        ({"reported": {"runs": 9}}, "EV-013"),
        ({"reference_measured": {"values": (78.4, 78.5, 78.6)}}, "EV-013"),
        ({"reference_measured": None}, "EV-013"),
        ({"reference_measured": {"seeds": (0, 1, 7)}}, "EV-006"),
        ({"reference_measured": {"unit": "fraction"}}, "EV-005"),
        ({"reference_measured": {"mean": 70.0}}, "EV-012"),
        ({"reference_sanity": {"trainable": (9000, 9000, 8999)}}, "EV-009"),
        ({"reference_sanity": {"data": ("sha256:" + "0" * 64,)}}, "EV-011"),
        ({"reference_sanity": {"losses_last": (0.9, 0.9, 0.9)}}, "EV-010"),
        ({"reference_sanity": None}, None),
        ({"sanity": {"adapter": (90, 90, 90)}}, "EV-015"),
        ({"sanity": {"adapter": (73, 73, 9000)}}, "EV-015"),
        ({"sanity": {"adapter": ()}}, "EV-015"),
    ],
)
def test_tampering_lowers_it(kit: Any, sound: Verdict, changes: dict, rule: str | None) -> None:
    given = {
        name: None if change is None else getattr(sound, name).replace(**change)
        for name, change in changes.items()
    }
    judgement = judged(sound.replace(**given), kit.versus())
    assert judgement.status in down_from("partial")
    assert not judgement.agrees
    failed = [gate.rule for gate in judgement.gates if gate.passed is False]
    assert rule is None or rule in failed


def test_numbers_of_a_reference_that_was_never_planned(kit: Any, sound: Verdict) -> None:
    pre = kit.pre(plan=kit.plan(seeds=[0, 1, 2]), reported=sound.reported)
    judgement = judged(sound.replace(preregistration=pre.digest), pre)
    assert judgement.status in down_from("partial")
    assert "EV-013" in [gate.rule for gate in judgement.gates if gate.passed is False]


def test_a_verdict_cannot_plan_for_itself(kit: Any, sound: Verdict) -> None:
    """Without any number to compare with nothing follows, whatever the verdict says it planned."""
    plan = kit.versus().plan
    pre = kit.versus().replace(plan=plan.replace(reference=None))
    bare = Verdict(
        **{
            name: getattr(sound, name)
            for name in sound.model_fields_set
            if name not in ("reported", "statistics") and not name.startswith("reference_")
        }
    )
    for own in (bare, bare.replace(plan=plan)):
        judgement = judged(own.replace(preregistration=pre.digest), pre)
        assert (judgement.status, judgement.level) == ("pending", "unknown")


def test_a_wide_margin_is_told_whatever_the_reference_s_spread(kit: Any) -> None:
    pre = kit.versus(planned={"margin": 4.0})
    made = kit.compared(kit.items(320, runs=3), kit.items(321, step=9, runs=3), pre=pre)
    assert "the margin, 4, is wider than the usual 1.5" in " ".join(made.caveats or ())


def test_a_share_that_is_too_large_is_no_reproduction(kit: Any) -> None:
    sides = (kit.items(320, step=1, runs=3), kit.items(321, step=1, runs=3))
    made = kit.compared(*sides, adapter=90)
    assert (made.status, made.decision) == ("inconclusive", "equivalent")
    told = "the adapter has 90 of the encoder's 9,000 parameters, 1 %; the claim is about less"
    assert told in " ".join(made.caveats or ())


def test_a_reference_s_failed_seed_counts_and_is_told(kit: Any) -> None:
    pre = kit.versus()
    ours = kit.results(*kit.items(320, step=1, runs=3), pre=pre, adapter=73, encoder=9000)
    theirs = list(kit.results(*kit.items(321, step=1, runs=3), pre=pre, trainable=9000))
    theirs[1] = replace(theirs[1], value=None, run=None, failed="the loss became nan")
    made = conclude(pre, Work(ours, 408, 408, reference=tuple(theirs)), stamp=kit.after)
    assert made.reference_measured is not None
    assert made.reference_measured.values[1] == 68.38
    assert (made.status, made.reference_measured.failed) == ("inconclusive", (1,))
    assert any("seed 1 of the reference failed" in caveat for caveat in made.caveats or ())
    assert judged(made, pre).agrees


def test_both_sides_name_the_preregistration(kit: Any) -> None:
    pre = kit.versus()
    ours = kit.results(*SAME[0], pre=pre)
    theirs = kit.results(*SAME[1], pre=kit.pre())
    made = conclude(pre, Work(ours, 408, 408, reference=theirs), stamp=kit.after)
    assert (made.exploratory, made.preregistration) == (True, None)
    assert made.status in down_from("partial")


def test_the_order_of_the_runs_does_not_matter(kit: Any) -> None:
    pre = kit.versus()
    ours = kit.results(*kit.items(320, step=1, runs=3), pre=pre, adapter=73, encoder=9000)
    theirs = kit.results(*kit.items(321, step=2, runs=3), pre=pre, trainable=9000)
    bytes_of = {
        conclude(pre, Work(a, 408, 408, reference=b), stamp=kit.after).canonical()
        for a in (ours, ours[::-1])
        for b in (theirs, theirs[::-1], theirs[1:] + theirs[:1])
    }
    assert len(bytes_of) == 1


def test_one_side_alone_is_refused(kit: Any) -> None:
    pre, plain = kit.versus(), kit.pre()
    with pytest.raises(DataError, match="no run of 'full fine-tuning' is given"):
        conclude(pre, Work(kit.results(*SAME[0], pre=pre), 408, 408), stamp=kit.after)
    results = kit.results(*SAME[0], pre=plain)
    with pytest.raises(DataError, match="3 runs of a reference are given, and the plan has none"):
        conclude(plain, Work(results, 408, 408, reference=results), stamp=kit.after)


def test_the_claim_s_quote_is_looked_for(kit: Any) -> None:
    sides = (kit.items(320, step=1, runs=3), kit.items(321, step=1, runs=3))
    found = kit.compared(*sides, paper_text=kit.paper)
    assert {gate.rule: gate.passed for gate in found.gates}["EV-002"] is True
    lost = kit.compared(*sides, paper_text="Nothing of the kind.")
    assert {gate.rule: gate.passed for gate in lost.gates}["EV-002"] is False
    assert lost.status == "partial"
