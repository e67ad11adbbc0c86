"""A trust file changes version by version, and the first one begins with its root."""

from __future__ import annotations

from pathlib import Path

import pytest

from verilora.claims.keys import keep_key, make_key
from verilora.claims.trust import load_trust
from verilora.cli.desk import Desk


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Desk:
    """A desk where no trust file lies yet, with the key "mine" in its folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    key = make_key("mine")
    keep_key(key, tmp_path / "keys")
    return Desk(tmp_path / "deep" / "trust.dsse.json", tmp_path / "keys", [key])


def test_versions_follow_each_other(desk: Desk) -> None:
    first = desk.next_version(30)
    assert (first.version, first.roots) == (1, (desk.roots[0].public,))
    desk.write(first)
    assert load_trust(desk.file) == first
    assert desk.next_version(30).version == 2


def test_a_public_key_is_found_by_name_and_by_file(desk: Desk) -> None:
    public = desk.folder / "mine.jwk.json"
    assert desk.public("mine") == desk.public(str(public)) == desk.roots[0].public
