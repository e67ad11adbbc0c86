from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import verilora
from verilora.claims.envelope import open_envelope, sign
from verilora.claims.predicates import statement_of
from verilora.claims.trust import seal_trust
from verilora.claims.verify import find_envelope, verify
from verilora.errors import DataError, VerificationError
from verilora.records.canonical import digest_bytes
from verilora.records.claim import Claim
from verilora.records.notice import Notice


@pytest.fixture
def place(world: Any, claim: Claim) -> Path:
    """A directory with a file and the envelope of a claim about it."""
    folder = world.folder / "held"
    folder.mkdir()
    (folder / "weights").write_bytes(b"weights")
    files = {"weights": digest_bytes(b"weights")}
    (folder / "claim.dsse.json").write_bytes(sign(statement_of(claim, files), world.key))
    return folder


def test_all_is_well(world: Any, claim: Claim, place: Path) -> None:
    found = verify(place, world.trust(), now=world.now)
    assert found.record == claim
    assert found.kind == "claim"
    assert found.signers == ("signer",)
    assert found.subjects.same == ("weights",)
    assert found.digest == open_envelope((place / "claim.dsse.json").read_bytes()).digest
    told = json.loads(json.dumps(found.to_mapping()))
    assert told["state"] == "valid"
    assert told["keys"] == [{"id": world.key.id, "name": "signer"}]


def test_it_is_on_the_face() -> None:
    assert verilora.verify is verify


def test_the_trust_file_alone_is_needed(
    world: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(world.folder / "c"))
    monkeypatch.setenv("XDG_STATE_HOME", str(world.folder / "s"))
    with pytest.raises(DataError, match="no trust file"):
        verify(place, now=world.now)
    own = world.folder / "c/verilora/trust.dsse.json"
    own.parent.mkdir(parents=True)
    own.write_bytes(seal_trust(world.trust(version=2), [world.root]))
    assert verify(place, now=world.now).kind == "claim"
    given = world.folder / "other.json"
    given.write_bytes(seal_trust(world.trust(), [world.root]))
    with pytest.raises(VerificationError, match="version 2 was seen"):
        verify(place, given, now=world.now)


def test_files_count_in_a_directory_and_are_told_beside_a_file(world: Any, place: Path) -> None:
    (place / "weights").unlink()
    alone = verify(place / "claim.dsse.json", world.trust(), now=world.now)
    assert alone.subjects.absent == ("weights",)
    with pytest.raises(VerificationError, match="weights was signed") as told:
        verify(place, world.trust(), now=world.now)
    assert told.value.facts["state"] == "digest-mismatch"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"keys": []}, "unknown-key"),
        ({"expires_at": "2026-05-01T00:00:00Z"}, "stale-trust"),
    ],
)
def test_what_is_not_valid_is_an_error_with_a_state(
    changes: Any, state: str, world: Any, place: Path
) -> None:
    with pytest.raises(VerificationError) as told:
        verify(place, world.trust(**changes), now=world.now)
    assert told.value.facts["state"] == state


def test_a_notice_beside_it_counts(world: Any, place: Path) -> None:
    digest = verify(place, world.trust(), now=world.now).digest
    notice = Notice(
        kind="retraction", about=digest, reason="wrong data", made_at="2026-03-01T00:00:00Z"
    )
    content = sign(statement_of(notice), world.key)
    given = world.folder / "said.json"
    given.write_bytes(content)
    with pytest.raises(VerificationError, match="wrong data") as told:
        verify(place, world.trust(), notices=[given], now=world.now)
    assert told.value.facts["state"] == "retracted"
    (place / "notice-1.dsse.json").write_bytes(content)
    with pytest.raises(VerificationError, match="wrong data"):
        verify(place, world.trust(), now=world.now)


def test_a_directory_has_one_envelope(world: Any, place: Path, tmp_path: Path) -> None:
    assert find_envelope(place) == (place / "claim.dsse.json", True)
    (place / "claim.dsse.json").rename(place / "run.dsse.json")
    (place / "trust.dsse.json").write_text("")
    assert find_envelope(place) == (place / "run.dsse.json", True)
    (place / "verdict.dsse.json").write_text("")
    with pytest.raises(DataError, match="several"):
        find_envelope(place)
    with pytest.raises(DataError, match="verilora sign"):
        find_envelope(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        verify(tmp_path / "none", world.trust())
