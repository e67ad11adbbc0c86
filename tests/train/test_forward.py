from __future__ import annotations

from collections.abc import Callable

import torch

from verilora.records.recipe import Recipe, TrainingSection
from verilora.train.build import build
from verilora.train.forward import forward, width_of
from verilora.train.language import shape_of_pass


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


def test_the_precision_is_the_recipes(make_recipe: Callable[..., Recipe]) -> None:
    kinds = {}
    for precision in ("float32", "bfloat16"):
        made = build(make_recipe(precision=precision))
        kinds[precision] = forward(made, made.train, indices=[0, 1]).logits.dtype
        assert {p.dtype for p in made.model.parameters()} == {torch.float32}
    assert kinds == {"float32": torch.float32, "bfloat16": torch.bfloat16}


def test_widths_are_rounded_in_bfloat16_up_to_the_limit() -> None:
    low = TrainingSection(precision="bfloat16", max_length=20)
    assert [width_of(longest, low) for longest in (1, 8, 9, 16, 17, 20)] == [8, 8, 16, 16, 20, 20]
    assert [width_of(longest, TrainingSection()) for longest in (1, 9)] == [1, 9]


def test_a_rounded_batch_says_the_same(make_recipe: Callable[..., Recipe]) -> None:
    made = build(make_recipe(precision="bfloat16"))
    made.model.eval()
    seen = []
    made.model.register_forward_pre_hook(
        lambda _, inputs, kwargs: seen.append(kwargs), with_kwargs=True
    )
    with torch.no_grad():
        passed = forward(made, made.train, indices=[0, 1])
        shape = shape_of_pass(made.train, [0, 1], training=made.recipe.training)
        assert shape == tuple(seen[0]["input_ids"].shape)
        assert {value.shape[1] % 8 for value in seen[0].values()} == {0}
        assert seen[0]["attention_mask"].sum().item() == sum(made.train.lengths[:2])
        row = torch.tensor([made.train.ids[0]])
        with torch.autocast("cpu", torch.bfloat16):
            wanted = made.model(input_ids=row).logits
    torch.testing.assert_close(passed.logits[:1], wanted, rtol=0.05, atol=0.01)
