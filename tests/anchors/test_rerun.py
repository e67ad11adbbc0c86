from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from verilora.anchors.catalog import anchor_names, find_anchor
from verilora.anchors.measure import Measured, Place
from verilora.anchors.rerun import older_report, rerun
from verilora.errors import DataError, OutputError, RecipeError
from verilora.records.anchor import AnchorReport, read_report
from verilora.records.events import Event
from verilora.verdict.case import Answer
from verilora.verdict.machinery import check_anchors

Replace = Callable[..., list[str]]
KNOWN = find_anchor("tiny-bits").expectations[0]
GOOD = Measured(KNOWN.value, KNOWN.where)
BAD = Measured(f"sha256:{'0' * 64}", KNOWN.where)


def written(out: Path) -> AnchorReport:
    return read_report((out / "anchors.json").read_bytes())


def test_all_are_run_and_their_states_written(measured: Replace, tmp_path: Path) -> None:
    asked = measured(tiny_bits=GOOD, mrpc_minilm=Measured(60.0, "x"))
    report, found = rerun([], Place(tmp_path / "new" / "out"))
    assert asked == list(anchor_names())
    states = {"tiny-bits": "healthy", "stdlib-minilm": "no data", "mrpc-minilm": "drift"}
    assert report.states() == states
    assert report.results == found
    assert written(tmp_path / "new" / "out") == report


def test_the_states_are_what_the_verdicts_gate_takes(measured: Replace, tmp_path: Path) -> None:
    def answer() -> Answer:
        report, _ = rerun([], Place(tmp_path))
        return check_anchors(SimpleNamespace(anchors=report.states()))

    measured()
    assert answer().passed is None
    measured(tiny_bits=GOOD)
    assert answer() == Answer(True, "anchors are healthy: tiny-bits")
    measured(tiny_bits=BAD)
    assert answer().passed is False


def test_results_of_those_not_run_now_are_kept(measured: Replace, tmp_path: Path) -> None:
    measured(tiny_bits=GOOD, mrpc_minilm=Measured(81.0, "x"))
    first, _ = rerun([], Place(tmp_path))
    measured(tiny_bits=BAD)
    report, found = rerun(["tiny-bits"], Place(tmp_path))
    assert [result.name for result in found] == ["tiny-bits"]
    assert report.states() == {**first.states(), "tiny-bits": "drift"}
    assert report.results[1:] == first.results[1:]


def test_what_lacks_data_now_keeps_its_older_result(measured: Replace, tmp_path: Path) -> None:
    measured(mrpc_minilm=Measured(81.0, "x"))
    rerun(["mrpc-minilm"], Place(tmp_path))
    measured()
    report, found = rerun(["mrpc-minilm"], Place(tmp_path))
    assert report.states() == {"mrpc-minilm": "healthy"}
    assert found[0].state == "no data"


def test_each_result_is_on_the_disk_before_the_next_run(
    measured: Replace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from verilora.anchors import rerun as module

    measured(tiny_bits=GOOD)

    def stop(*_: object) -> Measured:
        raise KeyboardInterrupt

    monkeypatch.setitem(module.MEASURES, "stdlib-minilm", stop)
    with pytest.raises(KeyboardInterrupt):
        rerun([], Place(tmp_path))
    assert written(tmp_path).states() == {"tiny-bits": "healthy"}


def test_a_name_given_twice_is_run_once(measured: Replace, tmp_path: Path) -> None:
    asked = measured(tiny_bits=GOOD)
    rerun(["tiny-bits", "tiny-bits"], Place(tmp_path))
    assert asked == ["tiny-bits"]


def test_nothing_is_run_where_something_is_wrong(measured: Replace, tmp_path: Path) -> None:
    asked = measured(tiny_bits=GOOD)
    with pytest.raises(RecipeError, match="there is no anchor 'tiny'"):
        rerun(["tiny-bits", "tiny"], Place(tmp_path))
    (tmp_path / "stdlib-minilm").mkdir()
    (tmp_path / "stdlib-minilm" / "run.json").touch()
    with pytest.raises(OutputError, match="say --force"):
        rerun([], Place(tmp_path))
    (tmp_path / "anchors.json").write_text('{"format": "verilora.anchors/1", "result": []}')
    with pytest.raises(DataError, match="did you mean 'results'"):
        rerun(["tiny-bits"], Place(tmp_path))
    with pytest.raises(OutputError, match="cannot make the directory"):
        rerun(["tiny-bits"], Place(tmp_path / "anchors.json"))
    assert asked == []


def test_force_runs_those_again_whose_runs_are_there(measured: Replace, tmp_path: Path) -> None:
    asked = measured()
    (tmp_path / "stdlib-minilm").mkdir()
    (tmp_path / "stdlib-minilm" / "run.json").touch()
    rerun(["stdlib-minilm"], Place(tmp_path, force=True))
    assert asked == ["stdlib-minilm"]


def test_without_a_file_the_report_is_empty(tmp_path: Path) -> None:
    assert older_report(tmp_path / "anchors.json") == AnchorReport()
    with pytest.raises(DataError, match="cannot be read"):
        older_report(tmp_path)


def test_events_come_with_the_anchors_name(tmp_path: Path) -> None:
    heard: list[tuple[str, Event]] = []
    rerun(["tiny-bits"], Place(tmp_path), listen=lambda name, event: heard.append((name, event)))
    assert {name for name, _ in heard} == {"tiny-bits"}
    assert len(heard) > 12
