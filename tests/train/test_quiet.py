from __future__ import annotations

from collections.abc import Callable

import pytest
from transformers.utils import logging

from verilora.records.recipe import Recipe
from verilora.train.build import build
from verilora.train.quiet import quiet_transformers


def test_nothing_reaches_the_terminal_while_a_base_is_loaded(
    make_recipe: Callable[..., Recipe], capfd: pytest.CaptureFixture[str]
) -> None:
    build(make_recipe())
    assert capfd.readouterr() == ("", "")


def test_all_is_as_it_was_before() -> None:
    logging.set_verbosity_info()
    logging.enable_progress_bar()
    try:
        with pytest.raises(ZeroDivisionError), quiet_transformers():
            assert logging.get_verbosity() == logging.ERROR
            assert not logging.is_progress_bar_enabled()
            raise ZeroDivisionError
        assert logging.get_verbosity() == logging.INFO
        assert logging.is_progress_bar_enabled()
    finally:
        logging.set_verbosity_warning()


def test_bars_that_were_off_stay_off() -> None:
    logging.disable_progress_bar()
    try:
        with quiet_transformers():
            pass
        assert not logging.is_progress_bar_enabled()
    finally:
        logging.enable_progress_bar()
