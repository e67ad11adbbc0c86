"""Runs recipes in forked children, so that one can be killed without paying for imports again.

Reads one JSON job a line, {"recipe", "out", "resume", "kill"}; answers with one line each, the
child's exit status (-9 for a killed one) or the error that it raised.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import sys
from typing import Any

from verilora.errors import VeriloraError
from verilora.records.events import Event
from verilora.records.recipe import Recipe
from verilora.train.build import build
from verilora.train.plan import plan
from verilora.train.run import run


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killer(kind: str, count: int) -> Any:
    """A listener that dies at the count-th event of a kind."""
    seen = 0

    def listen(event: Event) -> None:
        nonlocal seen
        seen += event.kind == kind
        if event.kind == kind and seen == count:
            die()

    return listen


def die_at_rename(count: int) -> None:
    """Makes the count-th rename of the process its last moment, before the rename."""
    rename, seen = pathlib.Path.replace, 0

    def replace(path: pathlib.Path, target: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == count:
            die()
        return rename(path, target)

    pathlib.Path.replace = replace  # type: ignore[method-assign]


def work(job: dict[str, Any]) -> None:
    kind, count = job.get("kill") or ("never", 0)
    if kind == "rename":
        die_at_rename(count)
    recipe = Recipe.model_validate(job["recipe"])
    run(recipe, job["out"], resume=job.get("resume", False), listen=killer(kind, count))


def answer(job: dict[str, Any]) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work(job)
        except VeriloraError as error:
            os.write(writing, repr(error).encode())
            os._exit(1)
        except BaseException as error:
            os.write(writing, f"unexpected: {error!r}".encode())
            os._exit(2)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        text = told.read()
    _, status = os.waitpid(child, 0)
    return json.dumps({"status": os.waitstatus_to_exitcode(status), "error": text})


def warm(recipe: Recipe) -> None:
    """Has all imported that a run imports late, so that no child has to."""
    plan(recipe)
    build(recipe)


if __name__ == "__main__":
    cold = True
    for line in sys.stdin:
        job = json.loads(line)
        if cold:
            warm(Recipe.model_validate(job["recipe"]))
            cold = False
        print(answer(job), flush=True)
