"""What is said about a run in a terminal."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from verilora.charts.panels import read_run
from verilora.cli.summary import agreement_told, places, run_told


def test_a_run_is_told_with_its_unit_its_majority_and_where_it_lies(write_run):
    directory = write_run()
    run = read_run(directory)
    told = run_told(run, Path("runs/a"))
    assert f"{run.metrics['accuracy'].value:.1f} % accuracy on 710 validation examples" in told
    assert "(majority class: 52.0)" in told
    assert "74,498 of 22,787,714 parameters trained (0.33 %), in 1 min 1 s" in told
    assert "report       runs/a/report.html" in told


def test_a_run_without_an_adapter_names_none(write_run):
    run = read_run(write_run())
    digests = run.digests.replace(adapter=None)
    assert "adapter" not in dict(places(run.replace(digests=digests), Path("runs/a")))


def agreement(**changes):
    facts = {
        "metrics": {"accuracy": 76.0, "f1": 74.0},
        "recorded": {"accuracy": 76.0, "f1": 74.0},
        "rows": 710,
        "differing": (),
        "same_bytes": True,
        "agrees": True,
    }
    return SimpleNamespace(**{**facts, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "The numbers agree: all 710 predictions are the same to the byte."),
        ({"same_bytes": False}, "of 710 predictions the scores differ in their last digits."),
        (
            {"agrees": False, "same_bytes": False, "differing": ("a", "b", "c", "d")},
            "do NOT agree: 4 of 710 predictions differ (a, b, c, …). The run was made with torch",
        ),
        ({"recorded": None, "same_bytes": False}, "710 examples of other data; nothing to compare"),
    ],
)
def test_agreement_is_told_as_it_is(write_run, changes, said):
    told = agreement_told(read_run(write_run()), agreement(**changes))
    assert said in told
    assert "accuracy" in told
    assert "76.0000" in told
