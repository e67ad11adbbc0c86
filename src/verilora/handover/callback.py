"""SaveAdapter: what transformers' Trainer, and TRL's, need to leave an adapter.

By itself a Trainer saves an attached model whole, base and updates in one file, from which it goes
on but which nothing else can read as an adapter.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainerState, TrainingArguments

from verilora.errors import SelfCheckError
from verilora.lora.attachment import each_update_set
from verilora.lora.formats import save_adapter

FOLDER = "adapter"


class SaveAdapter(TrainerCallback):
    """Writes `adapter/` into each checkpoint, and into the output directory at the end.

        Trainer(model, arguments, train_dataset=data, callbacks=[SaveAdapter()])

    The last evaluation that the trainer logged is kept with it as results. Before the first step
    every update must have a gradient: a trainer that reads a weight instead of calling its layer
    (TRL does so with the output layer) would leave it untrained without a word.
    Raises SelfCheckError for that, and what `save_adapter` raises.
    """

    def __init__(self) -> None:
        self._looked = False

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, *_: Any, **given: Any
    ) -> None:
        """Looks at the gradients, once."""
        if not self._looked:
            self._looked = True
            _refuse_untrained(given["model"])

    def on_save(self, args: TrainingArguments, state: TrainerState, *_: Any, **given: Any) -> None:
        """Beside the trainer's own files of a checkpoint."""
        folder = Path(args.output_dir or ".") / f"checkpoint-{state.global_step}"
        _save(given["model"], folder / FOLDER, state=state)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, *_: Any, **given: Any
    ) -> None:
        """The adapter as it is when training ends."""
        _save(given["model"], Path(args.output_dir or ".") / FOLDER, state=state)


def _save(model: nn.Module, folder: Path, *, state: TrainerState) -> None:
    if state.is_world_process_zero:
        save_adapter(model, folder, _results(state), overwrite=True)


def _results(state: TrainerState) -> dict[str, Any]:
    """The last evaluation: what it measured, not how long it took."""
    logged = [entry for entry in state.log_history if any(k.startswith("eval_") for k in entry)]
    metrics = {
        name.removeprefix("eval_"): value
        for name, value in (logged[-1] if logged else {}).items()
        if name.startswith("eval_")
        and not name.endswith(("_runtime", "_per_second"))
        and _is_number(value)
    }
    return {"steps": state.global_step, **({"metrics": metrics} if metrics else {})}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _refuse_untrained(model: nn.Module) -> None:
    for path, updates in each_update_set(model):
        for name, update in updates.items():
            trained = [p for p in update.parameters() if p.requires_grad]
            if trained and all(parameter.grad is None for parameter in trained):
                raise SelfCheckError(
                    f"the update of {path} ({name}) got no gradient in the first step: the trainer "
                    "reads this weight without calling its layer, or never reaches it; exclude "
                    "it, or train it whole (modules_to_save)",
                    path=path,
                    check="every update has a gradient",
                )
