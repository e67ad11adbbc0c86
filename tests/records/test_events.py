"""Events: one JSON line each, of a kind of its own, readable without verilora."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, get_type_hints

import pytest

from verilora.records import events
from verilora.records.events import Evaluated, Event, Stepped, from_line, to_event

KINDS = sorted(Event.__subclasses__(), key=lambda kind: kind.__name__)
SAMPLES: dict[Any, Any] = {
    int: 3,
    float: 0.25,
    str: 'line one\nline "two" é',
    bool: True,
    tuple[str, ...]: ("moved", "finite"),
    dict[str, float]: {"accuracy": 75.0},
}


def sample(kind: type[Event]) -> Event:
    hints = get_type_hints(kind)
    return kind(**{item.name: SAMPLES[hints[item.name]] for item in dataclasses.fields(kind)})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_is_one_line_that_reads_back(kind: type[Event]) -> None:
    event = sample(kind)
    line = event.to_line()
    assert "\n" not in line
    plain = json.loads(json.dumps(dataclasses.asdict(event)))
    assert from_line(line) == {"event": kind.kind, **plain}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_comes_back_from_its_line(kind: type[Event]) -> None:
    event = sample(kind)
    assert to_event(from_line(event.to_line())) == event


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_cannot_be_changed(kind: type[Event]) -> None:
    event = sample(kind)
    for item in dataclasses.fields(kind):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(event, item.name, None)


def test_kinds_differ_and_none_is_empty() -> None:
    kinds = [kind.kind for kind in KINDS]
    assert len(set(kinds)) == len(kinds)
    assert all(kinds)
    assert "event" not in {item.name for kind in KINDS for item in dataclasses.fields(kind)}


def test_every_public_class_is_an_event() -> None:
    classes = {name for name, value in vars(events).items() if isinstance(value, type)}
    assert {kind.__name__ for kind in KINDS} == classes - {"Event", "Any", "ClassVar"}


def test_a_number_that_is_not_finite_is_never_written() -> None:
    hints = get_type_hints(Stepped)
    fields = {item.name: SAMPLES[hints[item.name]] for item in dataclasses.fields(Stepped)}
    with pytest.raises(ValueError):
        Stepped(**{**fields, "loss": float("nan")}).to_line()
    with pytest.raises(ValueError):
        Evaluated(1, 1.0, 0.5, {"accuracy": float("inf")}, best=True, seconds=1.0).to_line()
