"""A reproduction's directory is its own, and its records are read strictly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from verilora.errors import DataError, OutputError
from verilora.records.target import Target
from verilora.reproduce.directory import Place


def test_a_directory_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match="holds no reproduction"), Place(tmp_path).claimed():
        pytest.fail("claimed")
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_new_directory_that_stays_empty_goes_again(tmp_path: Path) -> None:
    with pytest.raises(KeyError), Place(tmp_path / "new").claimed():
        raise KeyError
    assert not (tmp_path / "new").exists()


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    wanted = pytest.raises(OutputError, match="another run")
    with Place(tmp_path).claimed(), wanted, Place(tmp_path).claimed():
        pytest.fail("claimed twice")


def test_a_target_comes_back(make_target: Callable[..., Target], tmp_path: Path) -> None:
    place = Place(tmp_path)
    with pytest.raises(DataError, match=r"holds no target\.json"):
        place.target()
    place.keep(place.target_file, make_target().canonical())
    assert place.target().digest == make_target().digest
    place.keep(place.target_file, b'{"format": "verilora.target/1", "nome": 1}')
    with pytest.raises(DataError, match="nome"):
        place.target()


def test_nothing_yet_is_none(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert (place.preregistration(), place.verdict()) == (None, None)
    assert (place.paper_text(), place.anchors()) == (None, None)
