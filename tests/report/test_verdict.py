"""The page of a verdict: its facts, every text escaped, nothing loaded from anywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from verilora.charts.panels import read_run
from verilora.errors import DataError
from verilora.records.protocol import DIMENSIONS
from verilora.records.verdict import VerdictDocument, read_document
from verilora.report import write_verdict_report
from verilora.report.verdict import render
from verilora.report.verdict_tables import Links
from verilora.verdict.gates import rules

PAYLOAD = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7 * 7 }}"
FOREIGN = Path(__file__).parents[1] / "vectors" / "verdict-of-another-service.json"
GOOD = tuple(100 * right / 408 for right in (361, 363, 365, 367, 369))
DIFFERENT = dict.fromkeys(["base", "start", "epochs_and_batch"], "different")


def words_of(page: Any) -> str:
    return re.sub(r"\s+", " ", " ".join(page.words).replace("\u00a0", " "))


def test_a_reproduction_is_told(reproduction: Any, paper_text: str, read_page: Any) -> None:
    document = reproduction(*GOOD, text=paper_text)
    text = render(document, links=Links({0: "seed-0/report.html"}))
    page = read_page(text)
    words = words_of(page)
    for piece in (
        "5 runs gave 89.5 ± 0.8; the paper says 89.7 ± 0.7; the same within 1.4.",
        "✓ reproduced",
        "Protocol: exact , done as the original was",
        "Nothing: all 12 dimensions of the protocol are the same.",
        "margin ±1.4",
        "Encoder-small (Bridges) 0.3M 86.6 ± .7 89.7 ± .7",
        "89.46 ± 0.78",
        "−0.239 points",
        "verilora judge .",
        "verilora evaluate seed-0",
        document.verdicts.pre.digest,
        document.verdict.digest,
        "EV-002 the quote stands in the paper verbatim",
    ):
        assert piece in words, piece
    assert ("a", {"href": "seed-0/report.html"}) in page.elements
    assert len(text) < 40_000


def test_a_proxy_shows_each_difference_and_each_rule(reproduction: Any, read_page: Any) -> None:
    states = {**DIFFERENT, "optimiser": "paper_silent", "metric": "equivalent"}
    document = reproduction(81.1, 82.1, None, states=states, failed={2: "it stopped"})
    page = read_page(render(document, links=Links()))
    words = words_of(page)
    for name in states:
        row = f"{DIMENSIONS[name]} their {name} our {name}"
        assert row in words, row
    assert "the paper is silent; fixed before the runs; why optimiser" in words
    assert "The other 7 of 12 dimensions are the same." in words
    assert "partial at most: see what differs" in words
    assert "seed 2 failed and counts all the same: it stopped" in words
    assert "failed, counts" in words
    assert all(number in words for number in rules())
    assert "– not checked" in words


def test_the_page_is_sound_html_that_loads_nothing(reproduction: Any, read_page: Any) -> None:
    text = render(reproduction(*GOOD), links=Links({1: "seed-1/report.html"}))
    page = read_page(text)
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    tags = [tag for tag, _ in page.elements]
    assert (tags.count("h1"), tags.count("main"), tags.count("svg")) == (1, 1, 1)
    assert not {"script", "link", "img", "iframe", "form"} & set(tags)
    addresses = [attrs["href"] for tag, attrs in page.elements if tag == "a"]
    assert addresses == ["seed-1/report.html", "https://arxiv.org/abs/9912.01234"]
    assert not [attrs for _, attrs in page.elements if {"src", "style", "action"} & set(attrs)]
    assert "url(" not in text
    assert "@import" not in text


def hostile(value: Any, key: str = "") -> Any:
    """The same JSON with every free text replaced by the payload."""
    if isinstance(value, dict):
        return {name: hostile(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [hostile(item, key) for item in value]
    fixed = ("kind", "status", "unit", "score_unit", "confidence_unit", "format", "rule", "state")
    fixed += ("dimension", "filled", "aggregation", "spread_kind", "decision", "protocol_match")
    digests = ("sha256", "preregistration", "runs", "data", "data_expected")
    free = isinstance(value, str) and key not in fixed and key not in digests
    return PAYLOAD if free else value


def test_every_free_text_is_escaped(reproduction: Any, read_page: Any) -> None:
    document = reproduction(81.1, 82.1, None, states=DIFFERENT, caveats=("one",))
    data = document.to_mapping()
    artifact = {"name": "a", "sha256": "0" * 64, "size": 1, "role": "b"}
    data["verdict"] |= {"artifacts": [artifact], "reference_measured": data["verdict"]["measured"]}
    data["verdict"]["claim_citation"] |= {"notes": "n"}
    plan = data["verdicts"]["pre"]["plan"]
    text = render(VerdictDocument.model_validate(hostile(data)), links=Links({0: PAYLOAD}))
    page = read_page(text)
    assert not {tag for tag, _ in page.elements} & {"script", "img"}
    assert not [attrs for _, attrs in page.elements if any(name[:2] == "on" for name in attrs)]
    assert text.count("&lt;script&gt;") >= 20
    assert "{{ 7 * 7 }}" in text
    assert plan["target"] == "bridges/table2/encoder-small/mrpc"
    assert "https://arxiv.org" not in text


def test_what_a_foreign_document_says_is_not_shown_as_true(read_page: Any) -> None:
    document = read_document(FOREIGN.read_bytes())
    assert document.verdict.status == "reproduced"
    words = words_of(read_page(render(document, links=Links())))
    assert "✓ reproduced" not in words
    assert "◐ partial At most that, for nothing here shows more." in words
    assert "the document says 'reproduced'; by the rules it is 'partial'" in words


def test_a_reference_is_shown_with_its_seeds(reproduction: Any, read_page: Any) -> None:
    document = reproduction(*GOOD)
    data = document.to_mapping()
    data["verdict"]["reference_measured"] = {
        "values": [89.0, 90.4],
        "unit": "percent",
        "seeds": [3, 4],
    }
    pre = data["verdicts"]["pre"]
    del pre["reported"]
    pre["plan"]["reference"] = {"name": "full fine-tuning", "seeds": [3, 4]}
    words = words_of(read_page(render(VerdictDocument.model_validate(data), links=Links())))
    assert "full fine-tuning gave 89.7" in words
    assert "What differs from the reference" in words
    assert "Seeds of the reference" in words
    assert "full fine-tuning, seeds 3, 4" in words


def test_a_preregistration_has_a_page_too(reproduction: Any, read_page: Any) -> None:
    pre = VerdictDocument(verdict=reproduction(*GOOD).verdicts.pre)
    words = words_of(read_page(render(pre, links=Links())))
    assert "This is a preregistration" in words
    assert "… pending" in words


def test_it_is_written_beside_the_verdict_with_links(
    reproduction: Any, write_run: Any, tmp_path: Path
) -> None:
    for name, seed in (("seed-0", 0), ("seed-1", 1), ("full-seed3", 3)):
        (write_run(name, seed=seed) / "report.html").write_text("its page")
    named = [read_run(tmp_path / name).digest for name in ("seed-0", "full-seed3")]
    data = reproduction(*GOOD).to_mapping()
    data["verdict"] |= {"runs": named[:1], "reference_runs": named[1:]}
    data["verdict"]["reference_measured"] = {"values": [89.0], "unit": "percent", "seeds": [3]}
    (tmp_path / "verdict.json").write_bytes(VerdictDocument.model_validate(data).canonical())
    path = write_verdict_report(tmp_path)
    assert path == tmp_path / "report.html"
    text = path.read_text("utf-8")
    assert 'href="seed-0/report.html"' in text
    assert 'href="full-seed3/report.html"' in text
    assert "seed-1" not in text
    assert "verilora evaluate seed-0" in text
    assert "from the predictions to this verdict" not in text
    assert path.read_bytes() == write_verdict_report(tmp_path).read_bytes()


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "holds no verdict.json"), ({}, "holds no verdict"), ({"verdict": 3}, "verdict")],
)
def test_what_cannot_be_shown_is_refused(content: Any, told: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "verdict.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=told):
        write_verdict_report(tmp_path)
