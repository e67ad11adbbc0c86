"""bitsandbytes is asked for in one place, and its absence is told with the way out."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest

from verilora.errors import MissingExtraError
from verilora.lora.quantised.library import _left_alone, bitsandbytes, is_installed


def test_gives_the_package() -> None:
    assert bitsandbytes().__name__ == "bitsandbytes"
    assert is_installed()


def test_without_it_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'verilora\[quantised\]'"):
        bitsandbytes()


def test_nothing_is_fetched_while_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    there = ModuleType("kernels")
    monkeypatch.setitem(sys.modules, "kernels", there)
    with _left_alone(), pytest.raises(ImportError):
        importlib.import_module("kernels")
    assert importlib.import_module("kernels") is there
    monkeypatch.delitem(sys.modules, "kernels")
    with _left_alone():
        pass
    assert "kernels" not in sys.modules
