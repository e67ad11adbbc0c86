"""What the demo says: no more than its numbers bear."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from verilora.cli.demo_told import Outcome, gain, verdict_told
from verilora.records.measurement import Measured, Sanity, Statistics
from verilora.records.verdict import Plan, Reference, Verdict, VerdictDocument, Verdicts
from verilora.verdict.comparison import reported_of


def outcome(head, lora, majority=52.0):
    def run(value):
        metric = SimpleNamespace(value=value)
        return SimpleNamespace(
            main_metric="accuracy",
            metrics={"accuracy": metric},
            data=SimpleNamespace(
                validation_rows=644, majority={"accuracy": SimpleNamespace(value=majority)}
            ),
        )

    runs = {"head": [run(v) for v in head], "lora": [run(v) for v in lora], "full": []}
    return Outcome(Path("out"), tuple(range(len(lora))), runs)


@pytest.mark.parametrize(
    ("head", "lora", "said"),
    [
        ([59.0], [77.0], "LoRA answers 77.0 % right"),
        ([59.0], [77.0], "18.0 points above the frozen encoder, 25.0 above the majority"),
        ([59.0, 60.0], [77.0, 76.0], "17.0 points above the frozen encoder, and ahead on every"),
        ([59.0], [77.0, 76.0], "17.5 points above the frozen encoder, and ahead on every"),
        ([59.0, 60.0], [77.0, 59.5], "did not beat the frozen encoder on every seed"),
        ([59.0], [59.0], "did not beat"),
        ([59.0], [], "cannot be set side by side"),
    ],
)
def test_the_gain_says_no_more_than_the_numbers(head, lora, said):
    assert said in gain(outcome(head, lora))


def document(status, decision, *, adapter=73_728, values=(77.0, 76.0, 78.0)):
    theirs = Measured(values=(78.0, 79.0, 77.0), unit="percent")
    statistics = Statistics(
        unit="percent",
        margin=1.5,
        difference=-1.0,
        standard_error=0.8,
        degrees_of_freedom=4.0,
        interval90=(-2.7, 0.7),
        method="",
    )
    plan = Plan(
        target="t",
        seeds=(0, 1, 2),
        margin=1.5,
        unit="percent",
        margin_source="",
        aggregation="mean",
        selection="",
        failed_run="",
        reference=Reference(name="full fine-tuning", seeds=(0, 1, 2)),
        share_below=1.0,
    )
    verdict = Verdict(
        kind="POST",
        status=status,
        decision=decision,
        measured=Measured(values=values, unit="percent"),
        reported=reported_of(theirs),
        caveats=(
            "seed 1 failed and counts all the same",
            "the adapter has 9 of 10",
            "not checked: the quote 'x'",
        ),
        statistics=statistics if len(values) > 1 else None,
        sanity=Sanity(adapter=(adapter,) * 3, encoder=(22_713_216,) * 3),
    )
    pre = Verdict(kind="PRE", status="pending", plan=plan)
    return VerdictDocument(verdict=verdict, verdicts=Verdicts(post=verdict, pre=pre))


@pytest.mark.parametrize(
    ("status", "decision", "said"),
    [
        (
            "reproduced",
            "equivalent",
            "Verdict: reproduced. Here LoRA matches full fine-tuning: the",
        ),
        (
            "inconclusive",
            "inconclusive",
            "Verdict: inconclusive. These runs leave it open: the 90 %",
        ),
        ("not_reproduced", "different", "Verdict: not reproduced. Here LoRA does not match"),
    ],
)
def test_the_verdict_in_plain_words(status, decision, said):
    asked, measured, follows, share = verdict_told(document(status, decision))
    assert "differ by less than 1.5 points, as far as 3 runs of each can show it" in asked
    assert measured.startswith(
        "3 runs of LoRA gave 77.00 ± 1.00; full fine-tuning gave 78.00 ± 1.00; "
    )
    assert said in follows
    assert "[-2.7, 0.7], the margins are ±1.5 points: it lies" in follows
    assert follows.endswith("; seed 1 failed and counts all the same.")
    assert "quote" not in follows
    assert share == (
        "LoRA trained 73,728 parameters beside the encoder's 22,713,216: 0.32 %, "
        "below the 1 % that was fixed as well."
    )


def test_a_share_that_is_too_large_is_said():
    found = verdict_told(document("inconclusive", "equivalent", adapter=300_000))
    assert "1.32 %, NOT below the 1 %" in found[-1]


def test_one_run_has_nothing_to_judge_by():
    follows = verdict_told(document("partial", "inconclusive", values=(77.0,)))[2]
    assert follows.endswith("single runs have no spread to judge by.")
