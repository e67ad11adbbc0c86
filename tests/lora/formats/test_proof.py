"""The proof finds what is wrong with a conversion, and no more."""

from __future__ import annotations

import pytest
import torch

from verilora.errors import AdapterFileError
from verilora.lora.formats.fold import one_scale
from verilora.lora.formats.proof import prove

Q = "model.layers.0.self_attn.q_proj"


def test_the_same_is_equal_to_the_bit(llama_adapter):
    adapter = llama_adapter(whole={"head.weight": torch.ones(2)}, heads=("head",))
    proof = prove(adapter, adapter)
    assert proof.equal
    assert proof.tensors == 1
    assert "equal to the bit" in str(proof)
    assert proof.to_mapping()["layers"][0]["error"] == 0


def test_rounding_of_a_fold_is_within_its_bound(llama_adapter):
    adapter = llama_adapter(fields=lambda path: {"scale": 3.0 if path == Q else 2.0})
    proof = prove(adapter, one_scale(adapter)[0])
    assert not proof.equal
    assert [layer.path for layer in proof.layers if not layer.equal] == [Q]
    assert 0 < proof.relative_error < 1e-6
    assert "3 of 4 ΔW are equal" in str(proof)


@pytest.mark.parametrize("change", ["value", "scale", "rows", "lost", "swapped"])
def test_a_wrong_update_is_refused(llama_adapter, change):
    before = llama_adapter("q_proj", "o_proj")
    pair, pairs = before.pairs[Q], dict(before.pairs)
    if change == "value":
        pairs[Q] = pair.replace(b=pair.b + 1e-5)
    elif change == "scale":
        pairs[Q] = pair.replace(scale=pair.scale * 1.001)
    elif change == "rows":
        pairs[Q] = pair.replace(b=pair.b.flip(0))
    elif change == "lost":
        del pairs[Q]
    else:
        other = Q.replace("q_proj", "o_proj")
        pairs[Q], pairs[other] = pairs[other], pairs[Q]
    with pytest.raises(AdapterFileError, match="nothing was written"):
        prove(before, before.replace(pairs=pairs))
    if change == "lost":
        with pytest.raises(AdapterFileError, match="would differ"):
            prove(before.replace(pairs=pairs), before)


def test_another_shape_is_refused(llama_adapter):
    before = llama_adapter("q_proj")
    cut = before.pairs[Q].replace(b=before.pairs[Q].b[:-1])
    with pytest.raises(AdapterFileError, match="has ΔW"):
        prove(before, before.replace(pairs={**before.pairs, Q: cut}))


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ({}, "would be lost"),
        ({"h": torch.zeros(2)}, "other values"),
        ({"h": torch.ones(2), "i": torch.ones(1)}, "would be new"),
    ],
)
def test_other_tensors_are_the_same_to_the_bit(llama_adapter, after, told):
    before = llama_adapter(whole={"h": torch.ones(2)})
    with pytest.raises(AdapterFileError, match=told):
        prove(before, before.replace(whole=after))
    with pytest.raises(AdapterFileError, match="would have other values"):
        prove(before, before.replace(whole={"h": torch.ones(2).half()}))


def test_zeros_stand_for_a_module_that_is_not_there(llama_adapter):
    before = llama_adapter("q_proj")
    zero = {p: x.replace(a=x.a * 0, b=x.b * 0) for p, x in llama_adapter("v_proj").pairs.items()}
    assert prove(before, before.replace(pairs={**before.pairs, **zero})).equal
