"""Runs the door as a user does, and gives what it said."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from verilora.cli.main import main


class Told(NamedTuple):
    """Exit status and the two streams."""

    status: int
    out: str
    err: str


@pytest.fixture
def verilora(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """`verilora("train", "x")` in this process."""

    def call(*arguments: object) -> Told:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Told(status, out, err)

    return call
