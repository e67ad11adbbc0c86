"""Dropout inside the base, where a recipe says what it is to be: set, and seen to be so."""

from __future__ import annotations

from typing import Any

from torch import nn

from verilora.errors import RecipeError
from verilora.records.recipe import Recipe

FIELDS = (
    *("resid_pdrop", "embd_pdrop", "attn_pdrop"),
    *("attention_dropout", "hidden_dropout", "activation_dropout", "dropout", "embedding_dropout"),
)
"""What the configurations of causal models call it."""


def set_base_dropout(config: Any, recipe: Recipe) -> None:
    """Sets every dropout that the configuration names to the recipe's, if it has one."""
    share = recipe.training.base_dropout
    if share is None:
        return
    for name in FIELDS:
        if isinstance(getattr(config, name, None), float | int):
            setattr(config, name, share)


def verify_base_dropout(model: nn.Module, recipe: Recipe) -> None:
    """Raises RecipeError if the base has a dropout that is not what the recipe says."""
    share = recipe.training.base_dropout
    if share is None:
        return
    layers = {path: one.p for path, one in model.named_modules() if isinstance(one, nn.Dropout)}
    other = {path: p for path, p in layers.items() if p != share}
    named = any(hasattr(model.config, name) for name in FIELDS)
    if not other and (named or not share):
        return
    found = "has no dropout that its configuration names"
    if other:
        path, p = next(iter(other.items()))
        found = f"keeps {p:g} in {len(other)} places, such as {path}"
    raise RecipeError(
        f"recipe '{recipe.name}'",
        [
            f"training.base_dropout is {share:g}, and the base '{recipe.model.id}' {found}; leave "
            "training.base_dropout out"
        ],
    )
