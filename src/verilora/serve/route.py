"""Which adapter each row of the batch has: one object that every layer looks at.

Opening a route is a tuple in a context variable. Threads and tasks have each their own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from verilora.errors import ShapeError, StateError
from verilora.kernels.grouped import Grouping, group

# What a model of transformers calls the tensor that has a row for each row of the batch.
_INPUTS = (
    *("input_ids", "inputs_embeds", "decoder_input_ids", "decoder_inputs_embeds"),
    *("pixel_values", "input_features", "input_values"),
)


class Routing:
    """Shared by all layers of one bank; knows the route that is open here.

    A copy of the model has one of its own, in which no route is open.
    """

    def __reduce__(self) -> Any:
        return Routing, ()

    def now(self) -> Route | None:
        """The innermost open route of this bank, in the thread or task that asks."""
        return next((r for r in reversed(_OPEN.get()) if r.routing is self), None)

    def begin(self, model: nn.Module, *given: Any) -> None:
        """Before the model's forward: holds the route against the batch that is `given`."""
        route = self.now()
        if route is None:
            return
        if model.training and torch.is_grad_enabled():
            raise StateError(
                "training with an open route: an AdapterBank answers and does not train; call "
                "model.eval(), or train one adapter with attach(model, config)"
            )
        route.meet(_rows_of(*given))

    def end(self, *_: Any) -> None:
        """After the model's forward."""
        route = self.now()
        if route is not None:
            route.batch = 0


class Route:
    """Slot of each row, NONE for the base alone, inside one `with bank.route(...)`."""

    def __init__(self, routing: Routing, slots: tuple[int, ...]) -> None:
        self.routing, self.slots = routing, slots
        self.batch = 0
        """Rows of the batch that the model's forward was given; 0 outside of it."""
        self._groupings: dict[tuple[int, torch.device], Grouping] = {}

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Open inside; an inner route of the same bank stands before an outer one."""
        token = _OPEN.set((*_OPEN.get(), self))
        try:
            yield
        finally:
            _OPEN.reset(token)

    def meet(self, rows: int | None) -> None:
        """Notes the rows of a batch. Raises ShapeError if they are not the route's."""
        if rows is not None and not self._fits(rows):
            told = f"the route names {len(self.slots)} rows, the batch has {rows}"
            raise ShapeError(
                f"{told}: give one name (or None) for each row; texts packed into one row belong "
                "to one adapter",
                route=len(self.slots),
                batch=rows,
            )
        self.batch = rows or 0

    def grouping(self, x: Tensor, *, flat: bool) -> Grouping:
        """Of the rows of a layer's input; `flat`: rows and tokens may be one dimension.

        Raises ShapeError for an input whose rows cannot be told.
        """
        rows = x.shape[0] if x.dim() else 0
        wanted = self.batch or len(self.slots)
        if rows != wanted and not (flat and rows and rows % wanted == 0) and not self._fits(rows):
            raise ShapeError(
                f"a layer got an input {tuple(x.shape)} while the batch has {wanted} rows: whose "
                "row is whose cannot be told; an AdapterBank is for layers whose first dimension "
                "is the batch",
                batch=wanted,
                shape=tuple(x.shape),
            )
        found = self._groupings.get((rows, x.device))
        if found is None:
            times = rows // len(self.slots)
            slots = [slot for slot in self.slots for _ in range(times)]
            found = self._groupings[rows, x.device] = group(slots, x.device)
        return found

    def _fits(self, rows: int) -> bool:
        """True for the route's own number, and for what beams make of it."""
        if rows == len(self.slots):
            return True
        if self.batch or not rows or rows % len(self.slots):
            return False
        return _generating(len(self.slots))


_OPEN: ContextVar[tuple[Route, ...]] = ContextVar("verilora_routes", default=())


def _generating(rows: int) -> bool:
    """True inside of transformers' `generate` for so many prompts: it repeats each for its beams.

    It tells nobody, so that it is looked for among the callers; only where the numbers differ.
    """
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "generate":
            return frame.f_locals.get("batch_size", rows) == rows
        frame = frame.f_back
    return False


def _rows_of(args: Sequence[Any], kwargs: Mapping[str, Any]) -> int | None:
    named = [kwargs.get(name) for name in _INPUTS]
    for value in (*args, *named, *kwargs.values()):
        if isinstance(value, Tensor) and value.dim():
            return value.shape[0]
    return None
