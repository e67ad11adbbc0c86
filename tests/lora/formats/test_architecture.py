"""Sizes and heads from a config.json."""

from __future__ import annotations

import json

import pytest

from verilora.errors import ModelError
from verilora.lora.formats.architecture import architecture_of, llama_paths, read_architecture


def test_grouped_queries(llama_settings):
    found = architecture_of(llama_settings)
    assert found.head_size == 4
    assert found.shape_of("q_proj") == (16, 16)
    assert found.shape_of("k_proj") == (8, 16)
    assert found.shape_of("down_proj") == (16, 24)
    assert (found.heads_of("q_proj"), found.heads_of("v_proj")) == (4, 2)
    assert architecture_of({**llama_settings, "head_dim": 6}).shape_of("o_proj") == (16, 24)


def test_gpt2s_names_and_a_text_model_inside_another():
    found = architecture_of({"model_type": "gpt2", "n_head": 2, "n_embd": 8, "n_layer": 3})
    assert (found.heads, found.key_value_heads, found.head_size, found.layers) == (2, 2, 4, 3)
    outer = {"model_type": "llava", "text_config": {"model_type": "llama", "hidden_size": 8}}
    assert architecture_of(outer).model_type == "llama"


def test_labels():
    assert architecture_of({"id2label": {"0": "a", "1": "b", "2": "c"}}).labels == 3
    assert architecture_of({}).labels is None


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(ModelError, match="does not give its layers"):
        architecture_of({"model_type": "odd", "n_layer": True}).depth()
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    assert read_architecture(tmp_path) == read_architecture(tmp_path / "config.json")
    with pytest.raises(ModelError, match=r"a model's config.json is wanted"):
        read_architecture(tmp_path / "absent")


def test_paths_layer_by_layer():
    assert list(llama_paths(("q_proj", "up_proj"), 2)) == [
        "model.layers.0.self_attn.q_proj",
        "model.layers.0.mlp.up_proj",
        "model.layers.1.self_attn.q_proj",
        "model.layers.1.mlp.up_proj",
    ]
