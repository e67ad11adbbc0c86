"""Blank pairs: zeros where a format wants every layer, and gone again."""

from __future__ import annotations

import pytest

from verilora.lora.formats.architecture import architecture_of
from verilora.lora.formats.fill import filled, is_blank, without_blank

GROUPS = (("q_proj",), ("v_proj",), ("gate_proj", "up_proj", "down_proj"))


@pytest.fixture
def sparse(llama_adapter):
    whole = llama_adapter("q_proj", "gate_proj")
    return whole.replace(pairs={p: x for p, x in whole.pairs.items() if ".0." in p})


def test_a_group_is_filled_in_every_layer_and_others_are_not(sparse, llama_settings):
    found = filled(sparse, GROUPS, architecture=architecture_of(llama_settings))
    names = {path.removeprefix("model.layers.") for path in found.pairs}
    mlp = {f"{i}.mlp.{n}_proj" for i in (0, 1) for n in ("gate", "up", "down")}
    assert names == {"0.self_attn.q_proj", "1.self_attn.q_proj"} | mlp
    assert found.pairs["model.layers.1.mlp.down_proj"].shape == (16, 24)
    assert sum(map(is_blank, found.pairs.values())) == 6
    assert "factors of zeros are added for 6 modules not adapted" in found.notes[0]
    back = without_blank(found)
    assert back.pairs == sparse.pairs


def test_nothing_to_fill_and_nothing_to_drop(llama_adapter, llama_settings):
    adapter = llama_adapter("q_proj")
    assert filled(adapter, GROUPS, architecture=architecture_of(llama_settings)) is adapter
    assert without_blank(adapter) is adapter


def test_an_untrained_pair_is_not_blank(make_pair):
    pair = make_pair(4, 4)
    assert not is_blank(pair.replace(b=pair.b * 0))
    assert is_blank(pair.replace(a=pair.a * 0, b=pair.b * 0))
