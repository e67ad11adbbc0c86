"""A page in the terminal: everything that is known, nothing wider than 100 columns."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from verilora.records.verdict import Paper, VerdictDocument, read_document
from verilora.verdict.conclude import document_of
from verilora.verdict.judge import judge
from verilora.verdict.tell import WIDTH, tell, tell_judgement, wrapped

HERE = Path(__file__).resolve()
OWN = HERE.parents[1] / "vectors" / "verdict-of-another-service.json"
EXAMPLE = HERE.parents[3] / "shared" / "examples" / "paper-2106.09685.json"


def proxy(kit: Any) -> VerdictDocument:
    states = dict.fromkeys(("base", "start", "optimiser", "epochs_and_batch"), "different")
    pre = kit.pre(
        protocol=kit.rows(**states, precision="silent_before"), plan=kit.plan(seeds=[0, 1, 2])
    )
    return document_of(kit.post(81.0, 82.0, None, pre=pre), pre, paper=Paper())


def test_a_proxy_is_told_whole(kit: Any) -> None:
    document = proxy(kit)
    told = tell(document, directory="runs/mrpc")
    lines = told.splitlines()
    assert lines[0].startswith("3 runs gave 77.1 ± 7.6; the paper says 89.7 ± 0.7; ")
    assert max(map(len, lines)) <= WIDTH
    assert len(lines) <= 70
    flat = " ".join(told.split())
    for piece in (
        "inconclusive: this speaks neither for the number nor against it.",
        "What differs (proxy: a stand-in for the original: partial at most)",
        "epochs and batch paper not said here this why why",
        "the paper is silent; fixed before the runs",
        "0: 81.00, 1: 82.00, 2: 68.38 (failed)",
        "margin ±1.4 points: twice the standard deviation of the paper's runs",
        document.verdicts.pre.digest,
        "seed 2 failed and counts all the same",
        "partial at most: see what differs",
        "EV-002 open as told above",
        "passed: EV-001,",
        "verilora judge runs/mrpc",
    ):
        assert piece in flat, piece
    assert flat.count("the paper has not said, here it is this") == 0


def test_a_reproduction_says_that_nothing_differs(kit: Any) -> None:
    pre = kit.pre()
    told = tell(document_of(kit.post(pre=pre, paper_text=kit.paper), pre, paper=Paper()))
    assert "reproduced: the number came out again" in told
    assert "What differs (exact: done as the original was)\n  nothing\n" in told
    assert "Why it is no higher" not in told


@pytest.mark.parametrize("path", [OWN, EXAMPLE], ids=lambda path: path.name)
def test_a_foreign_document_is_told_with_its_reasons(path: Path) -> None:
    if not path.is_file():
        pytest.skip("no folder with the example")
    document = read_document(path.read_bytes())
    told = tell_judgement(document, judge(document))
    assert max(map(len, told.splitlines())) <= WIDTH
    flat = " ".join(told.split())
    for piece in (
        "status partial reproduced",
        "level proxy proxy",
        "decision none: no numbers to decide from",
        "partial: at most that, for nothing here shows more.",
        "counts as one seed",
        "is not shown to be verbatim",
        "the spread (±) that the paper prints beside its value is not recorded",
        "the checkpoint that training started from is not recorded",
        "whether the paper gives a mean, a median or a single run is not recorded",
        "has no unit beside a value of",
        "the document says 'reproduced'; by the rules it is 'partial'",
        "--paper-text FILE",
    ):
        assert piece in flat, piece


def test_a_judgement_of_numbers_tells_them(kit: Any) -> None:
    document = proxy(kit)
    told = tell_judgement(document, judge(document))
    assert "by the rules" in told
    assert "difference -12.6; the 90 % interval of the difference is" in " ".join(told.split())
    assert "--preregistration" not in told
    alone = VerdictDocument(verdict=document.verdict)
    assert "--preregistration FILE" in tell_judgement(alone, judge(alone))


def test_what_a_document_decides_is_not_repeated_unjudged(kit: Any) -> None:
    pre = kit.pre()
    made = kit.post(86.0, 86.2, 85.9, 86.4, 86.1, pre=pre).replace(decision="equivalent")
    document = document_of(made, pre, paper=Paper())
    told = tell_judgement(document, judge(document))
    assert "which is more than 1.4." in told
    assert "the same within" not in told


def test_a_document_may_hold_little(kit: Any) -> None:
    assert tell(VerdictDocument()) == "The document holds no verdict."
    assert "nothing to judge" in tell_judgement(VerdictDocument(), judge(VerdictDocument()))
    plan = tell(VerdictDocument(verdict=kit.pre()))
    assert plan.startswith("This is a preregistration")
    assert "pending: nothing follows yet" in plan


def test_long_texts_are_wrapped_and_words_that_are_longer_broken() -> None:
    lines = wrapped("x" * 250 + " word", indent="    ", first="  - ").splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert lines[0].startswith("  - xxx")
    assert lines[-1].endswith(" word")


def test_of_two_measured_sides_the_other_is_no_paper(kit: Any) -> None:
    pre = kit.versus(protocol=kit.rows(adapter="equivalent"))
    made = kit.compared(kit.items(320, step=1, runs=3), kit.items(321, step=1, runs=3), pre=pre)
    made = made.replace(protocol=[row.replace(paper="that") for row in made.protocol or ()])
    told = tell(document_of(made, pre, paper=Paper()))
    assert re.search(r"adapter +other +that", told)
    assert not re.search(r"paper +that", told)
