"""Seeds are read as written, and refused with a sentence."""

from __future__ import annotations

import pytest
import typer

from verilora.cli.seeds import parse_seeds


def test_seeds_keep_their_order() -> None:
    assert parse_seeds("0,1,2") == (0, 1, 2)
    assert parse_seeds("7, 3") == (7, 3)


@pytest.mark.parametrize("text", ["", "a", "0,,1", "1.5", "-1", "0;1"])
def test_what_is_no_list_of_seeds_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="0,1,2"):
        parse_seeds(text)


def test_a_seed_named_twice_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="names seed 1 twice"):
        parse_seeds("0,1,1")
