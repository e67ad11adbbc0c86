from __future__ import annotations

from pathlib import Path

import pytest

from verilora.claims.places import key_folder, memory_folder, trust_path


def test_folders_are_xdgs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    assert key_folder() == tmp_path / "c/verilora/keys"
    assert trust_path() == tmp_path / "c/verilora/trust.dsse.json"
    assert memory_folder() == tmp_path / "s/verilora/trust"


def test_a_relative_one_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "here")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert key_folder() == tmp_path / ".config/verilora/keys"
    assert memory_folder() == tmp_path / ".local/state/verilora/trust"
