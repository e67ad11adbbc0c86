"""`sign`: beside what it is about, never over what is there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def run(trained: Path, verilora: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run, where a key is."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert verilora("keys", "new").status == 0
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


def test_a_run_is_signed_beside_its_files(run: Path, verilora: Any) -> None:
    told = json.loads(verilora("sign", run, "--json").out)
    assert told["kind"] == "run"
    assert told["envelope"] == str(run / "claim.dsse.json")
    assert "adapter/adapter_model.safetensors" in told["files"]
    again = verilora("sign", run)
    assert again.status == 1
    assert "--force" in again.err
    words = verilora("sign", run, "--force")
    assert told["digest"] in words.out
    assert f"verilora verify {run}" in words.err
    assert "no trust file yet" in words.err
    assert verilora("keys", "trust", "default").status == 0
    assert "no trust file" not in verilora("sign", run, "--force").err


def test_it_goes_where_it_is_wanted(run: Path, verilora: Any, tmp_path: Path) -> None:
    out = tmp_path / "mine.dsse.json"
    told = verilora("sign", run / "adapter", "--out", out)
    assert told.status == 0
    assert out.is_file()
    assert not (run / "adapter/claim.dsse.json").exists()


def test_another_signs_beside_the_first(run: Path, verilora: Any) -> None:
    assert verilora("keys", "new", "--name", "other").status == 0
    told = verilora("sign", run, "--key", "other", "--add")
    assert (told.status, "cannot be read" in told.err) == (1, True)  # nothing to sign beside
    assert verilora("sign", run).status == 0
    assert "--add" in verilora("sign", run, "--key", "other").err
    told = json.loads(verilora("sign", run, "--key", "other", "--add", "--json").out)
    sealed = json.loads((run / "claim.dsse.json").read_bytes())["signatures"]
    assert len({one["keyid"] for one in sealed}) == 2
    assert told["key"] in {one["keyid"] for one in sealed}
    (run / "events.jsonl").write_text("{}\n")
    told = verilora("sign", run, "--key", "other", "--add")
    assert (told.status, "is not about what is there now" in told.err) == (1, True)


def test_a_key_that_is_not_there_is_told(run: Path, verilora: Any) -> None:
    told = verilora("sign", run, "--key", "defualt")
    assert told.status == 1
    assert "did you mean 'default'" in told.err
    assert not (run / "claim.dsse.json").exists()
