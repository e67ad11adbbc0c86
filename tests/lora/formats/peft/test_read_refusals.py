"""What load_adapter refuses, with the sentence that a user meets; the model stays as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from verilora import load_adapter
from verilora.errors import AdapterFileError

Saved = Callable[..., tuple[nn.Module, Path]]
Edit = Callable[..., None]
Change = Callable[[dict[str, Tensor]], None]
QUERY = "base_model.model.roberta.encoder.layer.0.attention.self.query"


@pytest.fixture
def directory(tiny: SimpleNamespace, saved: Saved) -> Path:
    return saved(tiny.roberta(), rank=2, alpha=4, modules_to_save=["classifier"])[1]


@pytest.fixture
def bare(directory: Path) -> Path:
    """As another program would have written it: without verilora.json."""
    (directory / "verilora.json").unlink()
    return directory


@pytest.fixture
def told(tiny: SimpleNamespace) -> Callable[[Path], str]:
    """The message with which a directory is refused; the model must be untouched."""

    def told(directory: Path) -> str:
        model = tiny.roberta()
        flags = {name: p.requires_grad for name, p in model.named_parameters()}
        with pytest.raises(AdapterFileError) as caught:
            load_adapter(model, directory)
        before, after = tiny.roberta().state_dict(), model.state_dict()
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)
        assert {name: p.requires_grad for name, p in model.named_parameters()} == flags
        assert not any(type(m).__name__.startswith("Lora") for m in model.modules())
        return str(caught.value)

    return told


def _rewrite(directory: Path, change: Change) -> None:
    path = directory / "adapter_model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def _renamed(old: str, new: str) -> Change:
    def change(tensors: dict[str, Tensor]) -> None:
        for name in [name for name in tensors if old in name]:
            tensors[name.replace(old, new, 1)] = tensors.pop(name)

    return change


def _put(name: str, tensor: Tensor) -> Change:
    return lambda tensors: tensors.update({name: tensor})


TENSORS: dict[str, tuple[Change, str]] = {
    "missing A": (
        lambda tensors: tensors.pop(f"{QUERY}.lora_A.weight"),
        f"the tensor '{QUERY}.lora_A.weight' is missing",
    ),
    "missing head": (
        lambda tensors: tensors.pop("base_model.model.classifier.dense.bias"),
        "the tensor 'base_model.model.classifier.dense.bias' is missing",
    ),
    "a layer's pair missing": (
        lambda tensors: [tensors.pop(f"{QUERY}.lora_{f}.weight") for f in "AB"],
        "adapter_config.json targets 'roberta.encoder.layer.0.attention.self.query', whose",
    ),
    "one more": (
        _put("base_model.model.roberta.embeddings.LayerNorm.bias2", torch.zeros(2)),
        "LayerNorm.bias2' belongs to nothing that is adapted",
    ),
    "one more pair": (
        lambda tensors: tensors.update(
            {
                f"{QUERY.replace('query', 'key')}.lora_{f}.weight": tensors[
                    f"{QUERY}.lora_{f}.weight"
                ].clone()
                for f in "AB"
            }
        ),
        "adapter_config.json does not target 'roberta.encoder.layer.0.attention.self.key'",
    ),
    "another shape": (
        _put(f"{QUERY}.lora_B.weight", torch.zeros(15, 2)),
        "lora_B.weight' has shape (15, 2); (16, 2) is wanted",
    ),
    "another rank": (
        lambda tensors: tensors.update(
            {
                f"{QUERY}.lora_A.weight": torch.zeros(3, 16),
                f"{QUERY}.lora_B.weight": torch.zeros(16, 3),
            }
        ),
        "lora_A.weight' has shape (3, 16); (2, 16) is wanted for rank 2",
    ),
    "transposed": (
        lambda tensors: tensors.update(
            {f"{QUERY}.lora_A.weight": tensors[f"{QUERY}.lora_A.weight"].t().contiguous()}
        ),
        "has shape (16, 2); (2, 16) is wanted",
    ),
    "whole numbers": (
        _put(f"{QUERY}.lora_A.weight", torch.zeros(2, 16, dtype=torch.int32)),
        "is torch.int32; a floating-point dtype is wanted",
    ),
    "NaN": (
        _put(f"{QUERY}.lora_A.weight", torch.full((2, 16), float("nan"))),
        "has 32 values that are NaN or infinite",
    ),
    "infinity in the head": (
        _put("base_model.model.classifier.dense.bias", torch.full((16,), float("inf"))),
        "classifier.dense.bias' has 16 values that are NaN or infinite",
    ),
    "no prefix": (_renamed("base_model.model.", ""), "do not start with 'base_model.model.'"),
    "prefix twice": (
        _renamed("base_model.model.", "base_model.model.base_model.model."),
        "start with 'base_model.model.' more than once",
    ),
    "one level more": (
        _renamed("base_model.model.", "base_model.model.body."),
        "holds such a one as 'body'; load it into that whole model",
    ),
    "one level less": (
        _renamed("base_model.model.roberta.", "base_model.model."),
        "load it into the module 'roberta'",
    ),
    "another name": (
        _renamed("layer.0.attention.self.query", "layer.0.attention.self.qurey"),
        "did you mean 'roberta.encoder.layer.0.attention.self.query'",
    ),
    "dora": (
        _put(f"{QUERY}.lora_magnitude_vector", torch.ones(16)),
        "lora_magnitude_vector' belongs to nothing that is adapted",
    ),
    "bias of the adapter": (
        _put(f"{QUERY}.lora_B.bias", torch.ones(16)),
        "is a bias of the adapter (lora_bias)",
    ),
    "single tokens": (
        _put("base_model.model.x.token_adapter.trainable_tokens_delta", torch.ones(1, 2)),
        "is single trained tokens",
    ),
    "factors of an embedding": (
        _renamed(f"{QUERY}.lora_A.weight", f"{QUERY}.lora_embedding_A"),
        "is missing",
    ),
    "a wrapper that nothing explains": (
        _renamed("self.query.lora", "self.query.base_layer.lora"),
        "is wrapped 2 times in the file",
    ),
    "a layer that is none": (
        _renamed("attention.self.query", "attention.output.LayerNorm"),
        "is LayerNorm, which has no weight to adapt",
    ),
}


@pytest.mark.parametrize("case", TENSORS)
def test_tensors_of_another_program(case: str, bare: Path, told: Callable[[Path], str]) -> None:
    change, sentence = TENSORS[case]
    _rewrite(bare, change)
    assert sentence in told(bare)


@pytest.mark.parametrize("case", TENSORS)
def test_tensors_beside_verilora_json(
    case: str, directory: Path, told: Callable[[Path], str]
) -> None:
    _rewrite(directory, TENSORS[case][0])
    assert "adapter_model.safetensors was changed since it was written" in told(directory)


def test_one_changed_number(directory: Path, told: Callable[[Path], str]) -> None:
    path = directory / "adapter_model.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert "adapter_model.safetensors was changed since it was written" in told(directory)


@pytest.mark.parametrize("changes", [{"lora_alpha": 40}, {"use_rslora": True}, {"r": 4}])
def test_an_edited_config(
    changes: dict[str, Any], directory: Path, told: Callable[[Path], str], edit: Edit
) -> None:
    edit(directory / "adapter_config.json", **changes)
    message = told(directory)
    assert "adapter_config.json was changed since it was written" in message
    assert "adapter_config.json states" in message


def test_an_alpha_edited_in_verilora_json(
    directory: Path, told: Callable[[Path], str], edit: Edit
) -> None:
    path = directory / "verilora.json"
    config = json.loads(path.read_text("utf-8"))["config"]
    edit(path, config={**config, "alpha": 40})
    message = told(directory)
    assert "states the scale 2 for" in message
    assert "it is 20 (alpha 40)" in message


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"r": 3}, "(3, 16) is wanted for rank 3"),
        ({"rank_pattern": {"query": 5}}, "(5, 16) is wanted for rank 5"),
        ({"lora_alpha": 0}, "lora_alpha is 0"),
        ({"use_dora": True}, "lora_magnitude_vector' is missing"),
        ({"init_lora_weights": "pissa"}, "changes the base before training"),
        ({"target_modules": ["query", "value", "key"]}, "whose updates are not in the file"),
        ({"modules_to_save": ["classifier", "pooler_x", "lm_head"]}, None),
        ({"modules_to_save": ["classifier", "LayerNorm"]}, "is missing"),
        ({"modules_to_save": None}, "belongs to nothing that is adapted"),
        ({"target_parameters": ["query.weight", "query.bias"]}, "one inside the other; found 1"),
    ],
)
def test_configs_of_another_program(
    changes: dict[str, Any],
    sentence: str | None,
    bare: Path,
    told: Callable[[Path], str],
    tiny: SimpleNamespace,
    edit: Edit,
) -> None:
    edit(bare / "adapter_config.json", **changes)
    if sentence is None:
        load_adapter(tiny.roberta(), bare)
    else:
        assert sentence in told(bare)


def test_a_rank_above_the_layer_s_size(
    tiny: SimpleNamespace, bare: Path, told: Callable[[Path], str], edit: Edit
) -> None:
    def widen(tensors: dict[str, Tensor]) -> None:
        for name in [name for name in tensors if "lora_" in name]:
            tensors[name] = torch.zeros(17, 16) if "lora_A" in name else torch.zeros(16, 17)

    _rewrite(bare, widen)
    edit(bare / "adapter_config.json", r=17)
    assert "rank 17 is above the size of" in told(bare)


def test_a_config_that_does_not_fit_the_model(directory: Path, tiny: SimpleNamespace) -> None:
    with pytest.raises(AdapterFileError, match=r"does not fit the model(.|\n)*'query' matches no"):
        load_adapter(tiny.gpt2(), directory)


def test_a_tie_that_the_adapter_s_base_did_not_have(tiny: SimpleNamespace, saved: Saved) -> None:
    _, directory = saved(tiny.llama(), rank=2, target_modules=["lm_head"])
    with pytest.raises(AdapterFileError, match="weight of lm_head is also model"):
        load_adapter(tiny.llama(tied=True), directory)


def test_rows_of_parts_that_another_model_has(tiny: SimpleNamespace, saved: Saved) -> None:
    config = {"rank": 2, "target_modules": ["c_attn"], "fused": {"c_attn": ["q"]}}
    _, directory = saved(tiny.gpt2(), **config)
    other = tiny.gpt2()
    other.config.num_key_value_heads = 1
    other.config.n_embd, other.config.n_head = 24, 2
    other.config.hidden_size, other.config.num_attention_heads = 24, 2
    with pytest.raises(AdapterFileError, match=r"c_attn' as .*'rows': \[0, 16\]"):
        load_adapter(other, directory)


def test_all_faults_are_told_together(bare: Path, told: Callable[[Path], str], edit: Edit) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors.pop(f"{QUERY}.lora_A.weight")
        tensors[f"{QUERY}.lora_B.weight"] = torch.zeros(15, 2)

    _rewrite(bare, change)
    edit(bare / "adapter_config.json", alpha_pattern={"value": 3}, target_modules=["query"])
    message = told(bare)
    assert "lora_A.weight' is missing" in message
    assert "has shape (15, 2)" in message
    assert "does not target" in message
