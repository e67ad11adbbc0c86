"""The fields of a recipe, by the dimension of the protocol that they belong to, and in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from verilora.records.protocol import Dimension
from verilora.records.recipe import Recipe

FIELDS: dict[Dimension, tuple[str, ...]] = {
    "adapter": (
        "training.method",
        "adapter.rank",
        "adapter.alpha",
        "adapter.scale_rule",
        "adapter.target_modules",
        "adapter.exclude_modules",
        "adapter.layers",
        "adapter.rank_pattern",
        "adapter.alpha_pattern",
        "adapter.target_parameters",
        "adapter.fused",
        "adapter.fused_sizes",
        "adapter.dropout",
        "adapter.init",
        "adapter.loftq_rounds",
        "adapter.rank_spread",
        "adapter.bias",
        "adapter.weight_rule",
        "adapter.tied",
        "adapter.modules_to_save",
        "training.head_dropout",
        "training.frozen_a",
        "training.base_dropout",
    ),
    "optimiser": (
        "training.learning_rate",
        "training.schedule",
        "training.warmup_ratio",
        "training.weight_decay",
        "training.adam_betas",
        "training.adam_epsilon",
        "training.max_gradient_norm",
        "training.label_smoothing",
        "training.learning_rate_ratio",
    ),
    "epochs_and_batch": (
        "training.epochs",
        "training.max_steps",
        "training.batch_size",
        "training.early_stopping",
    ),
    "metric": (
        "generation.beams",
        "generation.length_penalty",
        "generation.no_repeat_ngram_size",
        "generation.max_new_tokens",
    ),
    "selection": ("training.select", "training.evaluate_every"),
    "precision": ("training.precision", "adapter.dtype"),
}
"""Which fields of a recipe make up a dimension; the others are compared by what they come to."""
ELSEWHERE = frozenset(
    {
        "adapter.seed",
        "training.start",
        "training.max_length",
        "training.micro_batch_size",
        "training.gradient_checkpointing",
        "training.checkpoint_every",
        "training.packing",
        "training.seed",
        "training.threads",
        "generation.limit",
    }
)
"""Fields that have a row of their own, or that change nothing of what a protocol is about."""
QUIET = frozenset(
    {
        "training.method",
        "adapter.scale_rule",
        "adapter.weight_rule",
        "adapter.loftq_rounds",
        "adapter.rank_spread",
        "adapter.bias",
        "adapter.tied",
        "adapter.dtype",
    }
)
"""Fields that are told only where they differ."""
IF_SET = frozenset({"training.label_smoothing", "training.frozen_a"})
"""Fields that are told where they say something."""
PHRASES = {
    "training.method": "method {}",
    "adapter.target_modules": "on {}",
    "adapter.init": "{} start",
    "adapter.modules_to_save": "{} trained whole",
    "training.schedule": "{} schedule",
    "training.max_gradient_norm": "gradients clipped to {}",
    "training.max_steps": "{} steps at most",
    "training.batch_size": "batches of {}",
    "training.frozen_a": "A frozen: {}",
    "training.base_dropout": "dropout {} inside the base",
    "generation.beams": "{} beams",
    "generation.no_repeat_ngram_size": "no {} tokens twice",
    "generation.max_new_tokens": "{} new tokens at most",
    "training.select": "the {} evaluation of a run",
    "training.precision": "{}",
    "adapter.dtype": "adapter stored in {}",
}

ABSENT = {"training.max_steps": "no limit on steps", "training.max_gradient_norm": "no clipping"}
"""What a field without a value says."""


def value_of(recipe: Recipe, field: str) -> Any:
    """What the recipe has in the field "section.name"; None without the section."""
    section, name = field.split(".")
    held = getattr(recipe, section)
    return None if held is None else getattr(held, name)


def whole(dimension: Dimension, recipe: Recipe) -> str:
    """All of a dimension in words, but for what goes without saying."""
    return listed([f for f in FIELDS[dimension] if is_spoken(f, value_of(recipe, f))], recipe)


def is_spoken(field: str, value: Any) -> bool:
    """False for what goes without saying where a dimension is told whole."""
    if field in IF_SET:
        return bool(value)
    return field not in QUIET and value is not None and value != () and value != {}


def listed(fields: Iterable[str], recipe: Recipe) -> str:
    """These fields in words: "rank 8, alpha 16"."""
    return ", ".join(_told(field, value_of(recipe, field)) for field in fields)


def _told(field: str, value: Any) -> str:
    name = field.partition(".")[2].replace("_", " ")
    if field == "training.evaluate_every":
        return "evaluated every epoch" if value == "epoch" else f"evaluated every {value} steps"
    if field == "training.base_dropout" and value is None:
        return "the base's own dropout inside it"
    if field == "training.head_dropout" and value is None:
        return "the base's own dropout in the head"
    if field == "training.epochs":
        return f"{value:g} epoch{'' if value == 1 else 's'}"
    if value is None or value in ((), {}):
        return ABSENT.get(field, f"no {name}")
    return PHRASES.get(field, f"{name} {{}}").format(_shown(value))


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_shown(item)}" for key, item in value.items())
    if isinstance(value, tuple):
        return " and ".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
