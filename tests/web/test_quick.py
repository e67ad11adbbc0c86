"""The quick way answers what the routes answer, to the byte, and as late as the registry is."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from verilora.web import quick
from verilora.web.app import create_app
from verilora.web.finding import Site

ADDRESS = "http://testserver"


def asked(filled) -> list[str]:
    claims = [filled.claims[0].id, filled.performance.id, filled.gone.id]
    verdict, run = (one.digest.removeprefix("sha256:") for one in (filled.verdict, filled.run))
    forms = (
        "/claims/{}",
        "/claims/{}.json",
        "/api/v1/claims/{}.json",
        "/embed/{}",
        "/badge/{}.svg",
    )
    paths = [form.format(claim) for form in forms for claim in claims]
    missing = ["/claims/0000000000000000", "/claims/0000000000000000.json", "/tags/nobody-has-it"]
    return ["/", *paths, f"/verdicts/{verdict}", f"/runs/{run}", "/tags/lora", *missing]


def test_both_ways_answer_alike(filled, client, monkeypatch) -> None:
    paths = asked(filled)
    quickly = [client.get(path) for path in paths for _ in range(2)][::2]
    monkeypatch.setattr(quick, "_QUICK", [])
    slowly = [TestClient(create_app(Site(filled.registry, ADDRESS))).get(path) for path in paths]
    for path, one, other in zip(paths, quickly, slowly, strict=True):
        assert (one.status_code, one.content) == (other.status_code, other.content), path
        assert one.headers == other.headers, path


def test_every_address_is_answered_quickly(filled, client, monkeypatch) -> None:
    from verilora.web.quick import Quick

    made = []
    kept = Quick._kept_or_made

    def watched(self, path, make, *, name):
        made.append(path)
        return kept(self, path, make, name=name)

    monkeypatch.setattr(Quick, "_kept_or_made", watched)
    paths = asked(filled)
    for path in paths:
        client.get(path)
    assert made == paths
    assert {pattern for pattern, _, _ in quick._QUICK if any(map(pattern.fullmatch, made))} == {
        pattern for pattern, _, _ in quick._QUICK
    }


def test_a_retraction_shows_in_the_next_answer(fresh) -> None:
    claim = fresh.claim("Method")
    entry = fresh.admit(claim)
    one, other = (TestClient(create_app(Site(fresh.registry, ADDRESS))) for _ in range(2))
    paths = [f"/claims/{claim.id}", f"/claims/{claim.id}.json", f"/badge/{claim.id}.svg"]
    paths += [f"/embed/{claim.id}", "/", "/feed.atom"]
    for client in (one, other):
        for path in paths:
            answer = client.get(path)
            assert "retracted" not in answer.text, path
            again = client.get(path, headers={"if-none-match": answer.headers["etag"]})
            assert again.status_code == 304
    before = {path: one.get(path).headers["etag"] for path in paths}
    fresh.admit(fresh.notice(entry.digest))
    for client in (one, other):
        for path in paths:
            answer = client.get(path, headers={"if-none-match": before[path]})
            assert answer.status_code == 200, path
            if path in ("/", "/feed.atom"):
                assert claim.id not in answer.text
            else:
                assert "retracted" in answer.text.casefold(), path


def test_what_is_kept_has_a_bound(filled, monkeypatch) -> None:
    monkeypatch.setattr(quick, "MOST_BYTES", 20_000)
    way = quick.Quick(_nothing, house=Site(filled.registry))
    for claim in filled.claims:
        for form in ("/claims/{}", "/embed/{}"):
            scope = {"type": "http", "method": "GET", "query_string": b""}
            assert way._answer({**scope, "path": form.format(claim.id)})
    assert 0 < way._bytes <= 20_000
    assert way._bytes == sum(map(len, way._kept.values()))


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST"])
def test_other_methods_are_answered_as_ever(method: str, client, filled) -> None:
    answer = client.request(method, f"/claims/{filled.claims[0].id}")
    assert answer.status_code == {"HEAD": 200, "OPTIONS": 204, "POST": 405}[method]


async def _nothing(scope, receive, send) -> None:
    raise AssertionError(scope)
