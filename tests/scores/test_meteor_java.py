from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from verilora.errors import MissingExtraError
from verilora.scores import meteor_java
from verilora.scores.meteor_java import meteor

THERE = shutil.which("java") and importlib.util.find_spec("pycocoevalcap")


@pytest.mark.skipif(not THERE, reason="needs Java and the extra meteor")
def test_it_is_the_challenges_own(vectors: dict[str, Any]) -> None:
    found = meteor(vectors["texts"], vectors["references"])
    assert found == pytest.approx(100 * vectors["official"]["METEOR"], abs=1e-9)


def test_without_java_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingExtraError, match=r"no `java` on the PATH.*meteor_exact_stem"):
        meteor(["a"], [["a"]])


def test_without_the_package_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    empty = ModuleType("pycocoevalcap")
    empty.__spec__ = importlib.util.spec_from_loader("pycocoevalcap", None)
    monkeypatch.setitem(sys.modules, "pycocoevalcap", empty)
    with pytest.raises(MissingExtraError, match=r"pip install 'verilora\[meteor\]'"):
        meteor(["a"], [["a"]])


def test_a_program_that_dies_is_told_with_its_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\nexec <&-\necho no room >&2\nexit 1\n", "utf-8")
    java.chmod(0o755)
    monkeypatch.setattr(meteor_java, "_java", lambda: str(java))
    monkeypatch.setattr(meteor_java, "_jar", lambda: tmp_path / "a.jar")
    with pytest.raises(MissingExtraError, match="program ended: no room"):
        meteor(["a"], [["a"]])
