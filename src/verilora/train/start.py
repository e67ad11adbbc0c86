"""The adapter that a training starts from, where the recipe names one.

LoRA's own runs on MRPC, RTE and STS-B start so, from the adapter of MNLI (section 5.1): only the
factors are taken over, since the head has other classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from torch import nn

from verilora.errors import RecipeError
from verilora.lora.formats import Start, open_start
from verilora.records.recipe import Recipe

WEIGHTS = "adapter_model.safetensors"


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


def told(start: Start) -> str:
    """A note for the run."""
    head = ", ".join(start.left_out)
    left = f"; its head ({head}) is left out, this one is new" if head else ""
    return f"starts from the adapter in {start.folder.path} ({start.digest[:19]}…){left}"
