"""bitsandbytes is asked for in one place, and its absence is told with the way out."""

from __future__ import annotations

import sys

import pytest

from verilora.errors import MissingExtraError
from verilora.lora.quantised.library import bitsandbytes, is_installed


def test_gives_the_package() -> None:
    assert bitsandbytes().__name__ == "bitsandbytes"
    assert is_installed()


def test_without_it_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'verilora\[quantised\]'"):
        bitsandbytes()
