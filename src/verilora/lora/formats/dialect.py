"""Dialect: what a format must do to take part in conversions, and what may be told to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from torch import Tensor

from verilora.errors import AdapterFileError, told_together
from verilora.lora.formats.adapter import Adapter
from verilora.lora.formats.architecture import Architecture


@dataclass(frozen=True)
class Given:
    """What a file lacks and its user knows."""

    rank: int | None = None
    alpha: float | None = None
    architecture: Architecture | None = None
    parts: tuple[str, ...] = ()
    """Which parts of a fused projection are adapted, of "q", "k" and "v"."""
    uniform: bool = False
    """One rank and one scale for all, also where the format could hold more."""


@dataclass(frozen=True)
class Written:
    """The files of an adapter, and what is needed to read them again."""

    files: Mapping[str, bytes]
    given: Given
    notes: tuple[str, ...] = ()
    """What was folded or filled up, and how to load the files."""


@dataclass(frozen=True)
class Dialect:
    """One format."""

    name: str
    source: str
    """Where its rules were read: project and version."""
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Given], Adapter]
    write: Callable[[Adapter, Given], Written]


def refuse_to_hold(name: str, faults: Sequence[str]) -> NoReturn:
    """Raises AdapterFileError: the format has no way to say this."""
    raise AdapterFileError(
        told_together(f"{name} cannot hold this adapter", faults), faults=tuple(faults)
    )


def extras_faults(adapter: Adapter, *, allow: tuple[str, ...] = ()) -> list[str]:
    """What most formats cannot hold, one sentence each, but for what `allow` names."""
    found = {
        "whole": (adapter.whole, "modules trained whole (modules_to_save: {})"),
        "biases": (adapter.biases, "trained biases ({})"),
        "magnitudes": (_with(adapter, "magnitude"), "DoRA's magnitudes ({})"),
        "convolutions": (_with(adapter, "kernel"), "convolutions ({})"),
        "embeddings": (_with(adapter, "embedding"), "embeddings ({})"),
        "experts": (_with(adapter, "experts"), "experts in bare parameters ({})"),
    }
    return [
        f"it has no place for {sentence.format(_few(list(names)))}"
        for kind, (names, sentence) in found.items()
        if names and kind not in allow
    ]


def _with(adapter: Adapter, field: str) -> list[str]:
    values = ((path, getattr(pair, field)) for path, pair in adapter.pairs.items())
    return [path for path, value in values if isinstance(value, Tensor) or value]


def _few(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
