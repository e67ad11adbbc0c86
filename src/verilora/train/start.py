"""What a training starts from: the adapter that the recipe names, or its own first batches.

LoRA's own runs on MRPC, RTE and STS-B start so, from the adapter of MNLI (section 5.1): only the
factors are taken over, since the head has other classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from verilora.errors import RecipeError
from verilora.lora import explain
from verilora.lora.attachment import attachment_of
from verilora.lora.formats import Start, open_start
from verilora.records.recipe import Recipe
from verilora.train.material import Material
from verilora.train.timetable import Timetable

WEIGHTS = "adapter_model.safetensors"
BATCHES = 4
"""How many of the first batches a start from data looks at."""


def find_start(recipe: Recipe, model: nn.Module, *, head: Iterable[str]) -> Start | None:
    """The recipe's start, which fits the adapter on the model; None where it names none.

    Raises AdapterFileError for files at fault, and RecipeError with all differences if the
    recipe's adapter is another than the start's.
    """
    if recipe.training.start is None:
        return None
    path = directory_of(recipe.training.start)
    start = open_start(model, path, head=head)
    if start.differences:
        raise RecipeError(
            f"recipe '{recipe.name}': its adapter cannot start from the one in {path}",
            [
                f"{difference}; set [adapter] as the start has it, or name another start"
                if number == len(start.differences) - 1
                else difference
                for number, difference in enumerate(start.differences)
            ],
        )
    return start


def directory_of(named: str) -> Path:
    """Where the adapter lies: the directory itself, or the adapter/ of a run."""
    path = Path(named).expanduser()
    inner = path / "adapter"
    return inner if not (path / WEIGHTS).exists() and (inner / WEIGHTS).exists() else path


def first_batches(material: Material) -> Iterator[dict[str, Tensor]]:
    """The inputs of the training's first batches, for a start that is made of them (EVA).

    On the CPU, where the base is when the adapter is attached, one text to a row.
    """
    encoded = material.train
    timetable = Timetable(encoded.lengths, material.recipe.training)
    for step in range(min(BATCHES, timetable.steps_per_epoch)):
        indices = timetable.batch(step)
        batch = {
            "input_ids": _padded(encoded.ids, indices, fill=material.tokenizer.pad_token_id or 0),
            "attention_mask": _padded([[1] * n for n in encoded.lengths], indices),
        }
        if encoded.type_ids is not None:
            batch["token_type_ids"] = _padded(encoded.type_ids, indices)
        yield batch


def told_ranks(model: nn.Module) -> list[str]:
    """A note for the run where the start has given the layers ranks of their own."""
    if attachment_of(model).config.init != "eva":
        return []
    ranks = [layer.rank for layer in explain(model)]
    return [f"ranks by the inputs of the layers (EVA): {min(ranks)} to {max(ranks)}"]


def _padded(rows: Sequence[Sequence[int]], indices: Sequence[int], *, fill: int = 0) -> Tensor:
    chosen = [torch.tensor(rows[index]) for index in indices]
    return pad_sequence(chosen, batch_first=True, padding_value=fill)


def told(start: Start) -> str:
    """A note for the run."""
    head = ", ".join(start.left_out)
    left = f"; its head ({head}) is left out, this one is new" if head else ""
    return f"starts from the adapter in {start.folder.path} ({start.digest[:19]}…){left}"
