"""`keys`: made, listed, trusted and revoked; never shown."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from verilora.claims.amend import begin
from verilora.claims.keys import load_key
from verilora.claims.trust import seal_trust


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, with nothing in it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def keys(verilora: Any, home: Path) -> Any:
    """`verilora keys ...`, where a root and a default key are."""
    for name in ("root", "default"):
        assert verilora("keys", "new", "--name", name).status == 0
    return lambda *arguments: verilora("keys", *arguments)


def test_a_new_key_lies_in_the_config(verilora: Any, home: Path) -> None:
    told = json.loads(verilora("keys", "new", "--json").out)
    assert Path(told["private"]) == home / "config/verilora/keys/default.pem"
    assert json.loads(Path(told["public"]).read_bytes())["kid"] == told["id"]
    again = verilora("keys", "new")
    assert again.status == 1
    assert "no key is ever replaced" in again.err


def test_a_git_work_tree_is_refused(verilora: Any, home: Path) -> None:
    (home / "tree/.git").mkdir(parents=True)
    told = verilora("keys", "new", "--directory", home / "tree")
    assert told.status == 1
    assert "--force" in told.err
    assert verilora("keys", "new", "--directory", home / "tree", "--force").status == 0


def test_who_is_trusted_is_written_and_listed(keys: Any) -> None:
    told = json.loads(keys("trust", "default", "--root", "root", "--role", "run", "--json").out)
    assert (told["version"], told["trusted"][0]["roles"]) == (1, ["run"])
    bounds = ("--from", "2026-01-01", "--until", "2030-01-01")
    told = json.loads(keys("trust", "default", "--root", "root", *bounds, "--json").out)
    assert told["version"] == 2
    assert told["trusted"][0]["valid_until"] == "2030-01-01T00:00:00Z"
    listed = keys("list")
    assert "version 2" in listed.out and "2030-01-01" in listed.out
    assert json.loads(keys("list", "--json").out)["trust"] == told


def test_an_expired_file_is_said_to_be(keys: Any, home: Path) -> None:
    folder = home / "config/verilora/keys"
    root = load_key(folder / "root.pem")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    path = home / "old.dsse.json"
    path.write_bytes(seal_trust(begin(root.public, now=long_ago), [root]))
    told = keys("list", "--trust", path)
    assert told.status == 0
    assert "EXPIRED on 2020-12-31" in told.out


def test_nobody_else_changes_it(keys: Any) -> None:
    assert keys("trust", "default", "--root", "root").status == 0
    told = keys("trust", "default", "--root", "default")
    assert told.status == 1
    assert "signed by one of its roots" in told.err
    assert keys("trust", "--root", "root", "--role", "everything", "default").status == 1


def test_roots_change_hands(keys: Any, verilora: Any) -> None:
    made = json.loads(keys("new", "--name", "next", "--json").out)
    old = json.loads(keys("trust", "--root", "root", "--json").out)["roots"][0]["id"]
    assert keys("trust", "--root", "root", "--add-root", "next").status == 0
    told = json.loads(keys("trust", "--root", "next", "--drop-root", old, "--json").out)
    assert [root["id"] for root in told["roots"]] == [made["id"]]
    assert keys("trust", "default", "--root", "root").status == 1
    assert keys("trust", "default", "--root", "next").status == 0


def test_roots_change_hands_in_one_step(keys: Any) -> None:
    keys("new", "--name", "next")
    old = json.loads(keys("trust", "--root", "root", "--json").out)["roots"][0]["id"]
    both = ("--root", "root", "--root", "next", "--add-root", "next", "--drop-root", old)
    told = json.loads(keys("trust", *both, "--json").out)
    assert [root["name"] for root in told["roots"]] == ["next"]
    assert told["origin"] == old
    alone = ("--root", "default", "--add-root", "default", "--drop-root", told["roots"][0]["id"])
    refused = keys("trust", *alone)
    assert refused.status == 1
    assert "no root of version 2" in refused.err


def test_two_keys_may_be_wanted(keys: Any) -> None:
    told = keys("trust", "default", "--root", "root", "--threshold", "claim=2")
    assert (told.status, "2 keys have to sign a claim, but 1 may" in told.err) == (1, True)
    keys("new", "--name", "second")
    two = ("trust", "default", "second", "--root", "root", "--threshold", "claim=2", "--json")
    assert json.loads(keys(*two).out)["threshold"] == {"claim": 2}
    assert "a claim counts with 2 signatures" in keys("list").out
    again = json.loads(keys("trust", "--root", "root", "--json").out)
    assert again["threshold"] == {"claim": 2}
    less = keys("trust", "--root", "root", "--threshold", "claim=1", "--json")
    assert "threshold" not in json.loads(less.out)


def test_what_is_asked_wrongly_is_told_in_words(keys: Any) -> None:
    assert keys("trust", "default", "--root", "root").status == 0
    told = keys("trust", "default", "--root", "root", "--from", "yesterday")
    assert (told.status, "--from yesterday: a day such as" in told.err) == (2, True)
    told = keys("trust", "default", "--root", "root", "--role", "claims")
    assert "roles[0] is 'claims'" in told.err and "faults" not in told.err
    told = keys("revoke", "default", "--root", "root", "--reason", "")
    assert (told.status, "reason is empty; it is wanted" in told.err) == (1, True)


@pytest.mark.parametrize("given", ["claim", "claim=", "claim=0", "claim=17", "root=2", "claim=1.5"])
def test_a_threshold_that_is_none_is_told(given: str, keys: Any) -> None:
    told = keys("trust", "--root", "root", "--threshold", given)
    assert told.status == 2
    assert "such as claim=2" in told.err


def test_a_public_key_of_another_is_trusted_from_its_file(keys: Any, home: Path) -> None:
    assert keys("new", "--name", "theirs", "--directory", home / "elsewhere").status == 0
    public = home / "elsewhere/theirs.jwk.json"
    told = json.loads(keys("trust", public, "--root", "root", "--json").out)
    assert [key["name"] for key in told["trusted"]] == ["theirs"]


def test_a_key_is_revoked_for_good(keys: Any) -> None:
    keys("trust", "default", "--root", "root")
    kept = "sha256:" + "0" * 64
    told = keys("revoke", "default", "--reason", "stolen", "--root", "root", "--keep", kept)
    assert told.status == 0
    assert "revoked" in told.out
    revoked = json.loads(keys("list", "--json").out)["trust"]["trusted"][0]["revoked"]
    assert (revoked["reason"], revoked["kept"]) == ("stolen", [kept])
    assert keys("trust", "default", "--root", "root").status == 1


def test_a_private_key_is_in_no_output_also_with_debug(
    keys: Any, verilora: Any, home: Path
) -> None:
    (home / "words").write_text("correct horse\n")
    (home / "wrong").write_text("battery staple\n")
    given = ("--passphrase-file", home / "words")
    said = [keys("new", "--name", "locked", *given, "--debug")]
    said += [keys("trust", "locked", "--root", "locked", *given, "--debug")]
    said += [keys("trust", "--root", "locked", "--passphrase-file", home / "wrong", "--debug")]
    said += [keys("trust", "--root", "locked", "--debug"), keys("list", "--json", "--debug")]
    said += [verilora("sign", home / "words", "--key", "locked", *given, "--debug")]
    folder = home / "config/verilora/keys"
    said += [keys("trust", folder / "default.pem", "--root", "root", "--debug")]
    assert {told.status for told in said} == {0, 1}
    text = "".join(told.out + told.err for told in said)
    for name, words in (("locked", b"correct horse"), ("root", None), ("default", None)):
        content = (folder / f"{name}.pem").read_bytes()
        key: Any = serialization.load_pem_private_key(content, words)
        secret = key.private_bytes_raw()
        body = content.decode().splitlines()[1]
        for form in (secret.hex(), base64.b64encode(secret).decode()[:40], body, repr(secret)):
            assert form not in text
    assert "correct horse" not in text and "battery staple" not in text
    files = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".pem"]
    assert not any(secret in path.read_bytes() for path in files)
