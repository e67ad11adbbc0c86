"""The largest batch, tried before the first step: what does not fit fails at once, not hours later.

Forward and backward; no weight is changed, no gradient kept, nothing drawn from the run's random
state. It also makes the heap as large as it must be, once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from verilora.errors import TrainingError
from verilora.train.build import Build
from verilora.train.graded import share_of_loss
from verilora.train.session import Session
from verilora.train.stream import RandomStream


def rehearse(session: Session, indices: Sequence[int]) -> None:
    """Tries a forward pass of these examples and its backward.

    Raises TrainingError, with what to change, if they do not fit into memory.
    """
    training = session.training
    try:
        with RandomStream(0, session.build.device):
            backward_of(session.build, indices)
    except (MemoryError, RuntimeError) as error:
        if not _no_memory(error):
            raise
        longest = max(session.build.train.lengths[index] for index in indices)
        raise TrainingError(
            f"the largest batch ({len(indices)} x {longest} tokens) does not fit into memory: "
            f"{error}\nSet training.micro_batch_size (now "
            f"{training.micro_batch_size or training.batch_size}) lower, "
            "training.gradient_checkpointing = true, or training.max_length lower; "
            "verilora plan tells what each takes",
            rows=len(indices),
            tokens=longest,
        ) from error
    finally:
        session.optimizer.zero_grad(set_to_none=True)


def backward_of(build: Build, indices: Sequence[int]) -> None:
    """Forward and backward of these training examples together."""
    share_of_loss(build, indices, units=build.train.units(indices)).backward()


def _no_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return "can't allocate memory" in str(error)
