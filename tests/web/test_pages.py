"""Routes of pages."""

from __future__ import annotations


def test_a_list_goes_on(fresh, read_page) -> None:
    from fastapi.testclient import TestClient

    from verilora.web.app import create_app
    from verilora.web.finding import Site

    list(fresh.registry.admit_many(fresh.sign(fresh.claim(f"Method {n}")) for n in range(25)))
    client = TestClient(create_app(Site(fresh.registry)))
    seen: list[str] = []
    for start in ("/claims", "/tags/lora"):
        path, found = start, []
        while path:
            page = read_page(client.get(path).text)
            found += [h for h in page.links() if h.startswith("/claims/")]
            path = next((a["href"] for t, a in page.elements if a.get("rel") == "next"), "")
        assert len(found) == len(set(found)) == 25
        seen += found
    assert client.get("/claims?cursor=nonsense").status_code == 400


def test_a_search_shows_what_it_found(client, read_page) -> None:
    text = read_page(client.get("/search?q=quantized+nonsense").text).text
    assert "QLoRA introduced in paper" in text
    assert "holds quantized" in text
    assert "No claim holds any of these words." in client.get("/search?q=nonsense").text
    assert client.get("/search").status_code == 200


def test_an_empty_registry_says_so(fresh, read_page) -> None:
    from fastapi.testclient import TestClient

    from verilora.web.app import create_app
    from verilora.web.finding import Site

    client = TestClient(create_app(Site(fresh.registry)))
    for path in ("/", "/claims", "/papers", "/verdicts", "/tags", "/anchors", "/search"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "kept here" in answer.text or "No claim bears" in answer.text or path == "/search"
    assert client.get("/feed.atom").status_code == 200
