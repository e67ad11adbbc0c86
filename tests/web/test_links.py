"""Addresses from the root, and relative ones where files are read."""

from __future__ import annotations

from verilora.web.links import (
    Links,
    claim_path,
    envelope_path,
    paper_path,
    payload_path,
    run_path,
    tag_path,
    verdict_path,
)

DIGEST = "sha256:" + "a" * 64


def test_a_server_answers_from_the_root() -> None:
    links = Links("https://x.example/")
    assert links.page("/claims/0") == "/claims/0"
    assert links.file("/a.css") == "/a.css"
    assert links.outside("/claims/0") == "https://x.example/claims/0"


def test_files_link_to_files() -> None:
    links = Links("https://x.example", depth=1)
    assert links.page("/claims/0") == "../claims/0.html"
    assert links.page("/") == "../index.html"
    assert links.file("/static/a.css") == "../static/a.css"


def test_paths_hold_nothing_that_must_be_escaped() -> None:
    assert claim_path("0f") == "/claims/0f"
    assert verdict_path(DIGEST) == f"/verdicts/{'a' * 64}"
    assert run_path(DIGEST) == f"/runs/{'a' * 64}"
    assert paper_path("cs.CL/0301001") == "/papers/cs.CL/0301001"
    assert paper_path('"<') == "/papers/%22%3C"
    assert tag_path("a b") == "/tags/a%20b"
    assert envelope_path(DIGEST).endswith("a.dsse.json")
    assert payload_path(DIGEST).endswith("a.json")
