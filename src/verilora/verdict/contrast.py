"""What differs between two recipes that are compared with each other: the rows of their protocol.

One thing is compared, the way of training; all else has to be the same. Found from the recipes
themselves, field by field.
"""

from __future__ import annotations

from typing import Any

from verilora.records.adapter import LoraConfig
from verilora.records.protocol import DIMENSIONS, Dimension, Row
from verilora.records.recipe import ModelSection, Recipe

COMPARED = "this is what is compared"
OWN_RATE = "each way of training has the learning rate that suits it, fixed before the runs"
PLACES: dict[str, Dimension] = {
    "start": "start",
    "max_length": "preprocessing",
    "epochs": "epochs_and_batch",
    "max_steps": "epochs_and_batch",
    "batch_size": "epochs_and_batch",
    "early_stopping": "epochs_and_batch",
    "select": "selection",
    "evaluate_every": "selection",
    "precision": "precision",
}
"""Where a field of [training] belongs; one that stands nowhere is a matter of the optimiser."""
ASIDE = frozenset(
    {"method", "seed", "threads", "micro_batch_size", "gradient_checkpointing", "checkpoint_every"}
)
"""Fields of [training] that change no result, or are what is compared."""
METHODS = {"full": "none: every weight is trained", "head": "none: the head alone is trained"}


def rows_between(
    ours: Recipe, reference: Recipe, *, metric: str, items: int, environment: str
) -> tuple[Row, ...]:
    """One row for each dimension; `items` are evaluated, all on one machine (`environment`).

    The adapter is what is compared, and counts as equivalent; so does a learning rate of its own
    for each side. Any other difference is one, and lowers the level.
    """
    pairs = [_told(recipe, metric=metric, items=items) for recipe in (ours, reference)]
    mine, theirs = ({**told, "environment": environment} for told in pairs)
    rows = (_row(name, ours=mine[name], theirs=theirs[name]) for name in DIMENSIONS)
    return tuple(
        _own_rate(row, ours, reference=reference) if row.dimension == "optimiser" else row
        for row in rows
    )


def _row(name: str, *, ours: str, theirs: str) -> Row:
    given: dict[str, Any] = {"dimension": name, "paper": theirs, "ours": ours}
    if ours == theirs:
        return Row(**given, state="same")
    if name == "adapter":
        return Row(**given, state="equivalent", reason=COMPARED)
    return Row(**given, state="different")


def _own_rate(row: Row, ours: Recipe, *, reference: Recipe) -> Row:
    rate = ours.training.learning_rate
    level = reference.replace(training=reference.training.replace(learning_rate=rate))
    if row.state == "same" or _fields(ours, "optimiser") != _fields(level, "optimiser"):
        return row
    return row.replace(state="equivalent", reason=OWN_RATE)


def _told(recipe: Recipe, *, metric: str, items: int) -> dict[str, str]:
    task, model = recipe.task, recipe.model
    limit = f", the first {task.validation_limit:,}" if task.validation_limit else ""
    told = {
        "base": _base(model),
        "training_data": _listed(task.to_mapping(), without=("validation_limit", "metrics")),
        "evaluation": f"the validation set{limit}: {items:,} items",
        "metric": _metric(recipe, metric),
        "adapter": METHODS.get(recipe.training.method) or _adapter(recipe),
    }
    rest = {name: _fields(recipe, name) for name in DIMENSIONS if name not in told}
    return {**told, **rest, "start": recipe.training.start or "the pretrained weights"}


def _base(model: ModelSection) -> str:
    told = f"{model.id}, revision {model.revision}" if model.revision else model.id
    return told if model.base is None else f"{told}, kept as {model.base}"


def _metric(recipe: Recipe, metric: str) -> str:
    writing = recipe.generation
    return metric if writing is None else f"{metric}, {_listed(writing.to_mapping())}"


def _fields(recipe: Recipe, dimension: str) -> str:
    fields = recipe.training.to_mapping()
    kept = {name for name in fields if name not in ASIDE}
    own = {name for name in kept if PLACES.get(name, "optimiser") == dimension}
    return _listed({name: fields[name] for name in fields if name in own})


def _adapter(recipe: Recipe) -> str:
    config, usual = recipe.adapter.to_mapping(), LoraConfig().to_mapping()
    said = {
        name: value
        for name, value in config.items()
        if name in ("rank", "alpha", "target_modules") or value != usual.get(name)
    }
    return f"LoRA: {_listed(said, without=('modules_to_save', 'seed'))}"


def _listed(fields: dict[str, Any], *, without: tuple[str, ...] = ()) -> str:
    """ "epochs 1, batch size 16": what is said, in the order of the record.

    A zero is said: a dropout of none is not the base's own dropout.
    """
    said = {name: value for name, value in fields.items() if name not in without}
    return ", ".join(
        f"{name.replace('_', ' ')} {_shown(value)}"
        for name, value in said.items()
        if value is not None and value is not False and value not in ([], {}, "")
    )


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " and ".join(map(str, value))
    if not isinstance(value, float):
        return str(value)
    # Rows are compared by their words: two numbers never have the same.
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
