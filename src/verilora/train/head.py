"""The dropout before a head: each kind of base has a name of its own for it, or none."""

from __future__ import annotations

from typing import Any

from torch import nn

from verilora.errors import RecipeError
from verilora.records.recipe import Recipe

NAMES = ("classifier_dropout", "cls_dropout", "seq_classif_dropout", "classifier_dropout_prob")
UNTOLD = {"deberta": "cls_dropout", "deberta-v2": "cls_dropout"}
"""Kinds of base that read the name although their configuration is without it at first."""


def set_head_dropout(config: Any, recipe: Recipe) -> None:
    """Sets the configuration's head dropout to the recipe's; without one there, nothing.

    Raises RecipeError for a kind of base that knows no such dropout.
    """
    share = recipe.training.head_dropout
    if share is None:
        return
    name = UNTOLD.get(config.model_type) or next((n for n in NAMES if hasattr(config, n)), None)
    if name is None:
        raise _without(recipe, f"a {config.model_type}, whose configuration has no such dropout")
    setattr(config, name, share)


def verify_head_dropout(model: nn.Module, recipe: Recipe) -> None:
    """Raises RecipeError if the head has no layer with the dropout that the recipe asks for."""
    share = recipe.training.head_dropout
    if share is None:
        return
    inner = f"{getattr(model, 'base_model_prefix', '')}."
    found = [
        module.p
        for path, module in model.named_modules()
        if isinstance(module, nn.Dropout) and not path.startswith(inner)
    ]
    if share not in found:
        raise _without(recipe, f"{type(model).__name__}, whose head has no dropout")


def _without(recipe: Recipe, what: str) -> RecipeError:
    return RecipeError(
        f"recipe '{recipe.name}'",
        [
            f"training.head_dropout is {recipe.training.head_dropout:g}, and the base "
            f"'{recipe.model.id}' is {what}; leave training.head_dropout out"
        ],
    )
