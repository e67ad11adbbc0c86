from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from verilora.errors import CheckpointError, OutputError
from verilora.recipes import catalog
from verilora.records.recipe import Recipe
from verilora.train.directory import FILES, FOLDERS, RunDirectory


@pytest.fixture
def begun(tmp_path: Path, make_recipe: Callable[..., Recipe]) -> RunDirectory:
    """A directory as a run leaves it that was killed in the middle."""
    (tmp_path / "recipe.toml").write_bytes(catalog.to_toml(make_recipe()))
    (tmp_path / "events.jsonl").write_text("{}\n")
    (tmp_path / "checkpoint" / "step-1").mkdir(parents=True)
    return RunDirectory(tmp_path)


def test_it_is_made_and_an_empty_one_goes_again(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "a" / "b")
    with pytest.raises(ZeroDivisionError), directory.claimed():
        assert directory.path.is_dir()
        raise ZeroDivisionError
    assert not directory.path.exists()
    with directory.claimed():
        directory.recipe.write_text("")
    assert directory.recipe.exists()


def test_one_that_was_there_before_stays(tmp_path: Path) -> None:
    with RunDirectory(tmp_path).claimed():
        pass
    assert tmp_path.is_dir()


def test_a_file_in_its_place_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="cannot make the directory"),
        RunDirectory(tmp_path / "file").claimed(),
    ):
        pass


def test_occupied_says_how_to_go_on(begun: RunDirectory) -> None:
    with pytest.raises(OutputError, match="not ended; say --resume"):
        begun.refuse_occupied()
    begun.run.write_text("{}")
    with pytest.raises(OutputError, match=r"finished run; .*--force"):
        begun.refuse_occupied()


def test_somebody_elses_files_are_never_a_run(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    directory = RunDirectory(tmp_path)
    for refuse in (directory.refuse_occupied, directory.refuse_foreign):
        with pytest.raises(OutputError, match=r"thesis\.tex"):
            refuse()


def test_an_empty_one_is_refused_by_nothing(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    with directory.claimed():
        directory.refuse_occupied()
        directory.refuse_foreign()
    assert directory.begun_with() is None
    assert directory.finished() is None


def test_the_recipe_is_read_back(begun: RunDirectory, make_recipe: Callable[..., Recipe]) -> None:
    begun.refuse_foreign()
    assert begun.begun_with() == make_recipe()


def test_a_recipe_with_values_taken_away_is_read_back_too(
    begun: RunDirectory, make_recipe: Callable[..., Recipe]
) -> None:
    recipe = make_recipe(checkpoint_every=None, max_gradient_norm=None)
    begun.recipe.write_bytes(catalog.to_toml(recipe))
    assert begun.begun_with() == recipe


def test_damaged_records_are_checkpoint_errors(begun: RunDirectory) -> None:
    begun.recipe.write_text("name = ")
    with pytest.raises(CheckpointError, match="is not a recipe"):
        begun.begun_with()
    begun.run.write_text('{"format": "verilora.run/1"')
    with pytest.raises(CheckpointError, match="is damaged"):
        begun.finished()


def test_clear_takes_a_run_and_nothing_else(begun: RunDirectory) -> None:
    for name in FILES:
        (begun.path / name).write_text("")
        (begun.path / f".{name}.12ab").write_text("")
    for name in FOLDERS:
        (begun.path / name).mkdir(exist_ok=True)
        (begun.path / f".{name}.12ab").mkdir()
    (begun.path / "notes.txt").write_text("mine")
    begun.clear()
    assert [path.name for path in begun.path.iterdir()] == ["notes.txt"]


def test_checkpoints_are_dropped(begun: RunDirectory) -> None:
    begun.drop_checkpoints()
    assert not begun.checkpoints.exists()
    begun.drop_checkpoints()
