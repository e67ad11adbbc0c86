"""How the base's weights are kept: whole, or in 4 or 8 bits as the recipe asks."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from verilora.errors import RecipeError
from verilora.lora.fingerprint import tensor_digest
from verilora.lora.quantised.frozen import FrozenLinear
from verilora.lora.quantised.library import bitsandbytes
from verilora.lora.quantised.packing import SCHEMES
from verilora.lora.quantised.quantise import quantise
from verilora.records.adapter import matches
from verilora.records.recipe import Recipe

TOLD = 3
"""Layers that stay whole, named in a note."""


def refuse_unkept(recipe: Recipe) -> None:
    """Raises RecipeError for what a quantised base cannot do, MissingExtraError without its extra.

    A base that is kept whole is never refused.
    """
    scheme, faults = recipe.model.base, []
    if scheme is None:
        return
    if recipe.training.method == "full":
        faults.append(
            f'model.base is "{scheme}", whose weights are frozen, and training.method "full" '
            'trains them; leave model.base out, or set training.method to "lora"'
        )
    if recipe.training.method == "lora" and recipe.adapter.init == "loftq":
        faults.append(
            f'model.base is "{scheme}", and adapter.init "loftq" quantises the base itself, to '
            "values that it keeps whole; leave model.base out, or take another init"
        )
    if faults:
        raise RecipeError(f"recipe '{recipe.name}'", faults)
    bitsandbytes()


def keep_base(model: nn.Module, recipe: Recipe, *, head: Iterable[str]) -> list[str]:
    """Quantises the base in place if the recipe asks for it; returns what is worth saying.

    Whole stay embeddings, heads and what is trained whole. Raises LayerError if nothing is left.
    """
    scheme = recipe.model.base
    if scheme is None:
        return []
    saved = recipe.adapter.modules_to_save
    trained = [path for path, _ in model.named_modules() if any(matches(n, path) for n in saved)]
    done = quantise(model, scheme, skip=(*head, *trained))
    note = f"{len(done.layers)} linear layers of the base are kept in {SCHEMES[scheme]}"
    if done.whole:
        rest = len(done.whole) - TOLD
        named = ", ".join(done.whole[:TOLD]) + (f" and {rest} more" if rest > 0 else "")
        note += f"; whole stay {named}"
    return [note]


def packed_digests(model: nn.Module) -> dict[str, str]:
    """State name -> digest of the codes and scales of each layer that was quantised here."""
    return {
        f"{path}.{name}": tensor_digest(tensor)
        for path, module in model.named_modules()
        if isinstance(module, FrozenLinear)
        for name, tensor in module.state_dict().items()
        if name == "weight" or name in module._buffers
    }
