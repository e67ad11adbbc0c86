"""Anchors run again, one after the other; their latest results stand in anchors.json."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from verilora.anchors.catalog import anchor_names, find_anchor
from verilora.anchors.judge import judge
from verilora.anchors.measure import KEPT, MEASURES, Place
from verilora.atomic import write_whole
from verilora.errors import DataError, OutputError
from verilora.records.anchor import AnchorReport, AnchorResult, read_report
from verilora.records.events import Event
from verilora.train.evaluate import Listen

REPORT = "anchors.json"
Hear = Callable[[str, Event], None]
"""An anchor's name and an event of its run."""


def rerun(
    names: Sequence[str], place: Place, *, listen: Hear | None = None
) -> tuple[AnchorReport, tuple[AnchorResult, ...]]:
    """Runs the anchors (all without names) and writes anchors.json after each.

    Gives the report, with older results of anchors that were not run now or lacked something,
    and the new results.
    Raises RecipeError for a name that is none, OutputError where a run is there already,
    DataError for an anchors.json or MRPC files at fault.
    """
    chosen = [find_anchor(name) for name in names or anchor_names()]
    path = _ready(place.out) / REPORT
    report, found = older_report(path), []
    _refuse_finished([anchor.name for anchor in chosen], place)
    for anchor in dict.fromkeys(chosen):
        began = time.perf_counter()
        measured = MEASURES[anchor.name](place, _of(anchor.name, listen))
        result = judge(anchor, measured, seconds=round(time.perf_counter() - began, 2))
        if not (measured.lacks and anchor.name in report.states()):
            report = report.with_result(result)
        found.append(result)
        _write(path, report)
    return report, tuple(found)


def older_report(path: Path) -> AnchorReport:
    """The report that is there; an empty one if there is none. Raises DataError if damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return AnchorReport()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}", file=str(path), line=None
        ) from error
    return read_report(content, name=str(path))


def _refuse_finished(names: Sequence[str], place: Place) -> None:
    there = [place.out / name for name in names if name in KEPT]
    finished = [str(out) for out in there if (out / "run.json").exists()]
    if finished and not place.force:
        raise OutputError(
            f"{' and '.join(finished)} hold runs of an earlier time; say --force to run the "
            "anchors again in their place, or choose another --out",
            path=place.out,
        )


def _ready(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the directory {out}: {error.strerror}; choose another --out", path=out
        ) from error
    return out


def _write(path: Path, report: AnchorReport) -> None:
    write_whole(path, report.model_dump_json(indent=1).encode() + b"\n")


def _of(name: str, listen: Hear | None) -> Listen | None:
    return None if listen is None else lambda event: listen(name, event)
