from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch

from verilora.errors import AdapterFileError, BaseMismatch, DataError, OutputError
from verilora.records.recipe import Recipe, TaskSection
from verilora.train.agreement import Agreement, _elsewhere, evaluate_again
from verilora.train.run import run

Make = Callable[..., Recipe]


@pytest.mark.parametrize("method", ["lora", "head", "full"])
def test_a_run_agrees_with_itself_to_the_byte(
    make_recipe: Make, tmp_path: Path, method: str
) -> None:
    done = run(make_recipe(method=method, epochs=1), tmp_path)
    found = evaluate_again(tmp_path)
    assert found.agrees
    assert found.same_bytes
    assert (found.rows, found.differing) == (24, ())
    assert found.recorded == {name: done.metrics[name].value for name in ("accuracy", "f1")}
    json.dumps(found.to_mapping())


def test_the_best_weights_are_those_that_are_evaluated(make_recipe: Make, tmp_path: Path) -> None:
    run(make_recipe(select="best", evaluate_every=1, epochs=1, learning_rate=0.1), tmp_path)
    assert evaluate_again(tmp_path).same_bytes


def test_other_numbers_do_not_agree(make_recipe: Make, tmp_path: Path) -> None:
    run(make_recipe(epochs=1), tmp_path)
    path = tmp_path / "predictions.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[3]["prediction"] = {"good": "bad", "bad": "good"}[rows[3]["prediction"]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = evaluate_again(tmp_path)
    assert found.differing == (rows[3]["id"],)
    assert not found.same_bytes
    assert found.agrees  # the metrics of run.json are right all the same
    record = json.loads((tmp_path / "run.json").read_text())
    record["metrics"]["accuracy"]["value"] += 1
    (tmp_path / "run.json").write_text(json.dumps(record))
    assert not evaluate_again(tmp_path).agrees


def rewritten(path: Path, **changes: object) -> None:
    """The first line of predictions.jsonl with something else in it."""
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps({**json.loads(first), **changes}), *rest]) + "\n")


def test_a_score_differs_by_more_than_its_last_digits(make_recipe: Make, tmp_path: Path) -> None:
    run(make_recipe(epochs=1), tmp_path)
    path = tmp_path / "predictions.jsonl"
    first = json.loads(path.read_text().splitlines()[0])
    rewritten(path, scores=[score + 1e-5 for score in first["scores"]])
    found = evaluate_again(tmp_path)
    assert (found.same_bytes, found.differing) == (False, ())
    rewritten(path, scores=[score + 0.1 for score in first["scores"]])
    assert evaluate_again(tmp_path).differing == (first["id"],)
    rewritten(path, scores=first["scores"][:1])
    assert evaluate_again(tmp_path).differing == (first["id"],)


def test_a_row_that_was_put_in_differs(make_recipe: Make, tmp_path: Path) -> None:
    run(make_recipe(epochs=1), tmp_path)
    with (tmp_path / "predictions.jsonl").open("a") as file:
        file.write(json.dumps({"id": "more", "label": "good", "prediction": "good"}) + "\n")
    assert evaluate_again(tmp_path).differing == ("more",)


def test_a_perplexity_agrees_to_a_share_of_itself() -> None:
    def agrees(value: float) -> bool:
        return Agreement({"perplexity": value}, {"perplexity": 300.0}, 9, (), False).agrees

    assert agrees(300.001)
    assert not agrees(300.01)


def test_metrics_agree_but_for_rounding() -> None:
    def agrees(value: float) -> bool:
        return Agreement({"f1": value}, {"f1": 80.0}, 9, (), False).agrees

    assert agrees(80.0 + 1e-9)
    assert not agrees(80.01)
    assert Agreement({"f1": 1.0}, None, 9, (), False).agrees


def test_other_data_are_evaluated_and_not_compared(
    make_recipe: Make, data: Path, tmp_path: Path
) -> None:
    run(make_recipe(epochs=1), tmp_path / "run")
    other = Path(shutil.copytree(data, tmp_path / "other"))
    lines = (other / "dev.csv").read_text().splitlines()
    (other / "dev.csv").write_text("\n".join(lines[:11]) + "\n")
    found = evaluate_again(tmp_path / "run", data=str(other))
    assert (found.rows, found.recorded, found.agrees) == (10, None, True)


def test_files_named_by_whole_paths_are_sought_where_others_are_named(tmp_path: Path) -> None:
    given = {"kind": "classification", "text_columns": ["text"], "label_column": "kind"}
    given |= {"labels": ["a", "b"], "train": "/here/train.csv", "validation": "/here/dev.csv"}
    task = TaskSection.model_validate(given)
    there = _elsewhere(task, str(tmp_path))
    assert (there.data, there.train, there.validation) == (str(tmp_path), "train.csv", "dev.csv")
    inside = task.replace(data="mine", train="a/train.csv")
    assert _elsewhere(inside, "other").train == "a/train.csv"
    known = TaskSection(name="mrpc", data="mine")
    assert _elsewhere(known, "other") == TaskSection(name="mrpc", data="other")


def test_changed_data_are_refused(make_recipe: Make, data: Path, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(data, tmp_path / "mine"))
    run(make_recipe(epochs=1, task={"data": str(mine)}), tmp_path / "run")
    (mine / "dev.csv").write_text((mine / "train.csv").read_text())
    with pytest.raises(DataError, match="no longer those"):
        evaluate_again(tmp_path / "run")


@pytest.mark.parametrize("method", ["lora", "head"])
def test_another_base_is_refused(
    make_recipe: Make, base: Path, tmp_path: Path, method: str
) -> None:
    mine = Path(shutil.copytree(base, tmp_path / "base"))
    recipe = make_recipe(epochs=1, method=method).replace(model={"id": str(mine)})
    run(recipe, tmp_path / "run")
    tensors = safetensors.torch.load_file(mine / "model.safetensors")
    tensors["pooler.dense.bias"] += 1
    safetensors.torch.save_file(tensors, mine / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BaseMismatch):
        evaluate_again(tmp_path / "run")


def test_damaged_weights_are_refused(make_recipe: Make, tmp_path: Path) -> None:
    run(make_recipe(epochs=1, method="head"), tmp_path / "head")
    (tmp_path / "head" / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(AdapterFileError, match="cannot be loaded"):
        evaluate_again(tmp_path / "head")
    run(make_recipe(epochs=1), tmp_path / "lora")
    (tmp_path / "lora" / "adapter" / "adapter_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(AdapterFileError):
        evaluate_again(tmp_path / "lora")


def test_a_directory_without_a_finished_run_is_refused(make_recipe: Make, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no finished run"):
        evaluate_again(tmp_path)
    run(make_recipe(epochs=1), tmp_path)
    (tmp_path / "run.json").unlink()
    with pytest.raises(OutputError, match="holds no finished run"):
        evaluate_again(tmp_path)
