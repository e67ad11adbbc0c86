"""Runs that do not belong together are found, whoever made their records agree."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from verilora.errors import DataError
from verilora.records.canonical import digest_file
from verilora.records.run import Run
from verilora.records.target import Target
from verilora.reproduce.directory import Place
from verilora.reproduce.fitting import faults_of_record, faults_together
from verilora.reproduce.flow import prepare, reproduce
from verilora.reproduce.recompute import recompute
from verilora.reproduce.wish import Wish
from verilora.train.directory import RunDirectory


@pytest.fixture(scope="module")
def wish(make_target: Callable[..., Target]) -> Wish:
    return Wish(make_target(), seeds=(0, 1, 2))


@pytest.fixture(scope="module")
def finished(wish: Wish, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finished") / "out"
    reproduce(wish, out, ready=prepare(wish, workers=1))
    return out


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def rewrite(directory: Path, *, recipe: tuple[str, str] | None = None, **changes: Any) -> None:
    """A forger's hand: the record follows what was done to the files."""
    place = RunDirectory(directory)
    if recipe is not None:
        text = place.recipe.read_text()
        assert recipe[0] in text
        place.recipe.write_text(text.replace(*recipe))
    run, begun = place.finished(), place.begun_with()
    assert run is not None and begun is not None
    own = {"recipe": begun.digest, "predictions": digest_file(place.predictions)}
    digests = run.digests.replace(**{**own, **changes.pop("digests", {})})
    place.run.write_bytes(run.replace(digests=digests, **changes).canonical())


def judged_anew(copy: Path, wish: Wish) -> Any:
    """The command said again, with the verdict taken away."""
    (copy / "verdict.json").unlink()
    reproduce(wish, copy, ready=prepare(wish, workers=1))
    return recompute(copy)


def test_an_honest_one_has_no_faults(copy: Path) -> None:
    assert faults_together([copy / f"seed-{seed}" for seed in range(3)]) == []


def test_one_seed_under_anothers_name(copy: Path) -> None:
    shutil.rmtree(copy / "seed-2")
    shutil.copytree(copy / "seed-1", copy / "seed-2")
    rewrite(copy / "seed-2", recipe=("seed = 1", "seed = 2"), seed=2)
    faults = recompute(copy).faults
    assert "seed-1 and seed-2 have the same adapter: one is a copy" in faults


def test_a_seed_that_only_the_record_changed(copy: Path) -> None:
    shutil.rmtree(copy / "seed-2")
    shutil.copytree(copy / "seed-1", copy / "seed-2")
    rewrite(copy / "seed-2", seed=2)
    found = recompute(copy)
    assert "seed-2: run.json says seed 2, recipe.toml 1" in found.faults
    gates = {gate.rule: gate.passed for gate in found.document.verdict.gates}
    assert gates["EV-016"] is False


def test_a_run_of_another_recipe(copy: Path, wish: Wish) -> None:
    rewrite(copy / "seed-2", recipe=("learning_rate = 0.02", "learning_rate = 0.03"))
    verdict = recompute(copy).document.verdict
    assert {gate.rule: gate.passed for gate in verdict.gates}["EV-016"] is False
    assert verdict.status in ("inconclusive", "pending")


@pytest.mark.parametrize("name", ["base", "start"])
def test_a_run_of_another_base_or_start(copy: Path, name: str) -> None:
    rewrite(copy / "seed-0", digests={name: "sha256:" + "0" * 64})
    verdict = recompute(copy).document.verdict
    assert {gate.rule: gate.passed for gate in verdict.gates}["EV-016"] is False


