from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, Gemma2Config

from verilora.data.encoded import IGNORED
from verilora.data.packing import alone
from verilora.records.recipe import Recipe
from verilora.train import language as module
from verilora.train.build import Build, build, trained_parameters
from verilora.train.language import (
    graded_texts,
    head_logits,
    said_by_base,
    shape_of_pass,
    summed_loss,
    tallies_of,
    vocabulary_of,
)

KINDS = ("llama", "gpt2")
Make = Callable[..., Recipe]


def quiet(made: Build) -> Build:
    """Without dropout, which draws other numbers for other shapes."""
    for part in made.model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    for name, parameter in trained_parameters(made.model).items():
        draw = torch.Generator().manual_seed(len(name))
        parameter.data.normal_(std=0.2, generator=draw)
    return made


def passed(made: Build, indices: list[int]) -> tuple[Tensor, dict[str, Tensor]]:
    loss = summed_loss(made, indices)
    trained = trained_parameters(made.model)
    return loss, dict(zip(trained, torch.autograd.grad(loss, list(trained.values())), strict=True))


def by_hand(made: Build, indices: list[int], smoothing: float = 0.0) -> Tensor:
    """One text after the other, through the model's own forward and all of its logits."""
    assert made.train.targets is not None
    total = torch.zeros(())
    for index in indices:
        logits = made.model(torch.tensor([made.train.ids[index]])).logits[0, :-1]
        targets = torch.tensor(made.train.targets[index][1:])
        total = total + F.cross_entropy(
            logits, targets, reduction="sum", ignore_index=IGNORED, label_smoothing=smoothing
        )
    return total


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_packed_batch_has_the_losses_and_gradients_of_one_that_is_not(
    make_causal: Make, kind: str, method: str, attention: str
) -> None:
    indices = list(range(12))
    alike = [quiet(build(make_causal(kind, packing=p, method=method))) for p in (False, True)]
    for made in alike:
        made.model.set_attn_implementation(attention)
    (wanted, theirs), (found, ours) = (passed(made, indices) for made in alike)
    assert shape_of_pass(alike[1].train, indices, training=alike[1].recipe.training)[0] < 12
    # float32 sums in another order: no further apart than 1e-5 of the largest.
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=0)
    torch.testing.assert_close(found, by_hand(alike[1], indices), rtol=1e-5, atol=0)
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        bound = 1e-5 * gradient.abs().max().item()
        torch.testing.assert_close(ours[name], gradient, rtol=1e-4, atol=bound)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tokens_of_one_text_change_nothing_in_another(make_causal: Make, kind: str) -> None:
    made = quiet(build(make_causal(kind, packing=True)))
    rows = [[0, 1, 2]]
    with torch.no_grad(), said_by_base(made, made.train, rows=rows) as told:
        before, owners = told.hidden.clone(), torch.tensor(told.layout.owners)
    made.train.ids[0][:] = [7] * len(made.train.ids[0])
    with torch.no_grad(), said_by_base(made, made.train, rows=rows) as told:
        after = told.hidden
    assert not torch.equal(after[owners == 0], before[owners == 0])
    assert torch.equal(after[owners != 0], before[owners != 0])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_that_of_all_logits(make_causal: Make, smoothing: float) -> None:
    made = quiet(build(make_causal(label_smoothing=smoothing)))
    wanted = by_hand(made, [3, 5, 9], smoothing)
    torch.testing.assert_close(summed_loss(made, [3, 5, 9]), wanted, rtol=1e-5, atol=0)


def test_chunks_change_nothing_but_the_last_bits(
    make_causal: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = quiet(build(make_causal()))
    wanted, theirs = passed(made, [0, 1, 2, 3])
    monkeypatch.setattr(module, "chunk_of", lambda *_: 3)
    found, ours = passed(made, [0, 1, 2, 3])
    torch.testing.assert_close(found, wanted)
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_checkpointed_activations_give_the_same_gradients(make_causal: Make, kind: str) -> None:
    from verilora.train.session import open_session

    made = [build(make_causal(kind, gradient_checkpointing=on)) for on in (False, True)]
    for one in made:
        open_session(quiet(one))
        one.model.train()
    (_, theirs), (_, ours) = (passed(one, [0, 1, 2]) for one in made)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_tallies_count_the_targets_of_each_text(make_causal: Make) -> None:
    made = quiet(build(make_causal("gpt2")))
    made.model.eval()
    found = tallies_of(made, made.train, indices=[4, 0])
    for index, tally in zip([4, 0], found, strict=True):
        loss = by_hand(made, [index]).item()
        assert tally.log_likelihood == pytest.approx(-loss, rel=1e-5)
        assert tally.tokens == made.train.target_counts[index]
        logits = made.model(torch.tensor([made.train.ids[index]])).logits[0]
        likeliest = logits.argmax(-1)[-1 - tally.tokens : -1].tolist()
        answer = made.train.ids[index][-tally.tokens :]
        assert tally.correct == sum(a == b for a, b in zip(likeliest, answer, strict=True))
    graded, owners = graded_texts(made, made.train, indices=[4, 0])
    assert len(graded.losses) == len(owners) == found[0].tokens + found[1].tokens


def test_a_head_that_caps_and_scales_is_asked_as_it_is() -> None:
    config = Gemma2Config(
        vocab_size=24,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        final_logit_softcapping=0.5,
    )
    model: Any = AutoModelForCausalLM.from_config(config).eval()
    ids = torch.tensor([[3, 4, 5, 6]])
    with torch.no_grad():
        output = model.model(ids, use_cache=False)
        found = head_logits(model, output.last_hidden_state[0], kind=type(output))
        assert torch.equal(found, model(ids).logits[0])
    assert found.abs().max() < 0.5
    assert vocabulary_of(model) == 24


def test_bfloat16_runs_under_autocast(make_causal: Make) -> None:
    made = quiet(build(make_causal(precision="bfloat16", packing=True)))
    loss, found = passed(made, [0, 1, 2])
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(by_hand(made, [0, 1, 2]).item(), rel=0.02)
    assert {gradient.dtype for gradient in found.values()} == {torch.float32}


def test_a_tokenizer_without_padding_needs_none(make_causal: Make) -> None:
    made = quiet(build(make_causal()))
    wanted = summed_loss(made, [0, 1, 2])
    made.tokenizer.pad_token = None
    made.tokenizer.eos_token = None
    assert torch.equal(summed_loss(made, [0, 1, 2]), wanted)
    made.tokenizer.pad_token = "house"
    assert made.tokenizer.pad_token_id > 10
    assert torch.equal(summed_loss(made, [0, 1, 2]), wanted)


def test_packed_rows_are_as_wide_as_the_longest_text(make_causal: Make) -> None:
    made = build(make_causal(packing=True, max_length=16))
    rows, width = shape_of_pass(made.train, list(range(10)), training=made.recipe.training)
    lengths = made.train.lengths[:10]
    assert width == max(lengths)
    assert -(-sum(lengths) // width) <= rows < 10
    plain = build(make_causal(max_length=16))
    found = shape_of_pass(plain.train, list(range(10)), training=plain.recipe.training)
    assert found == (10, max(lengths))
    assert alone([3, 1]) == [[3], [1]]
