"""The trainable part: factors, effective weights, and what its state dict is while merged."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from verilora.errors import StateError
from verilora.lora import attach, merge, unmerge
from verilora.lora.layout import Layout
from verilora.lora.update import LowRankUpdate, UpdateSet
from verilora.records.adapter import LoraConfig


def update(layout: Layout, rank: int = 2, dtype: torch.dtype = torch.float32) -> LowRankUpdate:
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(layout.a_shape(rank), generator=generator).to(dtype)
    b = torch.randn(layout.b_shape(rank), generator=generator).to(dtype)
    return LowRankUpdate(a, b, layout=layout, alpha=4, scale=2.0)


def test_factors_change_places_for_the_other_orientation() -> None:
    one = update(Layout("weight", (6, 4)))
    a, b = one.factors(transposed=False)
    assert a is one.A and b is one.B
    turned_a, turned_b = one.factors(transposed=True)
    torch.testing.assert_close(turned_b @ turned_a, (b @ a).T)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_the_effective_weight_is_summed_in_float32_and_rounded_once(dtype: torch.dtype) -> None:
    updates = UpdateSet({"weight": update(Layout("weight", (6, 4)))})
    weight = torch.randn(6, 4).to(dtype)
    wide = torch.promote_types(dtype, torch.float32)
    wanted = (weight.to(wide) + updates["weight"].dense(wide)).to(dtype)
    assert torch.equal(updates.applied("weight", weight), wanted)


def test_parts_of_one_weight_add_up() -> None:
    q, v = (update(Layout("weight", (9, 4), rows=rows)) for rows in ((0, 3), (6, 9)))
    updates = UpdateSet({"q": q, "v": v})
    assert updates.parameters_updated() == ["weight"]
    found = updates.applied("weight", torch.zeros(9, 4))
    torch.testing.assert_close(found, q.dense() + v.dense())


def test_the_base_is_not_written_by_reading() -> None:
    updates = UpdateSet({"weight": update(Layout("weight", (6, 4)))})
    weight = torch.ones(6, 4)
    updates.applied("weight", weight)
    assert torch.equal(weight, torch.ones(6, 4))


def test_within_a_forward_a_weight_is_made_once_for_each_gradient_mode() -> None:
    updates = UpdateSet({"weight": update(Layout("weight", (6, 4)))})
    weight = torch.zeros(6, 4)
    assert updates.applied("weight", weight) is not updates.applied("weight", weight)
    updates.seen = {}
    first = updates.applied("weight", weight)
    with torch.no_grad():
        other = updates.applied("weight", weight)
    assert updates.applied("weight", weight) is first
    assert first.requires_grad and not other.requires_grad


def test_dropout_drops_only_while_training() -> None:
    updates = UpdateSet({}, dropout=0.5)
    x = torch.ones(1000)
    assert 300 < int((updates.train().drop(x) == 0).sum()) < 700
    assert updates.eval().drop(x) is x
    assert UpdateSet({}).train().drop(x) is x


@pytest.mark.parametrize("name", ["q", "weight", "gate_up_proj"])
def test_names_that_an_update_may_have(name: str) -> None:
    assert UpdateSet.takes_name(name)
    assert name in UpdateSet({name: update(Layout("weight", (3, 3)))})


@pytest.mark.parametrize("name", ["", "a.b", "keys", "merged", "kept", "training", "of"])
def test_names_that_it_may_not_have(name: str) -> None:
    assert not UpdateSet.takes_name(name)


@pytest.fixture
def model(train: Callable[..., nn.Module]) -> nn.Module:
    return train(attach(nn.Sequential(nn.Linear(4, 3)), LoraConfig(rank=2, target_modules=["0"])))


def test_a_state_dict_goes_round(model: nn.Module) -> None:
    saved = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert set(saved) == {"0.weight", "0.bias", "0.lora.weight.A", "0.lora.weight.B"}
    other = attach(nn.Sequential(nn.Linear(4, 3)), LoraConfig(rank=2, target_modules=["0"], seed=5))
    other.load_state_dict(saved)
    x = torch.randn(2, 4)
    assert torch.equal(other(x), model(x))


def test_while_merged_the_state_dict_is_the_plain_merged_models(model: nn.Module) -> None:
    x = torch.randn(2, 4)
    merge(model)
    state = model.state_dict()
    assert set(state) == {"0.weight", "0.bias"}
    plain = nn.Sequential(nn.Linear(4, 3))
    plain.load_state_dict(state)
    assert torch.equal(plain(x), model.eval()(x))
    assert model[0].lora.state_dict() == {}


def tensors(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_while_merged_no_state_dict_is_loaded_not_even_in_part(model: nn.Module) -> None:
    unmerged = tensors(model)
    merge(model)
    merged = tensors(model)
    other = {name: tensor + 1 for name, tensor in unmerged.items()}
    with pytest.raises(StateError, match=r"while the model is merged .* call unmerge\(model\)"):
        model.load_state_dict(other)
    with pytest.raises(StateError, match="while m is merged"):
        nn.ModuleDict({"m": model[0]}).load_state_dict({}, strict=False)
    assert all(torch.equal(merged[name], tensor) for name, tensor in tensors(model).items())
    unmerge(model)
    assert all(torch.equal(unmerged[name], tensor) for name, tensor in tensors(model).items())
    model.load_state_dict(other)
    assert torch.equal(model[0].bias, other["0.bias"])


def test_it_prints_its_shapes(model: nn.Module) -> None:
    assert "in=4, rank=2, out=3, scale=8" in repr(model)


def test_a_start_is_subtracted_and_its_copy_stays() -> None:
    one = update(Layout("weight", (6, 4)))
    one.keep_start(subtracted=True)
    assert not one.dense().any()
    with torch.no_grad():
        one.B.add_(1)
    torch.testing.assert_close(one.dense(), 2 * torch.ones(6, 2) @ one.A)
    assert {name for name, _ in one.named_parameters()} == {"A", "B"}
    assert set(one.state_dict()) == {"A", "B", "A0", "B0"}
    signed = [(scale, b) for _, b, scale in one.pairs()]
    assert [scale for scale, _ in signed] == [2.0, -2.0]
    a, b = one.difference()
    torch.testing.assert_close((2 * b @ a).float(), one.dense())


def test_a_start_that_replaced_the_weight_is_kept_and_not_subtracted() -> None:
    one = update(Layout("weight", (6, 4)))
    one.keep_start(subtracted=False)
    assert one.started and not one.residual
    assert len(one.pairs()) == 1
    assert UpdateSet({"weight": one}).plain


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 3), (6, 4, 3, 2)])
def test_magnitudes_begin_as_the_norms_of_the_rows(shape: tuple[int, ...]) -> None:
    one, weight = update(Layout("weight", shape)), torch.randn(shape)
    one.keep_magnitude(weight, torch.float32)
    norms = (weight + one.dense()).flatten(1).norm(dim=1)
    torch.testing.assert_close(one.magnitude.detach(), norms)
    assert torch.equal(one.factor(weight), torch.ones(6))
    updates = UpdateSet({"weight": one})
    assert not updates.plain
    with torch.no_grad():
        one.magnitude[2] *= 3
    wanted = weight + one.dense()
    wanted[2] *= 3
    torch.testing.assert_close(updates.applied("weight", weight), wanted)


def test_the_norm_takes_no_gradient() -> None:
    one, weight = update(Layout("weight", (6, 4))), torch.randn(6, 4)
    one.keep_magnitude(weight, torch.float32)
    one.factor(weight).sum().backward()
    assert one.A.grad is None
    assert one.B.grad is None
    torch.testing.assert_close(one.magnitude.grad, 1 / one.magnitude.detach())
