from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from verilora.records.recipe import Recipe
from verilora.train.build import build
from verilora.train.footprint import Footprint
from verilora.train.forward import forward
from verilora.train.graded import answer, share_of_loss
from verilora.train.language import summed_loss


def test_shares_add_up_to_the_mean_over_examples(make_recipe: Callable[..., Recipe]) -> None:
    made = build(make_recipe(head_dropout=0.0, label_smoothing=0.2))
    made.model.eval()
    shares = [share_of_loss(made, part, units=7) for part in ([0, 1, 2, 3], [4, 5, 6])]
    passed = forward(made, made.train, indices=range(7))
    wanted = F.cross_entropy(passed.logits, passed.labels, label_smoothing=0.2)
    torch.testing.assert_close(sum(shares), wanted)


def test_shares_add_up_to_the_mean_over_targets(make_causal: Callable[..., Recipe]) -> None:
    made = build(make_causal())
    units = made.train.units(range(7))
    assert units == sum(made.train.target_counts[:7]) != 7
    shares = [share_of_loss(made, part, units=units) for part in ([0, 1, 2, 3], [4, 5, 6])]
    torch.testing.assert_close(sum(shares), summed_loss(made, list(range(7))) / units)


@pytest.mark.parametrize("causal", [False, True])
def test_an_answer_leaves_nothing_behind(
    make_recipe: Callable[..., Recipe], make_causal: Callable[..., Recipe], causal: bool
) -> None:
    made = build((make_causal if causal else make_recipe)())
    with Footprint() as footprint:
        answer(made, made.validation, indices=[0, 1, 2])
    assert footprint.peak_bytes > footprint.live_bytes
    assert all(parameter.grad is None for parameter in made.model.parameters())
