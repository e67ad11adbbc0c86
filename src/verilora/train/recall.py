"""A frozen base says the same about an example every time: ask it once.

For runs that train the head alone. What the head reads of the base's output (its pooled output
and its first position) is kept for every example; a step then computes the head and nothing
else. Whether that is all that the head reads is tried on every batch, to the bit, and where it is
not, the base is asked every time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from verilora.data.encode import Encoded


@dataclass
class Kept:
    """What the base said about a set of examples."""

    encoded: Encoded
    kind: type[Any]
    """Class of the base's output."""
    fields: dict[str, Tensor]
    """Name in the output -> its value [examples, ...]."""

    def about(self, indices: Sequence[int]) -> Any:
        """The base's output for a batch of them."""
        return self.kind(**{name: value[list(indices)] for name, value in self.fields.items()})


@dataclass
class Recall:
    """Sets of examples that need not be computed again; empty until something is added."""

    kept: list[Kept] = field(default_factory=list)

    def of(self, encoded: Encoded) -> Kept | None:
        """What is kept about this very set."""
        return next((kept for kept in self.kept if kept.encoded is encoded), None)


@contextlib.contextmanager
def answering(model: Any, output: Any) -> Iterator[None]:
    """While inside, the model's base gives `output`, whatever it is asked."""
    base = getattr(model, model.base_model_prefix)
    base.forward = lambda *_, **__: output
    try:
        yield
    finally:
        del base.forward


@contextlib.contextmanager
def listening(model: Any) -> Iterator[list[Any]]:
    """While inside, collects what the model's base gives."""
    heard: list[Any] = []
    base = getattr(model, model.base_model_prefix)
    handle = base.register_forward_hook(lambda _module, _inputs, output: heard.append(output))
    try:
        yield heard
    finally:
        handle.remove()


def first_position(output: Any) -> dict[str, Tensor]:
    """The output's tensors, of sequences [batch, tokens, width] the first token alone."""
    return {
        name: value[:, :1] if value.dim() == 3 else value
        for name, value in output.items()
        if isinstance(value, Tensor)
    }
