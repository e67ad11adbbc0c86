"""A reproduction's directory: its file names, and what is kept in them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from verilora.atomic import write_whole
from verilora.errors import DataError, OutputError
from verilora.records.anchor import AnchorReport, read_report
from verilora.records.reading import read_record
from verilora.records.target import Target
from verilora.records.together import Together
from verilora.records.verdict import Verdict, VerdictDocument, read_document
from verilora.train.lock import NAME as LOCK
from verilora.train.lock import made_and_locked

SEED = "seed-{}"
SIDES = ("lora", "full")
"""Where two methods are compared: ours and the reference's, and how their directories begin."""
Kind = TypeVar("Kind", bound=BaseModel)


class Place:
    """Paths of one reproduction, and their records. Records are read strictly."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.target_file = self.path / "target.json"
        self.preregistration_file = self.path / "preregistration.json"
        self.verdict_file = self.path / "verdict.json"
        self.paper_file = self.path / "paper.txt"
        """The paper's text, where it was supplied: the gates looked at it."""
        self.anchors_file = self.path / "anchors.json"
        self.together_file = self.path / "preregistrations.json"
        """Where the runs serve several cells: all that was fixed with this one."""

    def seed(self, seed: int) -> Path:
        """The run directory of a seed."""
        return self.path / SEED.format(seed)

    def side(self, side: str, seed: int) -> Path:
        """The run directory of a seed on one of the SIDES."""
        return self.path / f"{side}-seed{seed}"

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Makes the directory and locks it; if it was new and stayed empty, it goes again.

        Raises OutputError if it holds something else, or another process works in it.
        """
        with made_and_locked(self.path):
            found = sorted(item.name for item in self.path.iterdir() if item.name != LOCK)
            if found and not self.preregistration_file.exists():
                raise OutputError(
                    f"{self.path} is not empty ({', '.join(found[:3])}) and holds no reproduction; "
                    "nothing is overwritten unasked: choose another directory",
                    path=self.path,
                )
            yield

    def target(self) -> Target:
        """What was aimed at. Raises DataError if it is not there or damaged."""
        return self._read(Target, self.target_file)

    def preregistration(self) -> Verdict | None:
        """What was fixed before the runs; None if nothing was yet."""
        if not self.preregistration_file.exists():
            return None
        return self._read(Verdict, self.preregistration_file)

    def verdict(self) -> VerdictDocument | None:
        """What came out; None if it has not yet."""
        if not self.verdict_file.exists():
            return None
        return read_document(self.verdict_file.read_bytes(), name=str(self.verdict_file))

    def paper_text(self) -> str | None:
        """The paper's text that was supplied, or None."""
        return self.paper_file.read_text("utf-8") if self.paper_file.exists() else None

    def anchors(self) -> AnchorReport | None:
        """The anchors that were looked at, or None."""
        if not self.anchors_file.exists():
            return None
        return read_report(self.anchors_file.read_bytes(), name=str(self.anchors_file))

    def together(self) -> Together | None:
        """What was fixed together before runs that serve several cells, or None."""
        if not self.together_file.exists():
            return None
        return self._read(Together, self.together_file)

    def keep(self, file: Path, content: bytes) -> None:
        """Writes a file whole."""
        write_whole(file, content)

    def _read(self, kind: type[Kind], path: Path) -> Kind:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(
                f"{self.path} holds no {path.name}; the directory of a reproduction is wanted "
                "(verilora reproduce TARGET --out DIR makes one)",
                file=path,
                line=None,
            ) from error
        return read_record(kind, content, name=str(path))
