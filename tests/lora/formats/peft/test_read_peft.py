"""What PEFT writes is read here, and computes the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from verilora import explain, load_adapter, merge
from verilora.errors import AdapterFileError

PeftSaves = Callable[..., tuple[nn.Module, Path]]
Answer = Callable[[nn.Module, Tensor], Tensor]
Edit = Callable[..., None]

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "linear and head": (
        "roberta",
        {"r": 4, "target_modules": ["query", "value"], "task_type": "SEQ_CLS"},
    ),
    "all-linear": ("roberta", {"r": 2, "target_modules": "all-linear"}),
    "regex": ("roberta", {"r": 2, "target_modules": r".*layer\.1\..*(query|key)"}),
    "layers and exclusions": (
        "roberta",
        {
            "target_modules": ["dense", "key"],
            "layers_to_transform": [1],
            "exclude_modules": ["output.dense"],
        },
    ),
    "rank and alpha patterns": (
        "roberta",
        {
            "target_modules": ["query", "value"],
            "lora_alpha": 3,
            "lora_dropout": 0.1,
            "rank_pattern": {"layer.0.attention.self.query": 2, r"layer.\d.*.value": 3},
            "alpha_pattern": {"value": 5, r"^roberta.encoder.layer.1.attention.self.query": 7},
        },
    ),
    "rslora": ("roberta", {"r": 4, "target_modules": ["query"], "use_rslora": True}),
    "names that match nothing": ("roberta", {"target_modules": ["query", "q_proj"]}),
    "embedding": ("roberta", {"r": 3, "target_modules": ["word_embeddings", "query"]}),
    "conv1d of gpt-2": ("gpt2", {"r": 3, "target_modules": ["c_attn", "c_proj", "wte"]}),
    "experts": (
        "mixtral",
        {
            "r": 2,
            "target_modules": ["q_proj"],
            "target_parameters": ["experts.gate_up_proj", "experts.down_proj"],
        },
    ),
    "embeddings saved whole beside": ("llama", {"target_modules": ["embed_tokens", "lm_head"]}),
    "a gaussian start": ("llama", {"target_modules": ["q_proj"], "init_lora_weights": "gaussian"}),
    "a start in both": ("llama", {"target_modules": ["q_proj"], "init_lora_weights": False}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_is_computed(
    case: str, tiny: SimpleNamespace, peft_saves: PeftSaves, answer: Answer
) -> None:
    maker, config = CASES[case]
    make = getattr(tiny, maker)
    theirs, directory = peft_saves(make(), **config)
    ours = load_adapter(make(), directory)
    assert (answer(ours, tiny.ids) - answer(make(), tiny.ids)).abs().max() > 1e-2
    torch.testing.assert_close(
        answer(ours, tiny.ids), answer(theirs, tiny.ids), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    "config",
    [
        {"target_modules": ["embed_tokens"]},
        {"target_modules": ["lm_head"]},
        {"target_modules": ["embed_tokens", "lm_head"]},
        {"target_modules": ["embed_tokens"], "ensure_weight_tying": True},
        {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]},
        {
            "target_modules": ["q_proj"],
            "modules_to_save": ["embed_tokens"],
            "ensure_weight_tying": True,
        },
    ],
)
def test_tied_weights_are_adapted_where_peft_adapts_them(
    config: dict[str, Any], tiny: SimpleNamespace, peft_saves: PeftSaves, answer: Answer
) -> None:
    theirs, directory = peft_saves(tiny.llama(tied=True), r=2, **config)
    ours = load_adapter(tiny.llama(tied=True), directory)
    torch.testing.assert_close(answer(ours, tiny.ids), answer(theirs, tiny.ids))
    # Unlike PEFT's own merge, which adds to the weight that both share.
    before = answer(ours, tiny.ids)
    merge(ours)
    torch.testing.assert_close(answer(ours, tiny.ids), before, rtol=1e-4, atol=1e-4)


def _one_convolution(dimensions: int, **options: Any) -> nn.Module:
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dimensions - 1]
    return nn.Sequential(kind(4, 6, 3, **options))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}])
def test_convolutions(
    dimensions: int,
    options: dict[str, Any],
    tiny: SimpleNamespace,
    peft_saves: PeftSaves,
    answer: Answer,
) -> None:
    def make() -> nn.Module:
        return tiny.seeded(lambda: _one_convolution(dimensions, **options))

    theirs, directory = peft_saves(make(), r=2, target_modules=["0"])
    x = torch.randn(2, 4, *[7] * dimensions, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(answer(load_adapter(make(), directory), x), answer(theirs, x))


@pytest.mark.parametrize("options", [{"dilation": 2}, {"padding_mode": "circular", "padding": 1}])
def test_convolutions_that_peft_gets_wrong(
    options: dict[str, Any], tiny: SimpleNamespace, peft_saves: PeftSaves, answer: Answer
) -> None:
    # PEFT's lora_A has neither dilation nor padding mode (peft#3697), so that its own output is no
    # oracle: the dense ΔW of its factors, convolved as the base's weight is, is the truth.
    def make() -> nn.Module:
        return tiny.seeded(lambda: _one_convolution(2, **options))

    _, directory = peft_saves(make(), r=2, lora_alpha=6, target_modules=["0"])
    found = load_file(directory / "adapter_model.safetensors")
    a, b = (found[f"base_model.model.0.lora_{factor}.weight"] for factor in "AB")
    dense = make()
    with torch.no_grad():
        dense[0].weight += 3 * torch.einsum("orij,rckl->ockl", b, a)
    x = torch.randn(2, 4, 7, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(answer(load_adapter(make(), directory), x), answer(dense, x))


def test_a_convolution_whose_groups_are_mixed_is_refused(
    tiny: SimpleNamespace, peft_saves: PeftSaves
) -> None:
    def make() -> nn.Module:
        return tiny.seeded(lambda: _one_convolution(2, groups=2))

    _, directory = peft_saves(make(), r=4, target_modules=["0"])
    with pytest.raises(AdapterFileError, match="'0' mixes the groups of the convolution"):
        load_adapter(make(), directory)


def test_groups_that_read_alike_are_recognised(
    tiny: SimpleNamespace, peft_saves: PeftSaves, answer: Answer
) -> None:
    def make() -> nn.Module:
        return tiny.seeded(lambda: _one_convolution(1, groups=2))

    _, directory = peft_saves(make(), r=4, lora_alpha=8, target_modules=["0"])
    kernel = torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(0))
    placed = torch.zeros(4, 4, 3)
    placed[:2, :2], placed[2:, 2:] = kernel, kernel
    path = directory / "adapter_model.safetensors"
    found = load_file(path) | {"base_model.model.0.lora_A.weight": placed}
    save_file(found, path, metadata={"format": "pt"})
    ours = load_adapter(make(), directory)
    assert explain(ours)[0].rank == 2
    assert explain(ours)[0].scale == 2
    b = found["base_model.model.0.lora_B.weight"].flatten(1)
    weight = make()[0].weight + 2 * torch.einsum("or,rck->ock", b, kernel)
    x = torch.randn(2, 4, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(answer(ours, x), F.conv1d(x, weight, make()[0].bias, groups=2))


def test_both_orders_of_nested_parameters(
    tiny: SimpleNamespace, peft_saves: PeftSaves, answer: Answer
) -> None:
    theirs, directory = peft_saves(
        tiny.mixtral(),
        r=2,
        target_modules=[],
        target_parameters=["experts.gate_up_proj", "experts.down_proj"],
    )
    path = directory / "adapter_model.safetensors"
    found = load_file(path)
    inner = {name.replace(".base_layer", "") for name in found if ".base_layer" in name}
    turned = {
        name.replace(".base_layer", "")
        if ".base_layer" in name
        else name.replace(".experts.", ".experts.base_layer."): tensor
        for name, tensor in found.items()
    }
    assert inner == found.keys() & turned.keys() - {n for n in found if ".base_layer" in n}
    save_file(turned, path, metadata={"format": "pt"})
    ours = load_adapter(tiny.mixtral(), directory)
    torch.testing.assert_close(answer(ours, tiny.ids), answer(theirs, tiny.ids))


def test_an_attention_adapted_as_a_whole_is_refused(
    tiny: SimpleNamespace, peft_saves: PeftSaves
) -> None:
    _, directory = peft_saves(tiny.attention(), r=2, target_modules=["attn"])
    with pytest.raises(AdapterFileError, match="out_proj twice"):
        load_adapter(tiny.attention(), directory)


def test_a_file_of_an_old_peft(
    tiny: SimpleNamespace, peft_saves: PeftSaves, answer: Answer, edit: Edit
) -> None:
    theirs, directory = peft_saves(tiny.roberta(), r=2, target_modules=["query"])
    config = directory / "adapter_config.json"
    old = {
        "peft_type": "LORA",
        "r": 2,
        "lora_alpha": 8,
        "lora_dropout": 0.0,
        "target_modules": ["query"],
        "bias": "none",
        "enable_lora": None,
        "merge_weights": False,
        "fan_in_fan_out": False,
        "inference_mode": True,
        "task_type": "SEQ_CLS",
        "modules_to_save": None,
        "base_model_name_or_path": "some/where",
    }
    config.write_text("{}", "utf-8")
    edit(config, **old)
    ours = load_adapter(tiny.roberta(), directory)
    torch.testing.assert_close(answer(ours, tiny.ids), answer(theirs, tiny.ids))


def test_a_base_whose_embedding_peft_kept_is_checked(
    tiny: SimpleNamespace, peft_saves: PeftSaves
) -> None:
    _, directory = peft_saves(tiny.llama(), r=2, target_modules=["embed_tokens"])
    other = tiny.llama()
    with torch.no_grad():
        other.model.embed_tokens.weight[3, 3] += 1
    with pytest.raises(AdapterFileError, match=r"embed_tokens\.base_layer\.weight.*other values"):
        load_adapter(other, directory)
    load_adapter(other, directory, check_base=False)


def test_a_resized_vocabulary_is_told(tiny: SimpleNamespace, peft_saves: PeftSaves) -> None:
    _, directory = peft_saves(tiny.llama(), r=2, target_modules=["q_proj", "lm_head"])
    other = tiny.llama()
    other.resize_token_embeddings(40)
    with pytest.raises(AdapterFileError) as caught:
        load_adapter(other, directory)
    assert "shape" in str(caught.value)
    assert "lm_head" in str(caught.value)
