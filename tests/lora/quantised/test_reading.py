"""Weights packed here and elsewhere are read alike; an adapter knows the base that was packed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from verilora.errors import BaseMismatch
from verilora.lora import attach, base_digests, detach, explain, merge, unmerge
from verilora.lora.formats import load_adapter, save_adapter
from verilora.lora.quantised import reading
from verilora.lora.quantised.quantise import quantise
from verilora.records.adapter import LoraConfig

CONFIG = LoraConfig(rank=4, alpha=8, target_modules="all-linear")
Make = Callable[..., nn.Module]


def test_here_and_in_bitsandbytes_the_values_are_the_same(llama: Make, foreign_llama: Make) -> None:
    for scheme in ("nf4", "int8"):
        ours, theirs = llama(), foreign_llama(scheme)
        for path in quantise(ours, scheme).layers:
            mine, other = ours.get_submodule(path), theirs.get_submodule(path)
            assert torch.equal(reading.weight_of(mine), reading.weight_of(other))
            assert (
                reading.shape_of(mine)
                == reading.shape_of(other)
                == (*mine.values(torch.float32).shape,)
            )
            assert reading.is_packed(mine)
            assert reading.is_packed(other)


def test_numbers_are_counted_not_bytes(llama: Make, foreign_llama: Make) -> None:
    plain = sum(parameter.numel() for parameter in llama().parameters())
    for model in (foreign_llama("nf4"), foreign_llama("int8")):
        assert sum(reading.scalars(model).values()) == plain
        assert explain(attach(model, CONFIG)).total_parameters == plain


@pytest.mark.parametrize("scheme", ["nf4", "int8"])
def test_the_digests_are_those_of_the_base_before(llama: Make, scheme: str) -> None:
    whole, packed = llama(), llama()
    quantise(packed, scheme)
    attach(whole, CONFIG)
    attach(packed, CONFIG)
    assert base_digests(packed) == base_digests(whole)
    merge(packed) if explain(packed)[0].trained else None
    assert base_digests(packed) == base_digests(whole)


def test_of_a_base_that_came_packed_they_are_of_its_codes(foreign_llama: Make, moved: Make) -> None:
    model = moved(attach(foreign_llama(), CONFIG))
    digests = base_digests(model)
    own = {name for name in digests if name.startswith("model.layers.0.mlp.up_proj.")}
    assert {name.rpartition("up_proj.")[2] for name in own} == {
        "weight",
        "weight.absmax",
        "weight.quant_map",
        "weight.nested_absmax",
        "weight.nested_quant_map",
        "weight.quant_state.bitsandbytes__nf4",
    }
    merge(model)
    assert base_digests(model) == digests
    unmerge(model)
    assert base_digests(model) == digests


def test_an_adapter_goes_from_a_packed_base_to_the_whole_one_and_back(
    llama: Make, moved: Make, ids: Tensor, tmp_path: Path
) -> None:
    packed, whole = llama(), llama()
    quantise(packed, "nf4")
    save_adapter(moved(attach(packed, CONFIG)), tmp_path / "adapter")
    load_adapter(whole, tmp_path / "adapter")
    again = llama()
    quantise(again, "nf4")
    load_adapter(again, tmp_path / "adapter")
    assert torch.equal(again(ids).logits, packed(ids).logits)
    assert not torch.equal(whole(ids).logits, packed(ids).logits)
    other = llama()
    with torch.no_grad():
        other.get_parameter("model.layers.0.mlp.up_proj.weight").mul_(2)
    quantise(other, "nf4")
    with pytest.raises(BaseMismatch, match=r"up_proj\.weight"):
        load_adapter(other, tmp_path / "adapter")


def test_a_packed_base_elsewhere_is_not_taken_for_the_whole(
    llama: Make, foreign_llama: Make, moved: Make, tmp_path: Path
) -> None:
    save_adapter(moved(attach(foreign_llama(), CONFIG)), tmp_path / "adapter")
    load_adapter(foreign_llama(), tmp_path / "adapter")
    with pytest.raises(BaseMismatch):
        load_adapter(llama(), tmp_path / "adapter")


def test_dora_is_saved_with_the_norms_of_what_was_unpacked(
    llama: Make, moved: Make, ids: Tensor, tmp_path: Path
) -> None:
    packed, again = llama(), llama()
    quantise(packed, "nf4")
    quantise(again, "nf4")
    save_adapter(moved(attach(packed, CONFIG.replace(weight_rule="dora"))), tmp_path / "adapter")
    load_adapter(again, tmp_path / "adapter")
    assert torch.equal(again(ids).logits, packed(ids).logits)
    detach(again)
