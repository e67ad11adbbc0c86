"""Which files of a directory belong to its record, and so are signed for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

ADAPTER = "verilora.json"
_OF_AN_ADAPTER = ("adapter_model.safetensors", "adapter_config.json", ADAPTER)
_OF_A_RUN = (
    "run.json",
    "failed.json",
    "recipe.toml",
    "events.jsonl",
    "predictions.jsonl",
    "weights.safetensors",
    *(f"adapter/{name}" for name in _OF_AN_ADAPTER),
)
_OF_A_REPRODUCTION = (
    "claim.json",
    "verdict.json",
    "preregistration.json",
    "preregistrations.json",
    "target.json",
    "paper.txt",
    "anchors.json",
)
_MOST = 10_000
"""Files that are looked at for a list of what was not signed."""


def belongings(folder: Path) -> Iterator[str]:
    """Every file that belongs to the record, by its path from the folder."""
    for place in ["", *sorted({f"{run.parent.name}/" for run in _runs_in(folder)})]:
        names = _OF_A_RUN if place else (*_OF_AN_ADAPTER, *_OF_A_REPRODUCTION, *_OF_A_RUN)
        yield from (place + name for name in names if (folder / place / name).is_file())


def others_in(folder: Path, signed: set[str]) -> tuple[str, ...]:
    """Files that nobody signed for: pages, pictures, whatever somebody laid there. Sorted.

    Hidden files and envelopes are left out.
    """
    found = []
    for number, path in enumerate(_files_in(folder)):
        if number >= _MOST:
            break
        name = path.relative_to(folder).as_posix()
        if name not in signed and not path.name.endswith(".dsse.json"):
            found.append(name)
    return tuple(sorted(found))


def _files_in(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in sorted(names) if not name.startswith("."))


def _runs_in(folder: Path) -> list[Path]:
    return [*folder.glob("*/run.json"), *folder.glob("*/failed.json")]
