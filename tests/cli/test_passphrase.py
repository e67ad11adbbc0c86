from __future__ import annotations

from pathlib import Path

import pytest
import typer

from verilora.claims.keys import keep_key, make_key
from verilora.cli.passphrase import ask_new, read_passphrase, unlocked
from verilora.errors import KeyFileError


def test_the_first_line_is_the_passphrase(tmp_path: Path) -> None:
    file = tmp_path / "words"
    file.write_text("correct horse\nmore\n")
    assert read_passphrase(file) == b"correct horse"
    assert read_passphrase(None) is None
    for content in ("", "\nsecond"):
        file.write_text(content)
        with pytest.raises(KeyFileError, match="no passphrase"):
            read_passphrase(file)
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_passphrase(tmp_path / "none")


def test_it_is_asked_for_where_somebody_sits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = keep_key(make_key(), tmp_path, passphrase=b"correct horse")
    monkeypatch.setattr(typer, "prompt", lambda *_, **options: "correct horse")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    with pytest.raises(KeyFileError, match="has a passphrase"):
        unlocked(path, None)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert unlocked(path, None).public.name == "default"


def test_a_new_one_is_typed_twice_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}
    monkeypatch.setattr(typer, "prompt", lambda *_, **options: asked.update(options) or "words")
    assert ask_new() == b"words"
    assert asked == {"hide_input": True, "confirmation_prompt": True}
