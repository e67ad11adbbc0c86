"""Events -> TensorBoard (the extra "tensorboard"): a listener for `run`.

with tensorboard(Path("runs/mrpc/tensorboard")) as listen:
    run(recipe, "runs/mrpc", listen=listen)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from verilora.errors import MissingExtraError
from verilora.records.events import Evaluated, Event, Noted, Started, Stepped
from verilora.train.evaluate import Listen


@contextlib.contextmanager
def tensorboard(directory: Path) -> Iterator[Listen]:
    """A listener that writes loss, learning rate, gradient norm and metrics by step.

    Nothing is written before the run has begun; of a run that goes on, what came after its
    checkpoint is dropped. Raises MissingExtraError if the package is not installed.
    """
    try:
        from torch.utils.tensorboard.writer import SummaryWriter  # extra: tensorboard
    except ImportError as error:
        raise MissingExtraError(
            "TensorBoard is not installed; pip install 'verilora[tensorboard]'"
        ) from error
    board = Board(lambda step: SummaryWriter(str(directory), purge_step=step + 1))
    try:
        yield board.listen
    finally:
        board.close()


class Board:
    """Writes events with a writer that it makes when the run begins."""

    def __init__(self, open_writer: Callable[[int], Any]) -> None:
        self._open = open_writer
        self._writer: Any = None

    def listen(self, event: Event) -> None:
        """Writes what the event holds."""
        if isinstance(event, Started):
            self.close()
            self._writer = self._open(event.step)
        elif self._writer is None:
            return
        elif isinstance(event, Noted):
            self._writer.add_text("notes", event.text)
        else:
            for name, value in _scalars(event).items():
                self._writer.add_scalar(name, value, event.step)  # type: ignore[attr-defined]

    def close(self) -> None:
        """Ends the file, if there is one."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _scalars(event: Event) -> dict[str, float]:
    if isinstance(event, Stepped):
        return {
            "train/loss": event.loss,
            "train/learning_rate": event.learning_rate,
            "train/gradient_norm": event.gradient_norm,
            "train/tokens_per_second": event.tokens / max(event.seconds, 1e-9),
        }
    if isinstance(event, Evaluated):
        metrics = {f"validation/{name}": value for name, value in event.metrics.items()}
        return {**metrics, "validation/loss": event.loss}
    return {}