def test_the_best_of_a_metric_that_is_better_lower(copy: Path) -> None:
    run, begun = (
        RunDirectory(copy / "seed-0").finished(),
        RunDirectory(copy / "seed-0").begun_with(),
    )
    assert run is not None and begun is not None

    def record(first: float, chosen: float) -> Run:
        points = [
            point.replace(step=step, metrics={"perplexity": value})
            for point, step, value in zip(run.curve, (1, 2), (first, chosen), strict=False)
        ]
        selection = run.selection.replace(step=2, metric="perplexity")
        metrics = {"perplexity": {"value": chosen, "unit": "points"}}
        return run.replace(curve=tuple(points), selection=selection, metrics=metrics)

    assert faults_of_record(record(3.0, 2.0), begun) == []
    (fault,) = faults_of_record(record(2.0, 3.0), begun)
    assert fault == "run.json chose perplexity 3 as the best, and 2 was there"


def test_items_left_out_and_items_exchanged(copy: Path) -> None:
    path = copy / "seed-1" / "predictions.jsonl"
    rows = path.read_text().splitlines(keepends=True)
    wrong = [row for row in rows if json.loads(row)["label"] != json.loads(row)["prediction"]]
    path.write_text("".join(row for row in rows if row not in wrong[:1]))
    rewrite(copy / "seed-1")
    faults = " ".join(recompute(copy).faults)
    assert "seed-1: run.json says 40 items, 39 were predicted" in faults
    assert "seed-1 was measured on other items than seed-0" in faults
    path.write_text("".join([rows[1], *rows[1:]]))
    rewrite(copy / "seed-1")
    assert "seed-1 was measured on other items" in " ".join(recompute(copy).faults)


def test_labels_changed_to_what_was_predicted(copy: Path, wish: Wish) -> None:
    path = copy / "seed-1" / "predictions.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    wrong = next(row for row in rows if row["label"] != row["prediction"])
    wrong["label"] = wrong["prediction"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rewrite(copy / "seed-1")
    faults = " ".join(judged_anew(copy, wish).faults)
    assert "seed-1 was measured on other items than seed-0" in faults


def test_a_target_with_another_metric_is_refused(copy: Path, wish: Wish) -> None:
    place = Place(copy)
    other = place.target().replace(metric="f1")
    place.target_file.write_bytes(other.canonical())
    with pytest.raises(DataError, match=r"target.json is not the target that prereg"):
        recompute(copy)
    (copy / "verdict.json").unlink()
    with pytest.raises(DataError, match="put it back"):
        reproduce(wish, copy, ready=prepare(wish, workers=1))


def test_a_run_beside_its_failure(copy: Path) -> None:
    (copy / "seed-1" / "failed.json").write_text(
        json.dumps({"format": "verilora.failure/1", "seed": 1, "why": "none"})
    )
    told = "seed-1 holds a finished run and failed.json too; one of them belongs elsewhere"
    assert told in recompute(copy).faults


def test_a_record_off_its_curve(copy: Path) -> None:
    place = RunDirectory(copy / "seed-0")
    run, recipe = place.finished(), place.begun_with()
    assert isinstance(run, Run) and recipe is not None
    assert faults_of_record(run, recipe) == []
    better = run.metrics["accuracy"].replace(value=99.0)
    raised = run.replace(metrics={**run.metrics, "accuracy": better})
    assert any("at the step it chose" in fault for fault in faults_of_record(raised, recipe))
    worst = min(run.curve, key=lambda point: point.metrics["accuracy"])
    best = run.metrics["accuracy"].value
    assert worst.metrics["accuracy"] < best
    chosen = run.replace(selection=run.selection.replace(step=worst.step))
    assert any(f"{best:g} was there" in fault for fault in faults_of_record(chosen, recipe))
    last = run.replace(selection=run.selection.replace(rule="last"))
    assert "run.json says selection last, recipe.toml best" in faults_of_record(last, recipe)


def test_runs_on_machines_that_differ_are_not_on_one(copy: Path) -> None:
    run = RunDirectory(copy / "seed-1").finished()
    assert run is not None
    rewrite(copy / "seed-1", environment={**run.environment, "torch": "0.1"})
    rows = {row.dimension: row for row in recompute(copy).document.verdict.protocol}
    assert rows["environment"].state == "different"
    assert "2 environments" in rows["environment"].ours
