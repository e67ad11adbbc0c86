"""The process of one run among several: a job as JSON on stdin, events as JSON lines on stdout.

    python -m verilora.reproduce.worker < job.json

A process of its own, and none forked off: threads and CUDA stay whole, and it works from a
notebook and from a script without a main guard as well. The last line says how it ended.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from verilora.errors import VeriloraError
from verilora.records.failure import Failure
from verilora.records.recipe import Recipe
from verilora.reproduce.attempt import Job, attempt

ENDED, REFUSED = "ended", "refused"
"""Kinds of the last line: the attempt has left its result on the disk, or raised."""


def job_line(job: Job) -> str:
    """A job as the JSON that `main` reads."""
    return json.dumps(
        {
            "name": job.name,
            "recipe": job.recipe.to_mapping(),
            "out": str(job.out),
            "preregistration": job.preregistration,
        }
    )


def read_job(line: str) -> Job:
    """The job of a line."""
    given = json.loads(line)
    recipe = Recipe.model_validate(given["recipe"])
    return Job(given["name"], recipe, Path(given["out"]), given["preregistration"])


def main() -> None:
    """Makes the run that stdin asks for."""
    # What libraries print must not get between the lines.
    lines = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)

    def tell(line: str) -> None:
        lines.write(line + "\n")

    work(sys.stdin.read(), tell)


def work(line: str, tell: Callable[[str], Any]) -> None:
    """Makes the run of a job line and tells its events, and at last how it ended."""
    try:
        result = attempt(read_job(line), listen=lambda event: tell(event.to_line()))
    except VeriloraError as error:
        told = {"event": REFUSED, "error": type(error).__name__, "message": str(error)}
        tell(json.dumps(told))
    else:
        tell(json.dumps({"event": ENDED, "failed": isinstance(result, Failure)}))


if __name__ == "__main__":
    main()
