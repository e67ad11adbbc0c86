"""Merging into a quantised base: whole by default, packed again on request, and back to the bit."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from verilora.errors import MergeError, StateError
from verilora.lora import attach, detach, merge, unmerge
from verilora.lora.quantised.quantise import quantise
from verilora.lora.quantised.reading import is_packed, scheme_of, weight_of
from verilora.records.adapter import LoraConfig

CONFIG = LoraConfig(rank=4, alpha=8, target_modules="all-linear")
Make = Callable[..., nn.Module]


@pytest.fixture(params=["nf4", "int8", "bitsandbytes nf4", "bitsandbytes int8"])
def base(request: pytest.FixtureRequest, llama: Make, foreign_llama: Make) -> nn.Module:
    """A quantised Llama, packed here or by bitsandbytes."""
    scheme = request.param.rpartition(" ")[2]
    if request.param != scheme:
        return foreign_llama(scheme)
    model = llama()
    quantise(model, scheme)
    return model


def bits(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)


def test_merged_whole_answers_as_before_and_unmerges_to_the_bit(
    base: nn.Module, moved: Make, ids: Tensor
) -> None:
    before = bits(base)
    moved(attach(base, CONFIG))
    answer, path = base(ids).logits, "model.layers.0.mlp.up_proj"
    weight = weight_of(base.get_submodule(path))
    report = merge(base, {"input_ids": ids})
    layer = base.get_submodule(path)
    assert not is_packed(layer)
    update = layer.lora["weight"].dense()
    torch.testing.assert_close(layer.weight, weight + update, rtol=1e-6, atol=1e-6)
    assert {one.dtype for one in report.weights} == {"float32"}
    assert all(one.update_norm > 0 and one.lost < 1e-4 for one in report.weights)
    state = base.state_dict()
    assert state[f"{path}.weight"].shape == (128, 64)
    assert not [n for n in state if "scale" in n or "absmax" in n or n.endswith("SCB")]
    unmerge(base)
    torch.testing.assert_close(base(ids).logits, answer)
    detach(base)
    assert same(before, bits(base))


def test_packed_again_it_tells_what_was_lost(base: nn.Module, moved: Make, ids: Tensor) -> None:
    before = bits(base)
    moved(attach(base, CONFIG))
    path = "model.layers.0.mlp.up_proj"
    scheme, weight = scheme_of(base.get_submodule(path)), weight_of(base.get_submodule(path))
    wanted = weight + base.get_submodule(path).lora["weight"].dense()
    report = merge(base, {"input_ids": ids}, requantise=True)
    layer = base.get_submodule(path)
    assert scheme_of(layer) == scheme
    one = next(one for one in report.weights if one.name == f"{path}.weight")
    lost = (weight_of(layer) - wanted).norm().item()
    assert one.dtype == scheme
    assert one.rounding_error == pytest.approx(lost, rel=1e-3)
    assert one.rounding_error > 1e-3
    assert report.tolerance is None
    assert report.probe_difference is not None
    assert report.probe_difference > 1e-4
    assert "probe" in str(report)
    assert bits(base).keys() == before.keys()
    unmerge(base)
    detach(base)
    assert same(before, bits(base))


def test_a_tolerance_holds_for_what_is_packed_again(
    base: nn.Module, moved: Make, ids: Tensor
) -> None:
    moved(attach(base, CONFIG))
    before = bits(base)
    with pytest.raises(MergeError, match="answers the probe differently"):
        merge(base, {"input_ids": ids}, requantise=True, tolerance=1e-6)
    assert same(before, bits(base))


def test_an_update_that_packing_swallows_is_refused(base: nn.Module) -> None:
    attach(base, CONFIG)
    with torch.no_grad():
        for name, parameter in base.named_parameters():
            if name.endswith(".lora.weight.B"):
                parameter.add_(1e-12)
    with pytest.raises(MergeError, match="would equal the base"):
        merge(base, requantise=True)


def test_training_while_merged_is_refused_and_copies_unmerge(
    base: nn.Module, moved: Make, ids: Tensor
) -> None:
    moved(attach(base, CONFIG))
    merge(base)
    with pytest.raises(StateError, match="training while merged"):
        base.train()(ids)
    other = copy.deepcopy(base)
    unmerge(other)
    unmerge(base)
    base.eval(), other.eval()
    assert torch.equal(other(ids).logits, base(ids).logits)
