"""`judge`: documents of anybody, from a file, a directory or stdin."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from verilora.reproduce.recompute import Recomputed

ROOT = Path(__file__).resolve().parents[2]
OWN = ROOT / "tests" / "vectors" / "verdict-of-another-service.json"
EXAMPLE = ROOT.parent / "shared" / "examples" / "paper-2106.09685.json"
PAPER = "Table 4: Results. Encoder-small + Bridges (width 4) RTE validation accuracy 72 ± 1"


@pytest.mark.parametrize("path", [OWN, EXAMPLE], ids=lambda path: path.name)
def test_another_services_document_is_partial_with_reasons(verilora: Any, path: Path) -> None:
    if not path.is_file():
        pytest.skip("no folder with the example")
    told = verilora("judge", path)
    assert told.status == 0
    flat = " ".join(told.out.split())
    assert "status partial reproduced" in flat
    for piece in (
        "the protocol is a proxy of the paper's",
        "counts as one seed",
        "is not shown to be verbatim",
        "the spread (±) that the paper prints beside its value is not recorded",
        "the checkpoint that training started from is not recorded",
        "whether the paper gives a mean, a median or a single run is not recorded",
        "has no unit beside a value",
    ):
        assert piece in flat, piece


def test_as_json_it_is_the_judgement(verilora: Any) -> None:
    told = json.loads(verilora("judge", OWN, "--json").out)
    assert told["judgement"]["status"] == "partial"
    assert told["judgement"]["declared"]["status"] == "reproduced"
    assert told["recomputed"] is None


def test_stdin_is_read(verilora: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(OWN.read_bytes()))
    monkeypatch.setattr(sys, "stdin", stream)
    assert "partial" in verilora("judge", "-").out


def test_a_papers_text_opens_its_gates(verilora: Any, tmp_path: Path) -> None:
    paper = tmp_path / "paper.txt"
    paper.write_text(PAPER, "utf-8")
    gates = json.loads(verilora("judge", OWN, "--paper-text", paper, "--json").out)
    passed = {gate["rule"]: gate["passed"] for gate in gates["judgement"]["gates"]}
    assert (passed["EV-002"], passed["EV-003"]) == (False, True)


def test_a_paper_may_be_a_pdf(
    verilora: Any, reproduction: Any, make_pdf: Any, tmp_path: Path
) -> None:
    pytest.importorskip("pypdf")
    quote = "Encoder-small (Bridges) 86.6 89.7"
    document = reproduction(88.9, 89.5, 90.1, citation={"quoted_text": quote})
    (tmp_path / "verdict.json").write_bytes(document.canonical())
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(make_pdf("Table 2: Accuracy.", "Method RTE MRPC", quote, "Table 3: More."))
    told = json.loads(verilora("judge", tmp_path, "--paper-text", paper, "--json").out)
    passed = {gate["rule"]: gate["passed"] for gate in told["judgement"]["gates"]}
    assert (passed["EV-002"], passed["EV-003"]) == (True, True)


def test_a_preregistration_may_lie_elsewhere(
    verilora: Any, reproduction: Any, paper_text: str, tmp_path: Path
) -> None:
    values = tuple(100 * right / 408 for right in (361, 363, 365, 367, 369))
    whole = reproduction(*values, text=paper_text)
    post, pre = tmp_path / "post.json", tmp_path / "pre.json"
    post.write_bytes(whole.verdict.canonical())
    pre.write_bytes(whole.verdicts.pre.canonical())
    assert "status partial reproduced" in " ".join(verilora("judge", post).out.split())
    told = verilora("judge", post, "--preregistration", pre).out
    assert "status reproduced reproduced" in " ".join(told.split())
    wrong = verilora("judge", post, "--preregistration", post)
    assert wrong.status == 1
    assert "holds no preregistration; a verdict of kind PRE is wanted" in wrong.err


def test_a_result_that_is_not_as_good_is_no_error(
    verilora: Any, reproduction: Any, tmp_path: Path
) -> None:
    (tmp_path / "verdict.json").write_bytes(reproduction(80.0, 80.2, 80.4, 80.6, 80.8).canonical())
    told = verilora("judge", tmp_path)
    assert told.status == 0
    assert "80.4 ± 0.3; the paper says 89.7 ± 0.7; 9.3 below, which is more than 1.4." in told.out


def test_anchors_are_looked_at(verilora: Any, reproduction: Any, tmp_path: Path) -> None:
    result = dict.fromkeys(("where", "tolerance", "source", "seconds"))
    result |= {"name": "tiny", "title": "t", "measured": "m", "unit": "percent", "state": "drift"}
    result |= {
        "latest": 1.0,
        "expected": 2.0,
        "detail": "d",
        "environment": {},
        "computed_at": "now",
    }
    document, anchors = tmp_path / "verdict.json", tmp_path / "anchors.json"
    document.write_bytes(reproduction(89.0, 89.5, 90.0).canonical())
    anchors.write_text(json.dumps({"format": "verilora.anchors/1", "results": [result]}))
    told = verilora("judge", document, "--anchors", anchors)
    assert told.status == 0
    assert "anchors have drifted: tiny" in told.out


@pytest.mark.parametrize("faults", [(), ("seed-0: it was edited",)], ids=["sound", "edited"])
def test_of_a_directory_all_is_computed_again(
    verilora: Any,
    reproduction: Any,
    write_run: Any,
    monkeypatch: pytest.MonkeyPatch,
    *,
    faults: tuple[str, ...],
) -> None:
    directory = write_run("reproduction/seed-0").parent
    document = reproduction(89.0, 89.5, 90.0)
    (directory / "verdict.json").write_bytes(document.canonical())
    (directory / "preregistration.json").write_bytes(document.verdicts.pre.canonical())
    found = Recomputed(document, not faults, faults)
    monkeypatch.setattr("verilora.reproduce.recompute.recompute", lambda path: found)
    told = verilora("judge", directory)
    assert told.status == (1 if faults else 0)
    wanted = "do NOT fit together:\n  - seed-0: it was edited" if faults else "the same to the byte"
    assert wanted in told.out
    as_json = json.loads(verilora("judge", directory, "--json").out)
    assert as_json["recomputed"] == {"identical": not faults, "faults": [*faults]}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "it is no JSON"),
        (b'{"verdict": {"kind": "POST", "status": "partial", "scor": 1}}', "did you mean 'score'"),
        (b'{"paper": null, "paper": null}', "the key 'paper' stands twice"),
        (b'"' + b"x" * 2**18 + b'"', "at most 262,144 are read"),
    ],
    ids=["torn", "unknown", "twice", "large"],
)
def test_documents_that_cannot_be_are_refused(
    verilora: Any, tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "document.json"
    path.write_bytes(content)
    answer = verilora("judge", path)
    assert answer.status == 1
    assert told in answer.err
    assert answer.out == ""


def test_nothing_to_judge_says_what_is_wanted(verilora: Any, tmp_path: Path) -> None:
    answer = verilora("judge", tmp_path)
    assert answer.status == 1
    assert "verdict.json cannot be read: No such file" in answer.err
    assert "the directory of a reproduction is wanted" in answer.err


def test_a_reproduction_that_has_not_ended_says_how_to_go_on(
    verilora: Any, reproduction: Any, tmp_path: Path
) -> None:
    pre = reproduction(89.0, 89.5, 90.0).verdicts.pre
    (tmp_path / "preregistration.json").write_bytes(pre.canonical())
    answer = verilora("judge", tmp_path)
    assert answer.status == 1
    assert "holds no finished reproduction" in answer.err
    assert "the command that began one goes on with it" in answer.err


def test_a_reproduction_without_its_runs_is_not_taken_on_trust(
    verilora: Any, reproduction: Any, tmp_path: Path
) -> None:
    document = reproduction(89.0, 89.5, 90.0)
    (tmp_path / "preregistration.json").write_bytes(document.verdicts.pre.canonical())
    (tmp_path / "verdict.json").write_bytes(document.canonical())
    answer = verilora("judge", tmp_path)
    assert answer.status == 1
    assert answer.out == ""
    assert "holds no target.json" in answer.err
