"""The examples: each runs as its docstring says, by itself, says something, and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def test_there_are_examples() -> None:
    assert EXAMPLES, "examples/: write some; a user begins with one"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_runs(path: Path, tmp_path: Path) -> None:
    there = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, env=there, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{path.name}\n{done.stdout}\n{done.stderr}"
    assert done.stdout.strip(), f"{path.name} says nothing"
    assert not list(tmp_path.iterdir()), f"{path.name} leaves files where it was started"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_says_how_to_run_it(path: Path) -> None:
    first = path.read_text("utf-8")[:400]
    assert f"python examples/{path.name}" in first, f"{path.name}: its docstring is how to run it"
