"""A verdict ends with a signed claim: made once, checked by one line, never an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from verilora.claims.keys import keep_key, make_key
from verilora.claims.places import key_folder, trust_path
from verilora.claims.verify import verify
from verilora.cli.signing import leave_claim
from verilora.cli.terminal import Terminal
from verilora.errors import VerificationError


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Folders of a user who has nothing yet."""
    for name in ("CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture
def judged(reproduction: Any, tmp_path: Path) -> tuple[Path, Any]:
    """A directory with a verdict, and its document."""
    document = reproduction(89.2, 89.9, 90.4)
    directory = tmp_path / "out"
    directory.mkdir()
    (directory / "verdict.json").write_bytes(document.canonical())
    return directory, document


def leave(directory: Path, document: Any) -> str:
    return leave_claim(Terminal(quiet=True), directory, document=document)


def test_a_stranger_to_keys_gets_one_and_a_valid_claim(judged: tuple[Path, Any]) -> None:
    directory, document = judged
    told = leave(directory, document)
    assert told.endswith(f"verilora verify {directory}")
    assert key_folder().is_dir() and trust_path().is_file()
    found = verify(directory)
    assert found.kind == "claim"
    assert found.record.performance.verdict == document.digest


def test_a_key_without_a_trust_file_gets_one_too(judged: tuple[Path, Any]) -> None:
    key = make_key("default")
    keep_key(key, key_folder())
    leave(*judged)
    assert verify(judged[0]).key_ids == (key.id,)


def test_what_is_signed_stays(judged: tuple[Path, Any]) -> None:
    leave(*judged)
    before = [(judged[0] / name).read_bytes() for name in ("claim.json", "claim.dsse.json")]
    leave(*judged)
    assert [(judged[0] / name).read_bytes() for name in ("claim.json", "claim.dsse.json")] == before


def test_another_verdict_is_another_claim(judged: tuple[Path, Any], reproduction: Any) -> None:
    directory, _ = judged
    leave(*judged)
    other = reproduction(85.2, 85.9, 86.4)
    (directory / "verdict.json").write_bytes(other.canonical())
    with pytest.raises(VerificationError):
        verify(directory)
    leave(directory, other)
    assert verify(directory).record.performance.verdict == other.digest


def test_a_locked_key_is_not_asked_for(judged: tuple[Path, Any]) -> None:
    keep_key(make_key("default"), key_folder(), passphrase=b"a secret of mine")
    told = leave(*judged)
    assert "wants its passphrase" in told
    assert f"verilora sign {judged[0]}" in told
    assert json.loads((judged[0] / "claim.json").read_bytes())["performance"]
    assert not (judged[0] / "claim.dsse.json").exists()


def test_a_claim_that_cannot_be_made_is_a_sentence(judged: tuple[Path, Any]) -> None:
    directory, document = judged
    (directory / "claim.json").write_text("{", "utf-8")
    assert leave(directory, document).startswith("Not signed: ")
