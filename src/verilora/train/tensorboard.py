"""Events -> TensorBoard (the extra "tensorboard"): a listener for `run`.

with tensorboard(Path("runs/mrpc/tensorboard")) as listen:
    run(recipe, "runs/mrpc", listen=listen)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from verilora.errors import MissingExtraError
from verilora.records.events import Evaluated, Event, Noted, Stepped
from verilora.train.evaluate import Listen


@contextlib.contextmanager
def tensorboard(directory: Path) -> Iterator[Listen]:
    """A listener that writes loss, learning rate, gradient norm and metrics by step.

    Raises MissingExtraError if the package is not installed.
    """
    try:
        from torch.utils.tensorboard.writer import SummaryWriter  # extra: tensorboard
    except ImportError as error:
        raise MissingExtraError(
            "TensorBoard is not installed; pip install 'verilora[tensorboard]'"
        ) from error
    writer = SummaryWriter(str(directory))
    try:
        yield lambda event: _write(writer, event)
    finally:
        writer.close()


def _write(writer: Any, event: Event) -> None:
    if isinstance(event, Stepped):
        scalars = {
            "train/loss": event.loss,
            "train/learning_rate": event.learning_rate,
            "train/gradient_norm": event.gradient_norm,
            "train/tokens_per_second": event.tokens / max(event.seconds, 1e-9),
        }
    elif isinstance(event, Evaluated):
        scalars = {f"validation/{name}": value for name, value in event.metrics.items()}
        scalars["validation/loss"] = event.loss
    else:
        if isinstance(event, Noted):
            writer.add_text("notes", event.text)
        return
    for name, value in scalars.items():
        writer.add_scalar(name, value, event.step)
