"""JSON twins say what the interface says."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("twin", "answer"),
    [
        ("/claims.json", "/api/v1/claims.json"),
        ("/tags.json", "/api/v1/tags.json"),
        ("/papers.json", "/api/v1/papers"),
        ("/verdicts.json", "/api/v1/verdicts"),
        ("/methodology.json", "/api/v1/methodology.json"),
        ("/anchors.json", "/api/v1/anchors"),
        ("/tags/lora.json", "/api/v1/claims.json?tag=lora"),
        ("/papers/2106.09685.json", "/api/v1/papers/2106.09685"),
        ("/search.json?q=lora", "/api/v1/search?q=lora"),
        ("/claims/d7b97d1b93d8d8bc.json", "/api/v1/claims/d7b97d1b93d8d8bc.json"),
    ],
)
def test_a_twin_is_the_answer(twin: str, answer: str, client) -> None:
    got = client.get(twin)
    assert got.status_code == 200
    assert got.content == client.get(answer).content


def test_records_are_given_as_they_are(client, filled, pages) -> None:
    assert client.get(pages["verdict"] + ".json").json() == filled.document.to_mapping()
    assert client.get(pages["run"] + ".json").json()["seed"] == 0
    assert client.get("/index.json").json()["counts"]["claims"] == 4
