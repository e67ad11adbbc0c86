"""An adapter is the paper's start only where its run shows that it was made as the paper's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from verilora.recipes import catalog
from verilora.recipes.targets import find_target
from verilora.records.recipe import Recipe
from verilora.records.target import Target
from verilora.reproduce.start import likeness_of_start

MRPC = "lora/table2/roberta-base/mrpc"
ROWS = {"train_rows": 392702, "validation_rows": 19647}


def begun(tmp_path: Path, *, recipe: Recipe | None = None, **results: Any) -> Recipe:
    """A recipe that starts from a run on MNLI, as `verilora train` leaves one."""
    made = recipe or catalog.load("lora-roberta-base-mnli")
    given = {"task": "mnli", "recipe_digest": made.digest, **ROWS, **results}
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_model.safetensors").write_bytes(b"factors")
    (tmp_path / "adapter" / "verilora.json").write_text(json.dumps({"results": given}))
    (tmp_path / "recipe.toml").write_bytes(catalog.to_toml(made))
    account = find_target(MRPC).accounts["paper"].recipe
    return account.replace(training=account.training.replace(start=str(tmp_path)))


def test_the_run_that_the_docs_tell_of_is_the_papers(tmp_path: Path) -> None:
    told = likeness_of_start(find_target(MRPC), begun(tmp_path))
    assert told == ("same", "an adapter trained on mnli as the paper's was")


def test_its_adapter_alone_is_known_by_the_run_around_it(tmp_path: Path) -> None:
    recipe = begun(tmp_path)
    inner = recipe.replace(training=recipe.training.replace(start=str(tmp_path / "adapter")))
    assert likeness_of_start(find_target(MRPC), inner)[0] == "same"
    (tmp_path / "recipe.toml").unlink()
    likeness, told = likeness_of_start(find_target(MRPC), inner)
    assert likeness == "unknown"
    assert "name the directory of its run" in told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"train_rows": 10}, "(examples: 10 and 19647, not 392702 and 19647)"),
        ({"validation_rows": 5}, "(examples: 392702 and 5, not"),
        ({"task": "rte"}, "an adapter trained on rte"),
    ],
)
def test_a_part_of_the_examples_or_another_task_is_another_start(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    likeness, words = likeness_of_start(find_target(MRPC), begun(tmp_path, **changes))
    assert likeness == "different"
    assert told in words


def test_another_recipe_is_another_start(tmp_path: Path) -> None:
    recipe = catalog.load("lora-roberta-base-mnli", ["training.epochs=1", "adapter.rank=2"])
    likeness, words = likeness_of_start(find_target(MRPC), begun(tmp_path, recipe=recipe))
    assert likeness == "different"
    assert words.endswith("but with another rank, epochs")


def test_a_base_kept_in_few_bits_is_another_start(tmp_path: Path) -> None:
    made = catalog.load("lora-roberta-base-mnli", overrides=['model.base="nf4"'])
    likeness, told = likeness_of_start(find_target(MRPC), begun(tmp_path, recipe=made))
    assert (likeness, told.endswith("but with another base")) == ("different", True)


def test_a_recipe_that_the_adapter_does_not_name_shows_nothing(tmp_path: Path) -> None:
    recipe = begun(tmp_path, recipe_digest="sha256:" + "0" * 64)
    assert likeness_of_start(find_target(MRPC), recipe)[0] == "unknown"


@pytest.mark.parametrize(
    ("start_task", "trained_on", "likeness"),
    [
        (None, None, "same"),
        (None, "mnli", "different"),
        ("mnli", None, "different"),
        ("mnli", "mnli", "unknown"),
        ("mnli", "rte", "different"),
        ("mnli", "?", "unknown"),
    ],
)
def test_of_another_paper_the_task_alone_is_known(
    make_target: Callable[..., Target],
    recipe: Recipe,
    tmp_path: Path,
    *,
    start_task: str | None,
    trained_on: str | None,
    likeness: str,
) -> None:
    target = make_target(start="adapter" if start_task else "pretrained", start_task=start_task)
    if trained_on is not None:
        facts = {} if trained_on == "?" else {"results": {"task": trained_on}}
        (tmp_path / "verilora.json").write_text(json.dumps(facts))
        recipe = recipe.replace(training=recipe.training.replace(start=str(tmp_path)))
    assert likeness_of_start(target, recipe)[0] == likeness
