"""Rows of text under each other. Imports nothing, so that quick commands stay quick."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: list[tuple[str, str]], indent: str = "") -> str:
    """Names and values in two columns."""
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{indent}{name:<{width}}  {value}" for name, value in rows)


def columns(rows: list[tuple[str, ...]], *, numbers: Sequence[int] | None = None) -> str:
    """Rows of text under each other; `numbers` are the columns that stand to the right.

    By default all but the first and the last.
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    right = range(1, len(widths) - 1) if numbers is None else numbers
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
