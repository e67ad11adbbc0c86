from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from verilora.errors import CheckpointError, DataError, OutputError, TargetError
from verilora.records.canonical import digest_file
from verilora.records.events import Checkpointed, Event, Noted, Started, Stepped
from verilora.records.recipe import Recipe
from verilora.records.run import Memory, Run
from verilora.train import run as module
from verilora.train.build import build
from verilora.train.run import run, thread_count

Make = Callable[..., Recipe]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_run_directory_holds_what_was_promised(make_recipe: Make, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(make_recipe(), out)
    assert sorted(path.name for path in out.iterdir()) == [
        "adapter",
        "events.jsonl",
        "explain.json",
        "predictions.jsonl",
        "recipe.toml",
        "run.json",
    ]
    assert Run.model_validate_json((out / "run.json").read_bytes()) == done
    assert len(rows(out / "predictions.jsonl")) == 24
    kinds = [row["event"] for row in rows(out / "events.jsonl")]
    assert kinds[0] == "started"
    assert kinds[-1] == "stopped"
    assert "evaluating" not in kinds


def test_every_field_of_the_record_is_filled(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(seed=5, select="best")
    done = run(recipe, tmp_path)
    assert (done.recipe, done.method, done.seed, done.steps) == ("tiny", "lora", 5, 16)
    assert done.main_metric == "accuracy"
    assert set(done.metrics) == {"accuracy", "f1", "loss"}
    assert [point.step for point in done.curve] == [8, 16]
    assert done.selection.rule == "best"
    assert done.metrics["accuracy"].value == max(p.metrics["accuracy"] for p in done.curve)
    assert (done.parameters.adapter, done.parameters.head) == (256, 34)
    assert (done.data.train_rows, done.data.validation_rows) == (60, 24)
    assert done.data.majority["accuracy"].value > 0
    assert done.digests.recipe == recipe.digest
    assert done.digests.base == build(recipe).base_digest
    assert done.digests.adapter == digest_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert done.digests.predictions == digest_file(tmp_path / "predictions.jsonl")
    assert done.timings.total_seconds > done.timings.train_seconds > 0
    assert done.timings.train_examples == 120
    assert done.memory.planned_bytes
    assert {"torch", "threads", "cpu"} <= done.environment.keys()
    assert done.resumed == 0


@pytest.mark.parametrize("method", ["head", "full"])
def test_a_method_without_an_adapter_keeps_its_weights(
    make_recipe: Make, tmp_path: Path, method: str
) -> None:
    done = run(make_recipe(method=method, epochs=1), tmp_path)
    assert done.digests.adapter is None
    assert (tmp_path / "weights.safetensors").exists()
    assert not (tmp_path / "adapter").exists()


def test_a_regression_run_predicts_numbers(regression: Make, tmp_path: Path) -> None:
    done = run(regression(epochs=1), tmp_path)
    assert done.main_metric == "pearson"
    for row in rows(tmp_path / "predictions.jsonl"):
        assert isinstance(row["prediction"], float)
        assert isinstance(row["label"], float)


def test_an_occupied_directory_is_refused_and_untouched(make_recipe: Make, tmp_path: Path) -> None:
    run(make_recipe(epochs=1), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(OutputError, match="finished run"):
        run(make_recipe(epochs=1), tmp_path)
    with pytest.raises(OutputError, match="say one of them"):
        run(make_recipe(epochs=1), tmp_path, force=True, resume=True)
    assert {path: path.read_bytes() for path in before} == before


def test_force_replaces_a_run_but_not_for_a_recipe_that_cannot_be_trained(
    make_recipe: Make, tmp_path: Path
) -> None:
    first = run(make_recipe(epochs=1), tmp_path)
    (tmp_path / "report.html").write_text("of the first")
    with pytest.raises(TargetError):
        run(make_recipe(adapter={"target_modules": ["nothing"]}), tmp_path, force=True)
    with pytest.raises(DataError):
        run(make_recipe(task={"train": "no.csv"}), tmp_path, force=True)
    assert Run.model_validate_json((tmp_path / "run.json").read_bytes()) == first
    second = run(make_recipe(epochs=1, seed=1), tmp_path, force=True)
    assert second.seed == 1
    assert not (tmp_path / "report.html").exists()


def test_nothing_is_left_where_nothing_was_trained(make_recipe: Make, tmp_path: Path) -> None:
    with pytest.raises(TargetError):
        run(make_recipe(adapter={"target_modules": ["nothing"]}), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_somebody_elses_directory_is_refused_even_with_force(
    make_recipe: Make, tmp_path: Path
) -> None:
    (tmp_path / "thesis.tex").write_text("")
    for options in ({}, {"force": True}, {"resume": True}):
        with pytest.raises(OutputError, match="holds no run"):
            run(make_recipe(), tmp_path, **options)


def test_a_second_run_on_the_same_directory_is_refused(make_recipe: Make, tmp_path: Path) -> None:
    tried = []

    def listen(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 2:
            for options in ({}, {"resume": True}, {"force": True}):
                with pytest.raises(OutputError, match="another run is writing"):
                    run(make_recipe(), tmp_path, **options)
                tried.append(options)

    run(make_recipe(epochs=1), tmp_path, listen=listen)
    assert len(tried) == 3


class Interruption(Exception):  # noqa: N818 - it is none of ours
    """What stops a run in these tests."""


def interrupted(recipe: Recipe, out: Path, *, at: int, kind: type[Any] = Stepped) -> None:
    def listen(event: Event) -> None:
        if isinstance(event, kind) and event.step == at:
            raise Interruption

    with pytest.raises(Interruption):
        run(recipe, out, listen=listen)


def test_a_stopped_run_goes_on(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(checkpoint_every=5)
    run(recipe, tmp_path / "through")
    interrupted(recipe, tmp_path / "stopped", at=12)
    heard: list[Event] = []
    done = run(recipe, tmp_path / "stopped", resume=True, listen=heard.append)
    assert done.resumed == 1
    (started,) = [event for event in heard if isinstance(event, Started)]
    assert heard[0] == started
    assert started.step == 10
    steps = [r["step"] for r in rows(tmp_path / "stopped" / "events.jsonl") if r["event"] == "step"]
    assert steps == list(range(1, 17))
    for name in ("predictions.jsonl", "adapter/adapter_model.safetensors"):
        through, stopped = (tmp_path / place / name for place in ("through", "stopped"))
        assert stopped.read_bytes() == through.read_bytes()
    assert not (tmp_path / "stopped" / "checkpoint").exists()


def test_resume_of_another_recipe_names_the_fields(make_recipe: Make, tmp_path: Path) -> None:
    interrupted(make_recipe(), tmp_path, at=9)
    with pytest.raises(CheckpointError, match=r"training\.epochs was 2\.0 and is 3\.0"):
        run(make_recipe(epochs=3), tmp_path, resume=True)
    assert (tmp_path / "checkpoint").exists()


def test_resume_without_a_checkpoint_starts_and_says_so(make_recipe: Make, tmp_path: Path) -> None:
    interrupted(make_recipe(), tmp_path / "a", at=3)
    for place in ("a", "never there"):
        heard: list[Event] = []
        done = run(make_recipe(), tmp_path / place, resume=True, listen=heard.append)
        assert done.resumed == 0
        assert any(isinstance(e, Noted) and "no checkpoint" in e.text for e in heard)


def test_resume_of_a_finished_run_gives_it_back(make_recipe: Make, tmp_path: Path) -> None:
    done = run(make_recipe(epochs=1), tmp_path)
    heard: list[Event] = []
    assert run(make_recipe(epochs=1), tmp_path, resume=True, listen=heard.append) == done
    assert heard == []


def test_a_damaged_checkpoint_is_passed_over_and_that_is_said(
    make_recipe: Make, tmp_path: Path
) -> None:
    recipe = make_recipe(checkpoint_every=4)
    run(recipe, tmp_path / "through")
    interrupted(recipe, tmp_path / "stopped", at=9)
    checkpoints = sorted((tmp_path / "stopped" / "checkpoint").iterdir())
    (checkpoints[-1] / "tensors.safetensors").write_bytes(b"")
    heard: list[Event] = []
    run(recipe, tmp_path / "stopped", resume=True, listen=heard.append)
    notes = [event.text for event in heard if isinstance(event, Noted)]
    assert any("step-000000008 is damaged" in text for text in notes)
    through, stopped = (
        (tmp_path / place / "adapter" / "adapter_model.safetensors").read_bytes()
        for place in ("through", "stopped")
    )
    assert through == stopped
    interrupted(recipe, tmp_path / "lost", at=5)
    for path in (tmp_path / "lost" / "checkpoint").iterdir():
        (path / "state.json").unlink()
    with pytest.raises(CheckpointError, match="no checkpoint can be used"):
        run(recipe, tmp_path / "lost", resume=True)


def test_a_full_disk_loses_nothing(
    make_recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(checkpoint_every=4)
    run(recipe, tmp_path / "through")
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if (tmp_path / "full" / "checkpoint" / "step-000000008").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OutputError, match="No space left on device"):
        run(recipe, tmp_path / "full")
    monkeypatch.undo()
    done = run(recipe, tmp_path / "full", resume=True)
    assert done.resumed == 1
    assert done.digests.adapter == digest_file(
        tmp_path / "through" / "adapter" / "adapter_model.safetensors"
    )


def test_no_checkpoint_is_written_if_none_is_wanted(make_recipe: Make, tmp_path: Path) -> None:
    heard: list[Event] = []
    run(make_recipe(checkpoint_every=None), tmp_path, listen=heard.append)
    assert not any(isinstance(event, Checkpointed) for event in heard)


def test_the_number_of_threads_is_the_recipes_and_comes_back() -> None:
    before = torch.get_num_threads()
    with thread_count(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with thread_count(None):
        assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("peak", "planned", "told"),
    [
        (1_000_000_000, 900_000_000, False),
        (1_200_000_000, 900_000_000, True),
        (600_000_000, 900_000_000, True),
        (60_000_000, 1_000_000, False),
        (None, 900_000_000, False),
        (900_000_000, None, False),
    ],
)
def test_memory_far_off_the_plan_is_said(peak: int | None, planned: int | None, told: bool) -> None:
    found = module._off_plan(Memory(peak_bytes=peak, planned_bytes=planned))
    assert bool(found) == told


def test_a_base_that_cannot_be_planned_is_trained_all_the_same(
    make_recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "plan_for", lambda material: 1 / 0)
    assert run(make_recipe(epochs=1), tmp_path).memory.planned_bytes is None
