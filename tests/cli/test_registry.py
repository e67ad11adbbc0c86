"""A registry through the door: added, listed, found, retracted, made again."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from verilora.claims.envelope import open_envelope, sign
from verilora.claims.keys import Key, keep_key, make_key
from verilora.claims.places import key_folder
from verilora.claims.predicates import statement_of
from verilora.records.claim import Claim, claim_id
from verilora.records.claim import statement_of as told_of


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Folders of a user who has nothing yet."""
    for name in ("DATA", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture
def key() -> Key:
    made = make_key()
    keep_key(made, key_folder(), force=True)
    return made


def envelope(subject: str, key: Key) -> bytes:
    parts = (subject, "introduced_in_paper")
    paper = f"A paper on {subject} (Somebody, 2024)"
    claim = Claim(
        id=claim_id(*parts, object=paper),
        subject=subject,
        predicate=parts[1],
        object=paper,
        statement=told_of(*parts, object=paper),
        confidence=0.95,
        confidence_rule="one primary source",
        published_at="2026-05-16T12:00:00Z",
        last_verified="2026-05-16T12:00:00Z",
    )
    return sign(statement_of(claim), key)


def test_claims_are_added_found_retracted_and_made_again(
    verilora: Any, key: Key, home: Path
) -> None:
    one, many = home / "claim.dsse.json", home / "claims.jsonl"
    one.write_bytes(envelope("LoRA", key) + b"\n")
    many.write_bytes(b"\n".join(envelope(name, key) for name in ("LoRA", "RoPE")) + b"\n\n")
    told = verilora("registry", "add", one)
    database = f"sqlite:///{home / 'data' / 'verilora' / 'registry.sqlite'}"
    assert told.out == f"1 added in {database}\n"
    assert verilora("registry", "add", many).out == f"1 added, 1 there already in {database}\n"

    (hit,) = json.loads(verilora("registry", "search", "rope", "--json").out)
    assert (hit["claim"]["subject"], hit["score"]) == ("RoPE", 1.0)
    assert verilora("registry", "search", "nowhere").out == "nothing found\n"

    digest = open_envelope(one.read_bytes()).digest
    claim = hit["claim"]["id"]
    told = verilora("registry", "retract", claim, "--reason", "another paper")
    assert told.status == 0 and "is now retracted" in told.out
    told = verilora("registry", "retract", digest, "--reason", "hm", "--kind", "dispute", "--json")
    assert json.loads(told.out)["standing"] == "disputed"
    assert verilora("registry", "search", "rope").out == "nothing found\n"

    listed = verilora("registry", "list")
    assert "retracted" in listed.out and f"4 records in {database}" in listed.out
    notices = json.loads(verilora("registry", "list", "--kind", "notice", "--json").out)
    assert [entry["sequence"] for entry in notices["entries"]] == [4, 3]
    assert verilora("registry", "rebuild").out == f"made again from 4 records in {database}\n"
    assert verilora("registry", "list").out == listed.out


def test_what_is_refused_says_where_it_stood_and_what_was_kept(
    verilora: Any, key: Key, home: Path
) -> None:
    many = home / "claims.jsonl"
    many.write_bytes(envelope("LoRA", key) + b"\n\n" + b'{"payload": 1}\n')
    told = verilora("registry", "add", many, "--database", home / "mine.sqlite")
    assert told.status == 1
    assert f"{many}, line 3: not admitted" in told.err
    assert told.err.rstrip().endswith("1 added")
    listed = verilora("registry", "list", "--database", home / "mine.sqlite", "--json")
    assert json.loads(listed.out)["records"] == 1


def test_records_come_from_a_pipe(verilora: Any, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [envelope("LoRA", key), b"", envelope("RoPE", key), b"{}"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\r\n".join(lines))))
    told = verilora("registry", "add", "-")
    assert told.status == 1
    assert "stdin, line 4: not admitted" in told.err and told.err.rstrip().endswith("2 added")
    assert len(json.loads(verilora("registry", "list", "--json").out)["entries"]) == 2


def test_a_database_that_fails_midway_is_told_with_what_was_kept(
    verilora: Any, key: Key, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from verilora.errors import RegistryError
    from verilora.registry import Registry

    many = home / "claims.jsonl"
    many.write_bytes(b"\n".join(envelope(name, key) for name in ("LoRA", "RoPE")))

    def admit_some(self: Registry, envelopes: Any) -> Any:
        yield self.admit(next(envelopes))
        raise RegistryError("the registry does not answer: disk full", url=self.url)

    monkeypatch.setattr(Registry, "admit_many", admit_some)
    monkeypatch.setattr(Registry, "admit", lambda self, one: Kept())
    told = verilora("registry", "add", many)
    assert told.status == 1
    assert told.err.endswith("disk full\n1 added\n")


class Kept:
    is_new = True


def test_trust_may_be_required(verilora: Any, key: Key, home: Path) -> None:
    one = home / "claim.dsse.json"
    one.write_bytes(envelope("LoRA", key))
    assert verilora("keys", "trust", "default", "--root", "default").status == 0
    assert verilora("registry", "add", one, "--require-trust").status == 0
    (entry,) = json.loads(verilora("registry", "list", "--json").out)["entries"]
    assert (entry["state"], entry["key_ids"]) == ("valid", [key.id])
    one.write_bytes(envelope("RoPE", make_key("stranger")))
    told = verilora("registry", "add", one, "--require-trust")
    assert told.status == 1 and "the trust file knows no key" in told.err


def test_faults_are_told(verilora: Any, key: Key, home: Path) -> None:
    one = home / "claim.dsse.json"
    one.write_bytes(envelope("LoRA", key))
    for arguments, told in (
        (["add", home / "none.dsse.json"], "cannot be read"),
        (["list", "--database", "mysql://u:hush@h/d"], "sqlite or postgresql is wanted"),
        (["list"], "there is no registry at"),
        (["add", one], ""),
        (["retract", "0" * 16, "--reason", "x"], "holds no '0000000000000000'"),
        (["list", "--kind", "thing"], "one of claim"),
    ):
        found = verilora("registry", *arguments)
        assert found.status in (1, 2) or arguments == ["add", one]
        assert told in found.err
        assert "hush" not in found.err
