"""From views to the shapes of the interface."""

from __future__ import annotations

import json

from verilora.records.verdict import VerdictDocument, read_document
from verilora.web import answers
from verilora.web.links import Links

LINKS = Links("https://x.example")


def test_a_paper_loads_as_a_verdict_document(filled) -> None:
    told = answers.paper_answer(filled.registry.paper("2106.09685"))
    document = read_document(json.dumps(told).encode())
    assert isinstance(document, VerdictDocument)
    assert document.verdict.status == "reproduced"
    assert document.verdicts.post.id == filled.document.verdict.id


def test_a_paper_without_a_run_shows_its_plan(fresh) -> None:
    document = fresh.document(89.0, 89.5, 90.0)
    pre = document.verdicts.pre
    plan = VerdictDocument.model_validate(
        {"format": "verilora.verdict/1", "paper": document.paper, "verdict": pre}
    )
    fresh.admit(plan)
    told = answers.paper_answer(fresh.registry.paper("2106.09685"))
    assert told["verdicts"]["post"] is None
    assert told["verdict"] == told["verdicts"]["pre"]
    assert told["verdict"]["kind"] == "PRE"
    assert told["latest_version"] == dict.fromkeys(told["latest_version"])


def test_a_claim_about_a_performance_names_what_it_rests_on(filled) -> None:
    view = filled.registry.claim(filled.performance.id)
    envelope = filled.registry.envelope(view.entry.digest)
    given = {"related": (), "envelope": envelope}
    verdict = filled.registry.verdict(view.claim.performance.verdict)
    got = answers.claim_answer(view, LINKS, **given, verdict=verdict).to_mapping()
    assert got["performance"]["verdict"] == filled.verdict.record_digest
    bare = filled.verdict.digest.removeprefix("sha256:")
    assert got["performance"]["url"] == f"https://x.example/verdicts/{bare}"
    got = answers.claim_answer(view, LINKS, **given).to_mapping()
    assert "url" not in got["performance"]
    assert got["lastVerified"] == "2026-11-02"
    assert "notices" in got
    assert got["signature"]["algorithm"] == "Ed25519"
    assert got["signature"]["state"] == "unchecked"


def test_notices_are_told(filled) -> None:
    view = filled.registry.claim(filled.gone.id)
    (notice,) = [answers.notice_shape(one).to_mapping() for one in view.notices]
    assert notice["kind"] == "retraction"
    assert notice["hasEffect"] is True
    assert view.entry.standing == "retracted"
    assert answers.claim_in_short(view, LINKS).standing == "retracted"


def test_what_differs_is_never_the_best(filled) -> None:
    text = "LoRA introduced in paper 1999"
    hits = filled.registry.search(text, limit=10)
    got = answers.verify_answer(text, hits, links=LINKS, least=0.0)
    assert got.matches
    assert got.best_match is None
    assert {one.relation for one in got.matches} == {"unknown"}


def test_the_line_to_cite_has_the_newest_day(filled) -> None:
    view = filled.registry.claim(filled.performance.id)
    line = answers.cited_as(view, LINKS)
    assert "verified 2026-11-02" in line
    assert "\n" not in line
