"""What every house test looks at: the files of the tree, read and parsed once."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Source:
    """A Python file: its path from the root of the project, and its text."""

    path: str
    text: str

    def __repr__(self) -> str:
        return self.path

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def module(self) -> str:
        """The dotted name: src/verilora/lora/merge.py is verilora.lora.merge."""
        parts = Path(self.path).with_suffix("").parts
        inner = parts[1:] if parts[0] == "src" else parts
        return ".".join(inner[:-1] if inner[-1] == "__init__" else inner)

    @property
    def room(self) -> str:
        """The first name below verilora; "" for the face."""
        return [*self.module.split("."), ""][1]


def read(folders: Iterable[str]) -> list[Source]:
    """Every Python file in the folders, in the order of their names."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in paths]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def make_source() -> Callable[[str, str], Source]:
    """For tests of the rules themselves: a file that is not on disk."""
    return lambda path, text: Source(path, text)


@pytest.fixture(scope="session")
def refuse() -> Callable[[list[str], str], None]:
    """Fails with the rule and all that breaks it, one line each, and nothing else."""

    def refuse(found: list[str], rule: str) -> None:
        if found:
            pytest.fail("\n".join([rule, *found]), pytrace=False)

    return refuse


@pytest.fixture(scope="session")
def src() -> list[Source]:
    return read(["src/verilora"])


@pytest.fixture(scope="session")
def tests() -> list[Source]:
    return read(["tests"])


@pytest.fixture(scope="session")
def every(src: list[Source], tests: list[Source]) -> list[Source]:
    return [*src, *tests, *read(["examples", "benchmarks"])]
