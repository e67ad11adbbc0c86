from __future__ import annotations

import json
from pathlib import Path

import pytest

from verilora.errors import OutputError
from verilora.records.events import Checkpointed, Evaluating, Stopped
from verilora.train.journal import open_journal


def kinds(path: Path) -> list[str]:
    return [json.loads(line)["event"] for line in path.read_text().splitlines()]


def test_events_become_lines_at_once_and_batches_of_evaluations_do_not(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with open_journal(path, keep=0) as journal:
        journal.write(Checkpointed(1))
        journal.write(Evaluating(1, 2))
        assert kinds(path) == ["checkpoint"]
        journal.write(Stopped(2, "finished"))
    assert kinds(path) == ["checkpoint", "stopped"]


def test_it_goes_on_from_a_mark_and_drops_what_came_after(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with open_journal(path, keep=0) as journal:
        journal.write(Checkpointed(1))
        mark = journal.mark()
        journal.write(Checkpointed(2))
    path.write_bytes(path.read_bytes()[:-5])  # as a killed process may leave it
    with open_journal(path, keep=mark) as journal:
        assert journal.mark() == mark
        journal.write(Stopped(3, "finished"))
    assert kinds(path) == ["checkpoint", "stopped"]


def test_a_file_shorter_than_the_mark_is_not_padded(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with open_journal(path, keep=500) as journal:
        journal.write(Checkpointed(1))
    assert kinds(path) == ["checkpoint"]


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="cannot write"),
        open_journal(tmp_path / "no" / "events.jsonl", keep=0),
    ):
        pass


def test_a_full_disk_is_an_output_error_that_says_how_to_go_on() -> None:
    with (
        pytest.raises(OutputError, match=r"No space left on device.*--resume"),
        open_journal(Path("/dev/full"), keep=0) as journal,
    ):
        journal.write(Checkpointed(1))
