"""Runs in processes of their own: killed at chosen moments, and twice in a row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from verilora.records.recipe import Recipe
from verilora.records.run import Run

Make = Callable[..., Recipe]
Named = Callable[[str], Recipe]
Through = Callable[[str], Path]

RECIPES: dict[str, dict[str, Any]] = {
    "dropout": {"adapter": {"dropout": 0.2}, "checkpoint_every": 3},
    "accumulation": {"micro_batch_size": 4, "checkpoint_every": 5, "schedule": "cosine"},
    "best": {"select": "best", "evaluate_every": 3, "checkpoint_every": 4},
    "epochs": {"precision": "bfloat16"},
    "talks": {"kind": "gpt2", "form": "talks", "packing": True, "micro_batch_size": 4}
    | {"adapter": {"dropout": 0.2}, "generation": {"max_new_tokens": 3}, "checkpoint_every": 3},
}


def outcome(directory: Path) -> list[bytes]:
    names = ("adapter/adapter_model.safetensors", "predictions.jsonl")
    return [(directory / name).read_bytes() for name in names]


@pytest.fixture(scope="session")
def named(make_recipe: Make, make_causal: Make) -> Named:
    """The recipe of a name."""
    return lambda name: (make_causal if "kind" in RECIPES[name] else make_recipe)(**RECIPES[name])


@pytest.fixture(scope="session")
def through(server: Any, named: Named, tmp_path_factory: pytest.TempPathFactory) -> Through:
    """The directory of a run of each recipe that was never stopped."""
    root = tmp_path_factory.mktemp("through")

    def find(name: str) -> Path:
        if not (root / name).exists():
            answer = server.run(named(name), root / name)
            assert answer == {"status": 0, "error": ""}
        return root / name

    return find


@pytest.mark.parametrize(
    ("name", "kill"),
    [
        ("dropout", ("step", 1)),
        ("dropout", ("step", 5)),
        ("dropout", ("checkpoint", 2)),
        ("dropout", ("step", 16)),
        ("accumulation", ("step", 7)),
        ("accumulation", ("evaluating", 2)),
        ("best", ("step", 10)),
        ("best", ("evaluated", 3)),
        ("epochs", ("step", 12)),
        ("epochs", ("stopped", 1)),
        ("talks", ("step", 5)),
        ("talks", ("stopped", 1)),
    ],
)
def test_killed_and_resumed_is_never_stopped(
    server: Any, named: Named, through: Through, tmp_path: Path, *, name: str, kill: Any
) -> None:
    recipe = named(name)
    assert server.run(recipe, tmp_path / "out", kill=kill)["status"] == -9
    assert not (tmp_path / "out" / "run.json").exists()
    assert server.run(recipe, tmp_path / "out", resume=True) == {"status": 0, "error": ""}
    assert outcome(tmp_path / "out") == outcome(through(name))


@pytest.mark.parametrize("count", [1, 2, 4, 5, 8, 9, 10, 11, 13, 15, 16, 17])
def test_killed_while_it_writes(
    server: Any, make_recipe: Make, through: Through, tmp_path: Path, *, count: int
) -> None:
    # Each rename ends the writing of a file or directory: recipe, checkpoints, outcome, record.
    recipe = make_recipe(**RECIPES["epochs"])
    assert server.run(recipe, tmp_path / "out", kill=("rename", count))["status"] == -9
    assert server.run(recipe, tmp_path / "out", resume=True) == {"status": 0, "error": ""}
    assert outcome(tmp_path / "out") == outcome(through("epochs"))
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == {path.name for path in through("epochs").iterdir()}


def test_killed_again_and_again(
    server: Any, make_recipe: Make, through: Through, tmp_path: Path
) -> None:
    recipe, out = make_recipe(**RECIPES["dropout"]), tmp_path / "out"
    assert server.run(recipe, out, kill=("step", 4))["status"] == -9
    for count in (5, 1, 4, 6):
        answer = server.run(recipe, out, kill=("step", count), resume=True)
        assert answer["status"] == -9
    assert server.run(recipe, out, resume=True)["status"] == 0
    assert outcome(out) == outcome(through("dropout"))
    assert Run.model_validate_json((out / "run.json").read_bytes()).resumed >= 2


@pytest.mark.parametrize("name", RECIPES)
def test_twice_in_a_row_gives_the_same_bytes(
    other_server: Any, named: Named, through: Through, tmp_path: Path, *, name: str
) -> None:
    assert other_server.run(named(name), tmp_path / "out")["status"] == 0
    assert outcome(tmp_path / "out") == outcome(through(name))
    for file in sorted((tmp_path / "out" / "adapter").iterdir()):
        assert file.read_bytes() == (through(name) / "adapter" / file.name).read_bytes()


def test_another_seed_gives_other_bytes(
    server: Any, make_recipe: Make, through: Through, tmp_path: Path
) -> None:
    recipe = make_recipe(**RECIPES["dropout"], seed=1)
    assert server.run(recipe, tmp_path / "out")["status"] == 0
    assert outcome(tmp_path / "out")[0] != outcome(through("dropout"))[0]


def test_a_run_in_another_process_holds_the_directory(
    server: Any, make_recipe: Make, tmp_path: Path
) -> None:
    recipe, out = make_recipe(), tmp_path / "out"
    assert server.run(recipe, out, kill=("step", 2))["status"] == -9
    answer = server.run(recipe, out)
    assert answer["status"] == 1
    assert "say --resume" in answer["error"]
