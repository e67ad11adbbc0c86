"""Verdicts as the rules judge them, once each."""

from __future__ import annotations

from fastapi.testclient import TestClient

from verilora.records.verdict import VerdictDocument
from verilora.web import judged
from verilora.web.app import create_app
from verilora.web.finding import Site
from verilora.web.judged import status_of, told_of
from verilora.web.standing import state_of


def test_a_verdict_is_judged_once(filled, monkeypatch) -> None:
    view = filled.registry.verdict(filled.verdict.digest)
    first = told_of(view.entry.digest, view.document)
    monkeypatch.setattr(judged, "facts_of", None)
    assert told_of(view.entry.digest, view.document) is first


def test_memory_has_an_end(filled, monkeypatch) -> None:
    monkeypatch.setattr(judged, "_TOLD", {})
    monkeypatch.setattr(judged, "MOST_KEPT", 1)
    for entry in (filled.verdict, filled.proxy):
        told_of(entry.digest, filled.registry.verdict(entry.digest).document)
    assert len(judged._TOLD) == 1


def boasting(fresh) -> VerdictDocument:
    """A document that says more than its numbers."""
    document = fresh.document(87.2, 88.1, 86.9)
    verdict = document.verdict.replace(status="reproduced")
    verdicts = document.verdicts.replace(post=verdict)
    return document.replace(verdict=verdict, verdicts=verdicts)


def test_what_a_document_says_of_itself_is_not_believed(fresh) -> None:
    document = boasting(fresh)
    entry = fresh.admit(document)
    view = fresh.registry.verdict(entry.digest)
    assert view.status == "reproduced"
    assert status_of(view) == "inconclusive"
    fresh.admit(fresh.performance(entry, document.verdict))
    (claim,) = fresh.registry.claims().items
    state = state_of(claim, view)
    assert (state.kind, state.word) == ("inconclusive", "inconclusive")
    assert "The claim says 'reproduced'; the rules allow no more" in state.meaning


def test_a_claim_falls_with_its_verdict(fresh, read_page) -> None:
    from fastapi.testclient import TestClient

    from verilora.web.app import create_app
    from verilora.web.finding import Site

    document = fresh.document(89.0, 89.5, 90.0)
    entry = fresh.admit(document)
    fresh.admit(fresh.performance(entry, document.verdict))
    (claim,) = fresh.registry.claims().items
    assert state_of(claim, None).word == "not shown"
    fresh.admit(fresh.notice(entry.digest))
    client = TestClient(create_app(Site(fresh.registry)))
    for path in (f"/claims/{claim.id}", f"/embed/{claim.id}", "/claims"):
        assert "verdict retracted" in read_page(client.get(path).text).text, path
    assert "✗ verdict retracted" in client.get(f"/badge/{claim.id}.svg").text


def test_a_verdict_that_cannot_be_weighed_is_pending_on_every_page(fresh) -> None:
    """In a unit without a margin by default, and none is stated: no page may fail for it."""
    document = fresh.document(87.2, 88.1, 86.9)
    verdict = document.verdict
    verdict = verdict.replace(
        status="reproduced",
        reported=verdict.reported.replace(unit="points", spread=None, spread_kind=None),
        measured=verdict.measured.replace(unit="points"),
        statistics=None,
        preregistration=None,
    )
    entry = fresh.admit(document.replace(verdict=verdict, verdicts=None))
    fresh.admit(fresh.performance(entry, verdict))
    client = TestClient(create_app(Site(fresh.registry, "http://testserver")))
    page = client.get(f"/verdicts/{entry.digest.removeprefix('sha256:')}")
    assert page.status_code == 200
    assert "declare one in the preregistration" in page.text
    for path in ("/", "/verdicts", "/papers", "/papers/2106.09685", "/claims", "/feed.atom"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "✓ reproduced" not in answer.text
    (one,) = client.get("/api/v1/verdicts").json()["verdicts"]
    assert (one["status"], one["judged"]) == ("reproduced", "pending")
