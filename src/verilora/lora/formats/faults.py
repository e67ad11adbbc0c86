"""What is wrong with a directory, told together and fit to be printed.

Names and values in these sentences come from files that nobody vouches for: control characters
are escaped, and what is too long is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from verilora.errors import AdapterFileError, told_together

MOST_TOLD = 20
LONGEST = 400


def refuse(
    what: str, faults: Sequence[str], *, cause: BaseException | None = None, **facts: Any
) -> NoReturn:
    """Raises AdapterFileError with every fault (the first 20 of them in its message)."""
    clear = tuple(legible(fault) for fault in faults)
    told = clear[:MOST_TOLD]
    if len(clear) > MOST_TOLD:
        told = (*told, f"... and {len(clear) - MOST_TOLD} more (all in error.faults)")
    raise AdapterFileError(told_together(legible(what), told), faults=clear, **facts) from cause


def legible(text: str, longest: int = LONGEST) -> str:
    """The text with what does not print escaped, and cut in the middle to `longest` characters."""
    if len(text) > longest:
        half = longest // 2
        text = f"{text[:half]} ... {text[-half:]}"
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def few(names: Sequence[str], most: int = 3) -> str:
    """The first names, and how many more there are: "'a', 'b' and 7 more"."""
    listed = ", ".join(f"'{name}'" for name in names[:most])
    return f"{listed} and {len(names) - most} more" if len(names) > most else listed
