"""Lines that are printed to be typed begin with what the shell finds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from verilora.cli.program import program


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A command in a folder of its own, started by its path from where the user is."""
    path = tmp_path / "my env" / "bin" / "verilora"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["my env/bin/verilora", "demo"])
    monkeypatch.setenv("PATH", "/usr/bin")
    return path


def test_outside_of_the_path_it_is_named_as_it_was_typed(script: Path) -> None:
    assert program() == "'my env/bin/verilora'"


def test_in_the_path_its_name_is_enough(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(script.parent))
    assert program() == "verilora"


def test_another_of_that_name_in_the_path_is_not_meant(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / "verilora"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent))
    assert program() == "'my env/bin/verilora'"


def test_started_as_a_module_it_has_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/verilora/__main__.py"])
    assert program() == "verilora"
