"""bitsandbytes, where it is installed: the one place that loads it."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import sys
from collections.abc import Iterator
from typing import Any

from verilora.errors import MissingExtraError

INSTALL = "pip install 'verilora[quantised]'"
_NOISE = "bitsandbytes.backends.cpu.ops"
_FETCHER = "kernels"
"""A package that gets compiled code from a hub."""


def bitsandbytes() -> Any:
    """The package. Raises MissingExtraError, which says how to install it."""
    try:
        with _left_alone():
            import bitsandbytes as found  # extra: quantised

            return found
    except ImportError as error:
        raise MissingExtraError(
            f"a quantised base needs bitsandbytes, which cannot be imported ({error}): {INSTALL}"
        ) from error


@contextlib.contextmanager
def _left_alone() -> Iterator[None]:
    """The import fetches code from a hub where the package `kernels` is there to do it; here it
    finds none. What it then says of that is not said."""
    absent: Any = None
    logger, modules = logging.getLogger(_NOISE), sys.modules
    level, kernels = logger.level, modules.get(_FETCHER)
    logger.setLevel(logging.ERROR)
    modules[_FETCHER] = absent
    try:
        yield
    finally:
        logger.setLevel(level)
        del modules[_FETCHER]
        modules.update({_FETCHER: kernels} if kernels is not None else {})


def is_installed() -> bool:
    """True if bitsandbytes can be found; nothing is imported."""
    return importlib.util.find_spec("bitsandbytes") is not None
