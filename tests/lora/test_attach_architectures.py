"""The whole life of an adapter on tiny models of real architectures from transformers."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora.lora import adapter_parameters, attach, detach, explain, merge, unmerge
from verilora.lora.attachment import updates_of
from verilora.lora.update import LowRankUpdate
from verilora.records.adapter import LoraConfig

Build = Callable[[str], tuple[nn.Module, dict[str, Tensor]]]
Train = Callable[..., nn.Module]
Answer = Callable[..., Tensor]
EXPERTS = ("experts.gate_up_proj", "experts.down_proj")
CONFIGS: dict[str, dict[str, Any]] = {
    "roberta": {"target_modules": ["query", "value"], "modules_to_save": ["classifier"]},
    "deberta": {
        "target_modules": ["query_proj", "value_proj", "rel_embeddings", "word_embeddings"],
        "modules_to_save": ["pooler", "classifier"],
    },
    "roformer": {"target_modules": "all-linear", "modules_to_save": ["classifier"]},
    "gpt2": {"target_modules": ["c_attn", "c_proj"], "fused": {"c_attn": ["q", "v"]}},
    "llama": {"target_modules": "all-linear"},
    "llama-tied": {"target_modules": ["q_proj", "embed_tokens"], "tied": "shared"},
    "phi3": {"target_modules": ["qkv_proj"], "fused": {"qkv_proj": ["q", "v"]}},
    "mixtral": {"target_modules": ["q_proj"], "target_parameters": EXPERTS},
    "t5": {"target_modules": ["q", "v", "wo", "lm_head"], "tied": "untie"},
    "switch": {"target_modules": ["q", "v", "wi", "wo"]},
    "vit": {"target_modules": "all-linear", "modules_to_save": ["classifier"]},
    "resnet": {"target_modules": ["convolution"], "modules_to_save": ["classifier"]},
}
EVERY = pytest.mark.parametrize("name", CONFIGS)


def config(name: str) -> LoraConfig:
    return LoraConfig(rank=2, alpha=4, **CONFIGS[name])


@EVERY
def test_right_after_attach_the_answer_is_the_same(name: str, build: Build, answer: Answer) -> None:
    model, batch = build(name)
    before, keys = answer(model, batch), list(model.state_dict())
    attach(model, config(name))
    assert torch.equal(answer(model, batch), before)
    assert [key for key in model.state_dict() if ".lora." not in key] == keys


@EVERY
def test_gradients_reach_every_update_and_no_base_weight(
    name: str, build: Build, train: Train
) -> None:
    model, batch = build(name)
    train(attach(model, config(name))).train()
    model(**batch).logits.square().sum().backward()
    reached = {id(p) for p in model.parameters() if p.grad is not None}
    wanted = {id(p) for p in adapter_parameters(model)}
    assert reached <= wanted
    idle = [n for n, p in model.named_parameters() if id(p) in wanted - reached]
    # An expert that no token of the batch was sent to is not used at all.
    assert all(name == "switch" and "expert" in n for n in idle), idle
    updates = [m for m in model.modules() if isinstance(m, LowRankUpdate)]
    assert sum(bool(u.B.grad is not None and u.B.grad.any()) for u in updates) > len(updates) / 2


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_merged_is_unmerged_and_undone_to_the_bit(
    name: str, dtype: torch.dtype, build: Build, train: Train, answer: Answer
) -> None:
    model, batch = build(name)
    model = model.to(dtype)
    batch = {k: v.to(dtype) if v.is_floating_point() else v for k, v in batch.items()}
    train(attach(model, config(name)))
    unmerged = answer(model, batch)
    assert unmerged.dtype == dtype
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    for _ in range(4):
        report = merge(model, batch)
        torch.testing.assert_close(answer(model, batch), unmerged, rtol=0.1, atol=0.1)
        unmerge(model)
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[key]) for key, tensor in before.items())
    assert torch.equal(answer(model, batch), unmerged)
    if dtype == torch.float32:
        assert report.probe_difference is not None and report.probe_difference < 1e-5


@EVERY
def test_detach_gives_the_very_model_back(
    name: str, build: Build, train: Train, answer: Answer, state: Callable[..., Any]
) -> None:
    model, batch = build(name)
    base, before = answer(model, batch), state(model)
    train(attach(model, config(name)))
    assert not torch.equal(answer(model, batch), base)
    assert state(detach(model)) == before
    assert torch.equal(answer(model, batch), base)


@EVERY
def test_copies_and_files_answer_alike(
    name: str, build: Build, train: Train, answer: Answer
) -> None:
    model, batch = build(name)
    train(attach(model, config(name)))
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    for other in (copy.deepcopy(model), torch.load(file, weights_only=False)):
        assert torch.equal(answer(other, batch), answer(model, batch))
        assert str(explain(other)) == str(explain(model))
        detach(other)
    assert explain(model)


@EVERY
def test_a_state_dict_goes_round(name: str, build: Build, train: Train, answer: Answer) -> None:
    model, batch = build(name)
    train(attach(model, config(name)))
    other = attach(build(name)[0], config(name).replace(seed=9))
    other.load_state_dict(model.state_dict())
    assert torch.equal(answer(other, batch), answer(model, batch))


@EVERY
def test_merged_and_saved_it_loads_as_a_plain_model(
    name: str, build: Build, train: Train, answer: Answer, tmp_path: Path
) -> None:
    model, batch = build(name)
    train(attach(model, config(name)))
    merge(model)
    model.save_pretrained(tmp_path)
    plain = type(model).from_pretrained(tmp_path).eval()
    assert not any("lora" in key for key in plain.state_dict())
    torch.testing.assert_close(answer(plain, batch), answer(model, batch), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["roberta", "gpt2", "llama-tied", "resnet"])
def test_saved_unmerged_the_base_keys_are_all_there(
    name: str, build: Build, train: Train, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    model, _ = build(name)
    model.save_pretrained(tmp_path / "base")
    train(attach(model, config(name)))
    model.save_pretrained(tmp_path / "adapted")
    base, adapted = (
        load_file(tmp_path / part / "model.safetensors") for part in ("base", "adapted")
    )
    assert base.keys() <= adapted.keys()
    whole = config(name).modules_to_save
    frozen = [key for key in base if not key.startswith(whole)]
    assert all(torch.equal(base[key], adapted[key]) for key in frozen)


def test_relative_embeddings_that_deberta_reads_whole_carry_the_adapter(
    build: Build, train: Train, answer: Answer
) -> None:
    model, batch = build("deberta")
    before = answer(model, batch)
    attach(model, LoraConfig(2, target_modules=["rel_embeddings"]))
    assert explain(model)[0].way == "weight"
    assert (answer(train(model, 1.0), batch) - before).abs().max() > 1e-4


def test_a_switch_models_experts_are_adapted_one_by_one(build: Build) -> None:
    model, _ = build("switch")
    attach(model, LoraConfig(2, target_modules=["expert_1.wi"]))
    found = [layer.path for layer in explain(model)]
    assert found and all(path.endswith("mlp.experts.expert_1.wi") for path in found)


def test_grouped_heads_have_their_own_sizes(build: Build) -> None:
    model, _ = build("llama")
    attach(model, LoraConfig(2, target_modules=["q_proj", "k_proj"]))
    sizes = {
        name: updates_of(model, f"model.layers.0.self_attn.{name}")["weight"].B.shape[0]
        for name in ("q_proj", "k_proj")
    }
    assert sizes == {"q_proj": 16, "k_proj": 8}
