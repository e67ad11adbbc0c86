"""bitsandbytes, where it is installed: the one place that loads it."""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

from verilora.errors import MissingExtraError

INSTALL = "pip install 'verilora[quantised]'"
_NOISE = "bitsandbytes.backends.cpu.ops"


def bitsandbytes() -> Any:
    """The package. Raises MissingExtraError, which says how to install it."""
    logger = logging.getLogger(_NOISE)
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)  # it tells of a kernel that is not used here
        import bitsandbytes as found  # extra: quantised

        return found
    except ImportError as error:
        raise MissingExtraError(
            f"a quantised base needs bitsandbytes, which cannot be imported ({error}): {INSTALL}"
        ) from error
    finally:
        logger.setLevel(level)


def is_installed() -> bool:
    """True if bitsandbytes can be found; nothing is imported."""
    return importlib.util.find_spec("bitsandbytes") is not None
