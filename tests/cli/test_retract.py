"""`registry retract` where signatures count: a notice is signed as well as the record, or told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from verilora.claims.envelope import sign
from verilora.claims.keys import keep_key, make_key
from verilora.claims.places import key_folder
from verilora.claims.predicates import statement_of
from verilora.records.claim import Claim, claim_id
from verilora.records.claim import statement_of as told_of

PARTS = ("LoRA", "introduced_in_paper")
PAPER = "A paper (Somebody, 2024)"


@pytest.fixture
def claim(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A claim signed by the user's key "mine"; "other" is a key of his too."""
    for name in ("DATA", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    key = make_key("mine")
    for made in (key, make_key("other")):
        keep_key(made, key_folder(), force=True)
    found = Claim(
        id=claim_id(*PARTS, object=PAPER),
        subject=PARTS[0],
        predicate=PARTS[1],
        object=PAPER,
        statement=told_of(*PARTS, object=PAPER),
        confidence=0.95,
        confidence_rule="one primary source",
        published_at="2026-05-16T12:00:00Z",
        last_verified="2026-05-16T12:00:00Z",
    )
    path = tmp_path / "claim.dsse.json"
    path.write_bytes(sign(statement_of(found), key))
    return path


def test_what_is_trusted_is_retracted_by_who_is_trusted(verilora: Any, claim: Path) -> None:
    """By the user's own trust file, or the one that is named."""
    assert verilora("keys", "trust", "mine", "--root", "mine").status == 0
    assert verilora("registry", "add", claim, "--require-trust").status == 0
    id = claim_id(*PARTS, object=PAPER)
    asked = ("registry", "retract", id, "--reason", "wrong", "--json", "--key")
    told = verilora(*asked, "other")
    found = json.loads(told.out)
    assert (told.status, found["standing"], found["has_effect"]) == (1, "standing", False)
    assert found["notice"]["state"] == "unknown-key"
    told = verilora("registry", "retract", id, "--reason", "wrong", "--key", "other")
    assert "It has no effect: the record's signature is 'valid'" in told.out
    told = verilora(*asked, "mine")
    found = json.loads(told.out)
    assert (told.status, found["standing"], found["has_effect"]) == (0, "retracted", True)
    assert found["notice"]["state"] == "valid"


def test_a_trust_file_may_be_named(verilora: Any, claim: Path, tmp_path: Path) -> None:
    trust = tmp_path / "trust.dsse.json"
    assert verilora("keys", "trust", "mine", "--root", "mine", "--trust", trust).status == 0
    assert verilora("registry", "add", claim, "--trust", trust).status == 0
    asked = ("registry", "retract", claim_id(*PARTS, object=PAPER), "--key", "mine")
    told = verilora(*asked, "--reason", "not held against one", "--json")
    assert (told.status, json.loads(told.out)["notice"]["state"]) == (1, "unchecked")
    told = verilora(*asked, "--reason", "wrong", "--trust", trust)
    assert told.status == 0 and "is now retracted" in told.out
