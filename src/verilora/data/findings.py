"""What reading one file brought up: faults told together, rows left out for a known reason."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from verilora.errors import DataError

SHOWN = 5
"""Faults of a file that are told one by one; of the others their number."""


class Findings:
    """Faults of one file by line, and a count of the rows that its makers spoilt."""

    def __init__(self, path: Path, *, row: str = "line") -> None:
        self.path = path
        self.row = row
        """What a number counts: a line, or a row where the format has no lines."""
        self.dropped: Counter[str] = Counter()
        self._faults: list[tuple[int, str]] = []
        self._count = 0

    def fault(self, line: int, what: str) -> None:
        """Notes a fault of the row at `line` (from 1); nothing is raised yet."""
        self._count += 1
        if len(self._faults) < SHOWN:
            self._faults.append((line, what))

    def drop(self, reason: str) -> None:
        """Counts a row that is left out."""
        self.dropped[reason] += 1

    def raise_faults(self) -> None:
        """Raises one DataError for all faults noted, if there are any."""
        if not self._faults:
            return
        told = [f"{self.path}, {self.row} {line}: {what}" for line, what in self._faults]
        more = self._count - len(told)
        if self._count > 1:
            told.insert(0, f"{self.path}: {self._count} rows have a fault")
        if more:
            told.append(f"and {more} more")
        raise DataError(
            "\n  ".join(told),
            file=str(self.path),
            line=self._faults[0][0],
            count=self._count,
            faults=tuple(what for _, what in self._faults),
        )
