"""Anchors whose runs are made up, beside the one real one that takes a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from verilora.anchors import measure, rerun
from verilora.anchors.measure import Measured
from verilora.records.anchor import Anchor

BITS = f"sha256:{'a' * 64}"
DATA = f"sha256:{'d' * 64}"


@pytest.fixture
def number() -> Anchor:
    """Of 80 ± 1.5 on known data, ± 4 on other."""
    return anchor("percent", (DATA, 80.0, 1.5), ("anywhere", 79.0, 4.0))


@pytest.fixture
def bits() -> Anchor:
    """Of a digest on one platform."""
    return anchor("digest", ("here", BITS, None))


def anchor(unit: str, *expectations: tuple[Any, ...]) -> Anchor:
    keys = ("where", "value", "tolerance")
    listed = [{**dict(zip(keys, item, strict=True)), "source": "tried"} for item in expectations]
    given = {"name": "made-up", "title": "Made up", "measured": "something"}
    return Anchor.model_validate({**given, "unit": unit, "expectations": listed})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Replaces the runs of all anchors by what is given for each; the rest lack data.

    Gives the list of those that were asked.
    """

    def replace(**values: Measured) -> list[str]:
        asked: list[str] = []

        def of(name: str) -> Any:
            def give(place: Any, listen: Any) -> Measured:
                asked.append(name)
                return values.get(name.replace("-", "_"), Measured(lacks="nothing is here"))

            return give

        for module in (measure, rerun):
            monkeypatch.setattr(module, "MEASURES", {name: of(name) for name in measure.MEASURES})
        return asked

    return replace
