"""A verdict comes again from the files alone, to the byte; what was touched is found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from verilora.data.tasks import GLUE
from verilora.errors import DataError
from verilora.records.run import Run
from verilora.records.target import Target
from verilora.reproduce.flow import prepare, reproduce
from verilora.reproduce.recompute import measure_again, recompute
from verilora.reproduce.wish import Wish


@pytest.fixture(scope="module")
def finished(make_target: Callable[..., Target], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reproduction with three seeds."""
    out = tmp_path_factory.mktemp("finished") / "out"
    wish = Wish(make_target(), seeds=(0, 1, 2))
    reproduce(wish, out, ready=prepare(wish, workers=1))
    return out


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """The same, to be touched."""
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def test_the_files_alone_give_the_same_bytes(copy: Path) -> None:
    found = recompute(copy)
    assert found.identical
    assert found.faults == ()
    assert found.document.canonical() == (copy / "verdict.json").read_bytes()


def test_a_raised_verdict_is_found(copy: Path) -> None:
    stated = json.loads((copy / "verdict.json").read_bytes())
    stated["verdict"]["score"] = 0.5
    (copy / "verdict.json").write_text(json.dumps(stated))
    found = recompute(copy)
    assert not found.identical
    assert "differs in score" in found.faults[0]


def test_changed_predictions_are_found(copy: Path) -> None:
    path = copy / "seed-1" / "predictions.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["prediction"] = (
        "equivalent" if rows[0]["prediction"] == "not_equivalent" else "not_equivalent"
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    faults = recompute(copy).faults
    assert any("seed-1: predictions.jsonl is not the file" in fault for fault in faults)
    assert any("seed-1: run.json says accuracy" in fault for fault in faults)


def test_a_changed_run_is_found(copy: Path) -> None:
    path = copy / "seed-2" / "run.json"
    run = Run.model_validate_json(path.read_bytes())
    better = run.metrics["accuracy"].replace(value=run.metrics["accuracy"].value - 2.5)
    path.write_bytes(run.replace(metrics={**run.metrics, "accuracy": better}).canonical())
    found = recompute(copy)
    assert not found.identical
    assert any("run.json says accuracy" in fault for fault in found.faults)
    assert any("verdict.json differs in" in fault for fault in found.faults)


def test_another_adapter_and_recipe_are_found(copy: Path) -> None:
    (copy / "seed-0" / "adapter" / "adapter_model.safetensors").write_bytes(b"other")
    recipe = copy / "seed-0" / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("epochs = 6.0", "epochs = 7.0"))
    faults = " ".join(recompute(copy).faults)
    assert "seed-0: recipe.toml is not the recipe" in faults
    assert "seed-0: adapter_model.safetensors is not the adapter" in faults


def test_an_unfinished_one_is_refused(copy: Path) -> None:
    shutil.rmtree(copy / "seed-1")
    with pytest.raises(DataError, match="no finished run of seed 1"):
        recompute(copy)
    (copy / "verdict.json").unlink()
    with pytest.raises(DataError, match="no finished reproduction"):
        recompute(copy)


def test_a_metric_is_measured_from_the_predictions_alone() -> None:
    rows = [("equivalent", "equivalent"), ("equivalent", "not_equivalent")]
    lines = [json.dumps({"id": "x", "label": a, "prediction": b}) for a, b in rows]
    found = measure_again("\n".join(lines).encode(), GLUE["mrpc"])
    assert found == {"accuracy": 50.0, "f1": pytest.approx(200 / 3)}
    numbers = [json.dumps({"label": n, "prediction": 2 * n}) for n in (1.0, 2.0, 4.0)]
    assert measure_again("\n".join(numbers).encode(), GLUE["stsb"])["pearson"] == pytest.approx(100)
