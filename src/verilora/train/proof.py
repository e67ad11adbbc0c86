"""Before a causal run: does this base compute what training takes for granted? Tried, not assumed.

On a few tokens of the run's own texts: that no token sees one after it, that the base's head can be
asked by itself, and, where texts are packed, that none sees another. A base that fails is refused
before anything is trained, and so are prompts that it could not write after when all is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from verilora.data.encoded import Encoded
from verilora.data.packing import Rows, alone, lay_out, width_of_rows
from verilora.data.tasks import CAUSAL
from verilora.errors import ModelError, RecipeError
from verilora.train.build import Build
from verilora.train.evaluate_texts import prompts_of
from verilora.train.evaluation import evaluation_mode
from verilora.train.generate import refuse_prompts
from verilora.train.language import head_logits

TOKENS = 12
TEXTS = 3
TOLERANCE = 1e-4
"""Of the largest logit: float32 sums in another order stay far below it."""


def prove(build: Build) -> None:
    """Raises ModelError or RecipeError if the build's base is not fit for its causal task.

    For other tasks nothing is looked at.
    """
    if build.task.kind != CAUSAL:
        return
    if build.recipe.generation is not None:
        prompts = list(prompts_of(build.validation).values())
        refuse_prompts(build, prompts, section=build.recipe.generation)
    texts = _few(build.train)
    with evaluation_mode(build.model), torch.no_grad():
        single = _logits(build, texts, rows=alone(range(len(texts.ids))))
        _refuse_reading_ahead(build, texts, single=single)
        _refuse_other_head(build, texts, single=single)
        if build.recipe.training.packing:
            _refuse_window(build)
            _refuse_mixing(build, texts, single=single)


def _few(encoded: Encoded) -> Encoded:
    """The beginnings of a few texts, of different lengths."""
    ids = [row[: TOKENS - n] for n, row in enumerate(encoded.ids[:TEXTS])]
    return Encoded(ids, None, [], [str(n) for n in range(len(ids))], truncated=0, targets=ids)


def _logits(build: Build, texts: Encoded, *, rows: Rows) -> list[Tensor]:
    """Of each text [tokens, vocabulary], float32, however they lie in rows."""
    width = width_of_rows(texts, rows)
    layout = lay_out(texts, rows, width=width)
    inputs = {name: value.to(build.device) for name, value in layout.inputs.items()}
    logits = build.model(**inputs, use_cache=False).logits.float()
    found: dict[int, Tensor] = {}
    for number, row in enumerate(rows):
        start = 0
        for index in row:
            end = start + len(texts.ids[index])
            found[index] = logits[number, start:end]
            start = end
    return [found[index] for index in sorted(found)]


def _refuse_reading_ahead(build: Build, texts: Encoded, *, single: Sequence[Tensor]) -> None:
    short = Encoded([row[:-1] or row for row in texts.ids], None, [], [], 0, targets=texts.ids)
    again = _logits(build, short, rows=alone(range(len(short.ids))))
    if not _same([one[: len(two)] for one, two in zip(single, again, strict=True)], again):
        raise ModelError(
            f"the base '{build.recipe.model.id}' ({type(build.model).__name__}) sees tokens that "
            "are still to be foretold: what it says of a token changes with those after it. A "
            "decoder is wanted (a model made for text generation)",
            id=build.recipe.model.id,
        )


def _refuse_other_head(build: Build, texts: Encoded, *, single: Sequence[Tensor]) -> None:
    model: Any = build.model
    ids = torch.tensor([texts.ids[0]], device=build.device)
    output = getattr(model, model.base_model_prefix)(ids, use_cache=False)
    try:
        logits = head_logits(model, output.last_hidden_state[0], kind=type(output)).float()
        fits = _same([logits], single[:1])
    except (AttributeError, TypeError, IndexError, RuntimeError):
        fits = False
    if not fits:
        raise ModelError(
            f"the head of '{build.recipe.model.id}' ({type(model).__name__}) reads more than the "
            "last hidden state of its base, so that its logits cannot be had in parts; choose "
            "another base",
            id=build.recipe.model.id,
        )


def _refuse_window(build: Build) -> None:
    config = build.model.config.get_text_config()
    limit = build.recipe.training.max_length
    kinds = {*(getattr(config, "layer_types", None) or ())} - {"full_attention"}
    windows = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
    used = getattr(config, "use_sliding_window", True) and (
        kinds or not hasattr(config, "layer_types")
    )
    small = [size for size in windows if used and size is not None and size < limit]
    if small:
        raise _unpacked(
            build, f"it looks back {min(small)} tokens, fewer than max_length ({limit})"
        )


def _refuse_mixing(build: Build, texts: Encoded, *, single: Sequence[Tensor]) -> None:
    try:
        packed = _logits(build, texts, rows=[list(range(len(texts.ids)))])
        fits = _same(packed, single)
    except Exception as error:  # whatever a model does with a mask of four dimensions
        raise _unpacked(build, f"it does not take them ({error})") from error
    if not fits:
        raise _unpacked(build, "a text in a row with others gives other logits than alone")


def _unpacked(build: Build, why: str) -> RecipeError:
    return RecipeError(
        f"recipe '{build.recipe.name}'",
        [
            f"training.packing is true, and the base '{build.recipe.model.id}' "
            f"({type(build.model).__name__}) cannot keep texts in one row apart: {why}; leave "
            "training.packing out"
        ],
    )


def _same(some: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    pairs = zip(some, others, strict=True)
    return all((a - b).abs().max() <= TOLERANCE * b.abs().max().clamp(min=1.0) for a, b in pairs)
