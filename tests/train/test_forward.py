from __future__ import annotations

from collections.abc import Callable

import torch

from verilora.records.recipe import Recipe
from verilora.train.build import build
from verilora.train.forward import forward


def test_padding_changes_no_logits(make_recipe: Callable[..., Recipe]) -> None:
    made = build(make_recipe())
    made.model.eval()
    order = sorted(range(len(made.train.ids)), key=lambda index: len(made.train.ids[index]))
    short, long = order[0], order[-1]
    with torch.no_grad():
        together = forward(made, made.train, indices=[short, long])
        alone = forward(made, made.train, indices=[short])
    torch.testing.assert_close(together.logits[:1], alone.logits)
    assert together.labels.tolist() == [made.train.labels[short], made.train.labels[long]]
    assert together.padded_tokens == 2 * len(made.train.ids[long])


def test_the_precision_is_the_recipes(make_recipe: Callable[..., Recipe]) -> None:
    kinds = {}
    for precision in ("float32", "bfloat16"):
        made = build(make_recipe(precision=precision))
        kinds[precision] = forward(made, made.train, indices=[0, 1]).logits.dtype
        assert {p.dtype for p in made.model.parameters()} == {torch.float32}
    assert kinds == {"float32": torch.float32, "bfloat16": torch.bfloat16}
