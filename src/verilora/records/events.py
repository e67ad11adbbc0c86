"""What a training run tells while it goes: plain frozen events, one JSON line each.

The loop yields them and prints nothing; progress bars, events.jsonl, TensorBoard and pictures
are drawn from them.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Event:
    """Base of all events."""

    kind: ClassVar[str] = ""

    def to_line(self) -> str:
        """One JSON line without its newline."""
        return json.dumps({"event": self.kind, **dataclasses.asdict(self)}, allow_nan=False)


@dataclass(frozen=True)
class Started(Event):
    """The run begins, or goes on at `step` after a checkpoint."""

    kind: ClassVar[str] = "started"
    recipe: str
    seed: int
    steps: int
    step: int
    trainable: int
    total: int


@dataclass(frozen=True)
class Stepped(Event):
    """One optimiser step was taken."""

    kind: ClassVar[str] = "step"
    step: int
    epoch: float
    loss: float
    learning_rate: float
    gradient_norm: float
    tokens: int
    """Real tokens seen, padding left out."""
    padded_tokens: int
    """Tokens computed, padding included."""
    seconds: float


@dataclass(frozen=True)
class SelfChecked(Event):
    """The first steps did what they should; `checks` names what was looked at."""

    kind: ClassVar[str] = "self-check"
    step: int
    checks: tuple[str, ...]


@dataclass(frozen=True)
class Evaluating(Event):
    """One batch of an evaluation is done."""

    kind: ClassVar[str] = "evaluating"
    done: int
    total: int


@dataclass(frozen=True)
class Evaluated(Event):
    """An evaluation is done; metrics in percent."""

    kind: ClassVar[str] = "evaluated"
    step: int
    epoch: float
    loss: float
    metrics: dict[str, float]
    best: bool
    seconds: float


@dataclass(frozen=True)
class Checkpointed(Event):
    """A checkpoint was written whole."""

    kind: ClassVar[str] = "checkpoint"
    step: int


@dataclass(frozen=True)
class Stopped(Event):
    """The last step was taken; `reason` is "finished" or "early-stopping"."""

    kind: ClassVar[str] = "stopped"
    step: int
    reason: str


@dataclass(frozen=True)
class Noted(Event):
    """Something worth saying that is no error: an older checkpoint was used, ..."""

    kind: ClassVar[str] = "note"
    text: str


def from_line(line: str) -> dict[str, Any]:
    """The plain mapping of one line of events.jsonl."""
    return json.loads(line)


def to_event(mapping: dict[str, Any]) -> Event:
    """The event of a plain mapping, as `from_line` gives it. Raises KeyError for another kind."""
    kinds = {kind.kind: kind for kind in Event.__subclasses__()}
    given = dict(mapping)
    kind = kinds[given.pop("event")]
    if kind is SelfChecked:
        given["checks"] = tuple(given["checks"])
    return kind(**given)
