"""Drafts are read from TOML and JSON alike; what is not understood is told with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from verilora.claims.draft import draft_of, read_draft
from verilora.errors import DataError

TOML = b"""
subject = "LoRA"
predicate = "introduced_in_paper"
object = "LoRA (Hu et al., 2021)"
tags = ["lora"]
[[sources]]
type = "preprint"
publisher = "arXiv"
title = "LoRA"
url = "https://arxiv.org/abs/2106.09685"
published = 2021-06-17
text = "paper.txt"
"""


def test_toml_and_json_give_the_same_draft() -> None:
    draft = read_draft(TOML, given={})
    assert draft.sources[0].published == "2021-06-17"
    assert draft.vertical == "ai-ml"
    assert read_draft(json.dumps(draft.to_mapping()).encode(), given={}) == draft


def test_what_is_given_beside_the_file_takes_precedence() -> None:
    draft = read_draft(TOML, given={"subject": "QLoRA", "tags": ["a", "b"]})
    assert (draft.subject, draft.tags, draft.predicate) == (
        "QLoRA",
        ("a", "b"),
        "introduced_in_paper",
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"subject =", "neither TOML nor JSON"),
        (b"\xff", "neither TOML nor JSON"),
        (b'{"a": 1', "no JSON"),
        (b'{"subject": "a", "subject": "b"}', "stands twice"),
        (b"#" * 300_000, "at most 262,144"),
    ],
)
def test_what_is_no_draft_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_draft(content, name="draft.toml", given={})


def test_every_fault_of_form_is_told_at_once() -> None:
    given: dict[str, Any] = {"subjet": "LoRA", "object": 5, "sources": [{"type": "blog"}]}
    with pytest.raises(DataError) as caught:
        draft_of(given)
    told = "\n".join(caught.value.facts["faults"])
    for piece in (
        "unknown key 'subjet'; did you mean 'subject'",
        "subject is missing",
        "object is 5",
        "sources[0].type is 'blog'; wanted: 'preprint'",
        "sources[0].url is missing",
    ):
        assert piece in told, piece
