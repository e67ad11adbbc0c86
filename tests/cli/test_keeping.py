"""What a demo leaves in the user's registry: once, in any order, never an error."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from verilora.claims.family import load_family
from verilora.claims.keys import find_key, make_key
from verilora.claims.places import key_folder
from verilora.cli.keeping import keep
from verilora.cli.signing import leave_claim
from verilora.cli.terminal import Terminal
from verilora.records.canonical import digest_file
from verilora.records.verdict import read_document
from verilora.registry import open_registry
from verilora.registry.engine import default_path
from verilora.web.seed import seed

FAMILY = len(load_family())


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Folders of a user who has nothing yet."""
    for name in ("CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / "home" / name.lower()))
    return tmp_path / "home"


@pytest.fixture
def judged(tmp_path: Path, reproduction: Any, write_run: Callable[..., Path]) -> Path:
    """A directory with a verdict, its plan and a run, and a signed claim about it."""
    return made(tmp_path / "out", reproduction(84.1, 84.6, 84.3), run=write_run())


def made(directory: Path, document: Any, *, run: Path) -> Path:
    directory.mkdir()
    (directory / "verdict.json").write_bytes(document.canonical())
    plan = document.verdicts.pre
    (directory / "preregistration.json").write_bytes(plan.canonical())
    shutil.copytree(run, directory / "seed-0", ignore=shutil.ignore_patterns("*.dsse.json"))
    whole(directory / "seed-0")
    leave_claim(Terminal(quiet=True), directory, document=document)
    return directory


def whole(run: Path) -> None:
    """Gives the run the files whose digests it states."""
    (run / "predictions.jsonl").write_text('{"id": "1"}\n', "utf-8")
    given = json.loads((run / "run.json").read_bytes())
    given["digests"] |= {"predictions": digest_file(run / "predictions.jsonl"), "adapter": None}
    (run / "run.json").write_text(json.dumps(given), "utf-8")


def counts() -> dict[str, int]:
    with open_registry() as registry:
        found = registry.counts()
        return {name: getattr(found, name) for name in ("claims", "verdicts", "runs", "records")}


def test_claim_verdict_plan_and_runs_are_shown_beside_the_first_claims(judged: Path) -> None:
    told = keep(judged)
    id_ = json.loads((judged / "claim.json").read_bytes())["id"]
    assert "the claim, its verdict, what was fixed before, 1 run\n" in told
    assert "verilora serve" in told
    assert f"http://127.0.0.1:8000/claims/{id_}" in told
    assert str(default_path()) in told
    with open_registry() as registry:
        view = registry.claim(id_)
        assert view is not None and view.entry.state == "valid"
        held = view.claim.performance
        verdict = registry.verdict(held.verdict)
        assert verdict is not None and verdict.entry.state == "valid"
        assert registry.claim("d7b97d1b93d8d8bc") is not None
    assert counts() == {"claims": FAMILY + 1, "verdicts": 1, "runs": 1, "records": FAMILY + 4}


def test_said_again_it_adds_nothing(judged: Path) -> None:
    keep(judged)
    before = counts()
    told = keep(judged)
    assert told.startswith("Put into your registry") and "takes the place" not in told
    assert counts() == before


def test_a_registry_with_something_in_it_is_not_seeded_and_keeps_it(judged: Path) -> None:
    with open_registry() as registry:
        seed(registry, make_key())
    keep(judged)
    assert counts()["claims"] == FAMILY + 1


def test_the_same_result_of_another_run_takes_the_place_of_the_first(
    judged: Path, tmp_path: Path, reproduction: Any, write_run: Callable[..., Path]
) -> None:
    keep(judged)
    first = json.loads((judged / "claim.json").read_bytes())
    document = reproduction(84.1, 84.6, 84.3, caveats=("run on another day",))
    other = made(tmp_path / "other", document, run=write_run("again", resumed=1))
    assert json.loads((other / "claim.json").read_bytes())["id"] == first["id"]
    assert "the claim takes the place of the one that was there" in keep(other)
    with open_registry() as registry:
        newest, former = registry.versions(first["id"])
        assert (newest.entry.standing, former.entry.standing) == ("standing", "superseded")
        assert newest.claim.performance.verdict == document.digest
        assert former.entry.replaced_by == newest.entry.digest
        assert registry.claim(first["id"]) == newest
        registry.rebuild()
        assert registry.claim(first["id"]).entry.digest == newest.entry.digest


def test_a_claim_of_another_hand_stays_and_that_is_said(
    judged: Path, home: Path, tmp_path: Path
) -> None:
    keep(judged)
    before = counts()
    shutil.rmtree(home / "config")
    other = tmp_path / "other"
    shutil.copytree(judged, other)
    for name in ("claim.json", "claim.dsse.json"):
        (other / name).unlink()
    claim = json.loads((judged / "claim.json").read_bytes())
    claim |= {"published_at": "2026-01-01T00:00:00Z", "last_verified": "2026-01-01T00:00:00Z"}
    (other / "claim.json").write_text(json.dumps(claim), "utf-8")
    found = read_document((other / "verdict.json").read_bytes())
    leave_claim(Terminal(quiet=True), other, document=found)
    told = keep(other)
    assert told.startswith("Not put into your registry: ") and "is there already" in told
    assert counts() == before


def test_a_locked_key_is_said_and_nothing_is_kept(judged: Path) -> None:
    path = find_key("default", key_folder())
    secret = load_pem_private_key(path.read_bytes(), None)
    form = (Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
    path.write_bytes(secret.private_bytes(*form))
    assert "your key wants its passphrase" in keep(judged)
    assert f"verilora registry add {judged / 'claim.dsse.json'}" in keep(judged)
    assert not default_path().exists()


def test_a_registry_that_cannot_be_opened_is_a_sentence(judged: Path) -> None:
    default_path().parent.mkdir(parents=True)
    default_path().write_bytes(b"no database" * 100)
    told = keep(judged)
    assert told.startswith("Not put into your registry: ") and "cannot be opened" in told


def test_a_registry_that_is_damaged_is_a_sentence(judged: Path) -> None:
    with open_registry() as registry:
        seed(registry, make_key())
    content = default_path().read_bytes()
    default_path().write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    assert keep(judged).startswith("Not put into your registry: ")


def test_without_a_signed_claim_nothing_is_said_or_kept(judged: Path) -> None:
    (judged / "claim.dsse.json").unlink()
    assert keep(judged) == ""
    assert not default_path().exists()
