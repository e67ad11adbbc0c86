"""The largest batch, tried before the first step: what does not fit fails at once, not hours later.

Forward and backward on rows without meaning; no weight is changed, no gradient kept, nothing drawn
from the run's random state. It also makes the heap as large as it must be, once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from verilora.errors import TrainingError
from verilora.train.build import Build
from verilora.train.forward import infer
from verilora.train.objective import REGRESSION, loss_of
from verilora.train.session import Session
from verilora.train.stream import RandomStream


@dataclass(frozen=True)
class Shape:
    """Of one forward pass: rows, and tokens in each."""

    rows: int
    tokens: int


def rehearse(session: Session, shape: Shape) -> None:
    """Tries a batch of the shape. Raises TrainingError, with what to change, if it does not fit."""
    try:
        with RandomStream(0, session.build.device):
            backward_of(session.build, shape)
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        if not _no_memory(error):
            raise
        raise TrainingError(
            f"the largest batch ({shape.rows} x {shape.tokens} tokens) does not fit into memory: "
            f"{error}\nSet training.micro_batch_size (now "
            f"{session.training.micro_batch_size or session.training.batch_size}) lower, "
            "training.gradient_checkpointing = true, or training.max_length lower; "
            "verilora plan tells what each takes",
            rows=shape.rows,
            tokens=shape.tokens,
        ) from error
    finally:
        session.optimizer.zero_grad(set_to_none=True)


def backward_of(build: Build, shape: Shape) -> None:
    """Forward and backward of a batch without meaning."""
    kind = build.task.kind
    labels = torch.zeros(
        shape.rows,
        dtype=torch.float32 if kind == REGRESSION else torch.int64,
        device=build.device,
    )
    loss_of(infer(build, blank_inputs(build, shape)), labels, kind=kind).backward()


def blank_inputs(build: Build, shape: Shape) -> dict[str, Tensor]:
    """Inputs of the shape as `collate` makes them, the last token of the first row padding.

    Where nothing is padding a model may leave its mask out, and take less.
    """
    size = (shape.rows, shape.tokens)
    mask = torch.ones(size, dtype=torch.int64, device=build.device)
    mask[0, -1] = 0
    made = {"input_ids": torch.ones_like(mask), "attention_mask": mask}
    if build.train.type_ids is not None:
        made["token_type_ids"] = torch.zeros_like(mask)
    return made


def _no_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return "can't allocate memory" in str(error)
