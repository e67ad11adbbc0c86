"""The verdict of a directory: its runs as planned, and every file that it rests on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from verilora.errors import DataError
from verilora.records.canonical import digest_file
from verilora.records.target import Target
from verilora.records.verdict import Verdict
from verilora.reproduce.conclusion import conclude_files, run_directories
from verilora.reproduce.directory import Place
from verilora.reproduce.flow import prepare, reproduce
from verilora.reproduce.wish import Wish
from verilora.verdict.conclude import Stamp

STAMP = Stamp("test-1", "2100-01-01T00:00:00+00:00")


@pytest.fixture(scope="module")
def place(make_target: Callable[..., Target], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A finished reproduction of two seeds."""
    out = tmp_path_factory.mktemp("finished") / "out"
    wish = Wish(make_target(), seeds=(1, 0))
    reproduce(wish, out, ready=prepare(wish, workers=1))
    return Place(out)


def plan_of(place: Place) -> Verdict:
    pre = place.preregistration()
    assert pre is not None
    return pre


def test_every_planned_run_has_its_place(place: Place) -> None:
    directories = run_directories(place, plan_of(place))
    assert directories == [(1, place.path / "seed-1"), (0, place.path / "seed-0")]


def test_the_verdict_names_the_files_that_it_rests_on(place: Place) -> None:
    verdict = conclude_files(place, plan_of(place), stamp=STAMP).verdict
    assert verdict is not None
    named = {artifact.name: artifact for artifact in verdict.artifacts or ()}
    for name in ("seed-0/run.json", "seed-1/predictions.jsonl", "seed-0/recipe.toml"):
        assert named[name].sha256 == digest_file(place.path / name)
        assert named[name].size == (place.path / name).stat().st_size
    assert named["seed-1/adapter/adapter_model.safetensors"].role == "adapter"


def test_another_time_is_another_verdict_and_the_same_is_the_same(place: Place) -> None:
    pre = plan_of(place)
    first = conclude_files(place, pre, stamp=STAMP)
    assert conclude_files(place, pre, stamp=STAMP).canonical() == first.canonical()
    other = conclude_files(place, pre, stamp=Stamp("test-1", "2100-01-02T00:00:00+00:00"))
    assert other.verdict is not None and first.verdict is not None
    assert other.verdict.id != first.verdict.id
    assert other.verdict.statistics == first.verdict.statistics


def test_a_missing_run_is_told(place: Place, tmp_path: Path) -> None:
    shutil.copytree(place.path, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "seed-1")
    with pytest.raises(DataError, match="no finished run of seed 1"):
        conclude_files(Place(tmp_path / "copy"), plan_of(place), stamp=STAMP)
