from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from verilora.errors import SelfCheckError, TrainingError
from verilora.records.recipe import Recipe, TrainingSection
from verilora.train.session import Session
from verilora.train.step import clip, micro_batches, take_step


def gradients(session: Session) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in session.trained.items() if p.grad is not None}


def without_dropout(session: Session) -> Session:
    for module in session.build.model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return session


def of(size: int | None) -> TrainingSection:
    return TrainingSection(batch_size=12, micro_batch_size=size)


def assert_close(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [8, 7])
def test_accumulation_equals_the_big_batch(opened: Callable[..., Session], count: int) -> None:
    # Seven examples in parts of four and three: the mean is over examples, not over parts.
    whole, parts = (without_dropout(opened(micro_batch_size=size)) for size in (None, 4))
    indices = list(range(count))
    facts = [take_step(session, indices) for session in (whole, parts)]
    assert facts[0].loss == pytest.approx(facts[1].loss, rel=1e-5)
    assert facts[0].tokens == facts[1].tokens
    assert facts[0].examples == facts[1].examples == count
    assert facts[0].padded_tokens >= facts[1].padded_tokens
    assert_close(gradients(parts), gradients(whole))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_gradient_checkpointing_changes_no_gradient(
    opened: Callable[..., Session], precision: str
) -> None:
    found = []
    for checkpointing in (False, True):
        session = opened(gradient_checkpointing=checkpointing, precision=precision)
        with session.stream:  # with dropout: the recomputed pass must draw the same masks
            take_step(session, range(8))
        found.append(gradients(session))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_bfloat16_is_near_float32(opened: Callable[..., Session]) -> None:
    sessions = [without_dropout(opened(precision=kind)) for kind in ("float32", "bfloat16")]
    losses = [take_step(session, range(8)).loss for session in sessions]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] != losses[1]
    assert {p.dtype for p in sessions[1].trained.values()} == {torch.float32}


def test_the_loss_and_the_step_are_those_of_plain_torch(opened: Callable[..., Session]) -> None:
    session = without_dropout(opened(max_gradient_norm=None, warmup_ratio=0.0))
    plain = copy.deepcopy(session.build.model)
    optimizer = torch.optim.AdamW([p for p in plain.parameters() if p.requires_grad], lr=1e-2)
    optimizer.param_groups[0]["weight_decay"] = 0.0
    encoded = session.build.train
    rows = [torch.tensor([encoded.ids[index]]) for index in range(4)]
    logits = torch.cat([plain(input_ids=row).logits for row in rows])
    loss = nn.functional.cross_entropy(logits, torch.tensor(encoded.labels[:4]))
    loss.backward()
    optimizer.step()
    assert take_step(session, range(4)).loss == pytest.approx(loss.item(), rel=1e-5)
    wanted = {name: p.detach() for name, p in plain.named_parameters() if p.requires_grad}
    assert_close({name: p.detach() for name, p in session.trained.items()}, wanted)


def test_clipping_scales_all_gradients_together() -> None:
    for limit, wanted in ((None, [3.0, 0.0, 4.0]), (9.0, [3.0, 0.0, 4.0]), (1.0, [0.6, 0, 0.8])):
        made = [torch.tensor([3.0, 0.0]), torch.tensor([4.0])]
        clip(made, norm=5.0, limit=limit)
        assert torch.cat(made).tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("limit", [None, 1e-3])
def test_the_norm_is_that_before_clipping(opened: Callable[..., Session], limit: float) -> None:
    session = without_dropout(opened(max_gradient_norm=limit))
    facts = take_step(session, range(8))
    after = nn.utils.get_total_norm(gradients(session).values()).item()
    assert facts.gradient_norm > 0.01
    assert after == pytest.approx(limit or facts.gradient_norm, rel=1e-4)


def test_the_learning_rate_follows_the_schedule(opened: Callable[..., Session]) -> None:
    session = opened(warmup_ratio=0.0, epochs=1)
    session.step = 4
    take_step(session, range(8))
    assert session.optimizer.param_groups[0]["lr"] == pytest.approx(1e-2 * 4 / 8)


def test_micro_batches_hold_every_example_and_neighbours_in_length(
    opened: Callable[..., Session],
) -> None:
    encoded = opened().build.train
    parts = micro_batches(encoded, range(10), training=of(4))
    assert sorted(index for part in parts for index in part) == list(range(10))
    lengths = [encoded.lengths[index] for part in parts for index in part]
    assert lengths == sorted(lengths)
    assert micro_batches(encoded, range(10), training=of(None)) == [list(range(10))]
    mixed = micro_batches(encoded, range(10), training=of(4).replace(packing=True))
    assert [len(part) for part in mixed] == [4, 3, 3]
    assert sorted(index for part in mixed for index in part) == list(range(10))
    shortest = [min(encoded.lengths[index] for index in part) for part in mixed]
    assert max(shortest) < lengths[4]


def test_a_loss_that_is_not_finite_names_the_step_and_changes_nothing(
    opened: Callable[..., Session],
) -> None:
    session = opened()
    session.step = 4
    with torch.no_grad():
        session.build.model.classifier.bias.fill_(float("nan"))
    before = {name: p.detach().clone() for name, p in session.trained.items()}
    with pytest.raises(TrainingError, match="loss of step 5 is nan; no weight was changed"):
        take_step(session, range(8))
    after = session.trained
    assert all(torch.equal(after[n].nan_to_num(7), before[n].nan_to_num(7)) for n in before)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_names_the_layer(
    opened: Callable[..., Session], value: float
) -> None:
    session = opened()
    (name,) = (n for n in session.trained if n.endswith("1.attention.self.value.lora.weight.B"))
    session.trained[name].register_hook(lambda gradient: torch.full_like(gradient, value))
    before = session.trained[name].detach().clone()
    with pytest.raises(
        SelfCheckError, match=r"layer\.1\.attention.* not finite at step 1"
    ) as caught:
        take_step(session, range(8))
    assert caught.value.facts["path"] == name
    assert torch.equal(session.trained[name], before)


@pytest.mark.parametrize("packing", [False, True])
def test_accumulation_over_texts_is_over_their_targets(
    make_causal: Callable[..., Recipe], open_recipe: Callable[..., Session], packing: bool
) -> None:
    # A mean of the parts' means would be another number: the parts have other counts of targets.
    whole, parts = (
        open_recipe(make_causal(micro_batch_size=size, packing=packing)) for size in (None, 2)
    )
    facts = [take_step(session, list(range(8))) for session in (whole, parts)]
    assert facts[0].loss == pytest.approx(facts[1].loss, rel=1e-6)
    assert_close(gradients(parts), gradients(whole))
    counts = whole.build.train.target_counts[:8]
    assert len({sum(counts[start : start + 2]) for start in range(0, 8, 2)}) > 1
