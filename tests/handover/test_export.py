"""A merged directory loads elsewhere, is the merged model to the bit, and proves it."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import Any

import pytest
import safetensors.torch
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
)

from verilora.errors import ConfigError, MergeError, OutputError
from verilora.handover.export import export_merged
from verilora.lora import adapter_parameters, attach
from verilora.records.adapter import LoraConfig

PROBE = {"input_ids": torch.tensor([[3, 5, 9, 11], [4, 6, 10, 12]])}
Q = {"target_modules": ["q_proj", "v_proj"]}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": Q,
    "dora": {**Q, "weight_rule": "dora"},
    "pissa": {**Q, "init": "pissa"},
    "olora": {**Q, "init": "olora"},
    "head": {**Q, "modules_to_save": ["lm_head"]},
    "everything": {"target_modules": "all-linear"},
}
ELSEWHERE = """
import sys, torch, transformers
kind, directory, out = sys.argv[1:]
model = getattr(transformers, kind).from_pretrained(directory).eval()
with torch.no_grad():
    torch.save(model(input_ids=torch.tensor([[3, 5, 9, 11], [4, 6, 10, 12]])).logits, out)
assert not any(name.partition(".")[0] in ("verilora", "peft") for name in sys.modules)
"""


def moved(model: Any, config: LoraConfig) -> Any:
    """Attached, and away from the start."""
    attach(model.eval(), config)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in adapter_parameters(model):
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
    return model


def answer(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(**PROBE).logits


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_read_elsewhere_answers_as_base_and_adapter(llama, tmp_path, name):
    base = copy.deepcopy(llama.eval())
    model = moved(llama, LoraConfig(2, **VARIANTS[name]))
    wanted = answer(model)
    done = export_merged(model, tmp_path / "out", probe=PROBE)
    read = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    torch.testing.assert_close(answer(read), wanted, rtol=1e-4, atol=1e-5)
    assert (answer(read) - answer(base)).abs().max() > 1e-2
    assert done.tensors == len(base.state_dict())
    assert done.difference == pytest.approx(float((answer(read) - wanted).abs().max()), abs=1e-7)
    assert done.difference is not None
    assert done.difference < 1e-4
    assert "read again: 21 tensors equal to the bit; the probe is answered within" in str(done)
    assert json.loads(json.dumps(done.to_mapping()))["tolerance"] == 1e-4


@pytest.mark.parametrize("tied", ["shared", "untie"])
def test_gpt2_with_a_tied_output_layer(gpt2, tmp_path, tied):
    config = LoraConfig(2, target_modules=["wte", "c_proj"], tied=tied)
    model = moved(gpt2, config)
    wanted = answer(model)
    export_merged(model, tmp_path / "out", probe=PROBE)
    read = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    torch.testing.assert_close(answer(read), wanted, rtol=1e-4, atol=1e-5)
    assert (read.lm_head.weight is read.transformer.wte.weight) == (tied == "shared")


def test_trained_biases(gpt2, tmp_path):
    model = moved(gpt2, LoraConfig(2, target_modules=["c_attn"], bias="all"))
    wanted = answer(model)
    export_merged(model, tmp_path / "out", probe=PROBE)
    read = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    torch.testing.assert_close(answer(read), wanted, rtol=1e-4, atol=1e-5)


def test_a_process_that_does_not_know_of_verilora_reads_it(llama, tmp_path, tokenizer):
    model = moved(llama, LoraConfig(2, **Q))
    export_merged(model, tmp_path / "out", tokenizer=tokenizer, probe=PROBE)
    call = [sys.executable, "-c", ELSEWHERE, "AutoModelForCausalLM", tmp_path / "out"]
    subprocess.run([*call, tmp_path / "logits.pt"], check=True, capture_output=True, timeout=120)
    assert torch.equal(torch.load(tmp_path / "logits.pt"), answer(model))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"} <= names
    read = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert read("the cat")["input_ids"] == tokenizer("the cat")["input_ids"]


def test_a_classifier_keeps_the_head_of_the_adapter(tmp_path):
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=15, intermediate_size=24, num_labels=5, **sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertForSequenceClassification(config)
    moved(model, LoraConfig(2, target_modules=["query"], modules_to_save=["classifier"]))
    head = model.classifier.weight.detach().clone()
    done = export_merged(model, tmp_path / "out", probe=PROBE)
    read = BertForSequenceClassification.from_pretrained(tmp_path / "out")
    assert torch.equal(read.classifier.weight, head)
    assert done.difference is not None


def test_the_dtype_is_kept_and_large_weights_go_into_several_files(llama, tmp_path):
    model = moved(llama.bfloat16(), LoraConfig(2, **Q))
    done = export_merged(model, tmp_path / "out", probe=PROBE, shard="2KB")
    files = sorted((tmp_path / "out").glob("model-*.safetensors"))
    assert len(files) > 2
    assert (tmp_path / "out" / "model.safetensors.index.json").is_file()
    tensors = [t for path in files for t in safetensors.torch.load_file(path).values()]
    assert {tensor.dtype for tensor in tensors} == {torch.bfloat16}
    assert done.tolerance == 0.1
    assert dict(done.files)["config.json"] == (tmp_path / "out" / "config.json").stat().st_size


@pytest.mark.parametrize("fault", ["value", "dtype", "missing"])
def test_what_comes_back_as_another_model_is_not_left(llama, tmp_path, monkeypatch, fault):
    """A disk or a library that changes what it writes: nothing stays behind."""
    model = moved(llama, LoraConfig(2, **Q))
    write = type(model).save_pretrained

    def spoil(self: Any, directory: Any, **fields: Any) -> None:
        write(self, directory, **fields)
        path = directory / "model.safetensors"
        tensors = safetensors.torch.load_file(path)
        name = "model.layers.1.mlp.up_proj.weight"
        if fault == "value":
            tensors[name][0, 0] += 1
        elif fault == "dtype":
            tensors = {n: t.half() for n, t in tensors.items()}
        else:
            del tensors[name]
        safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})

    monkeypatch.setattr(type(model), "save_pretrained", spoil)
    with pytest.raises(MergeError, match=r"read again after writing, and .*nothing is left"):
        export_merged(model, tmp_path / "out", probe=PROBE)
    assert list(tmp_path.iterdir()) == []


def test_an_answer_too_far_from_base_and_adapter_is_not_left(llama, tmp_path, monkeypatch):
    model = moved(llama, LoraConfig(2, **Q))
    monkeypatch.setattr("verilora.handover.export.TOLERANCES", {torch.float32: -1.0})
    with pytest.raises(MergeError, match="answers the probe otherwise"):
        export_merged(model, tmp_path / "out", probe=PROBE)
    assert list(tmp_path.iterdir()) == []


def test_only_a_model_is_replaced_and_only_when_asked(llama, tmp_path):
    model = moved(llama, LoraConfig(2, **Q))
    out = tmp_path / "out"
    out.mkdir()
    (out / "letters.txt").write_text("mine")
    for overwrite, told in ((False, "nothing is overwritten unasked"), (True, "holds no model")):
        with pytest.raises(OutputError, match=told):
            export_merged(copy.deepcopy(model), out, overwrite=overwrite)
    assert [path.name for path in out.iterdir()] == ["letters.txt"]
    there = tmp_path / "there"
    export_merged(copy.deepcopy(model), there)
    (there / "old.txt").write_text("of the old model")
    with pytest.raises(OutputError, match="nothing is overwritten unasked"):
        export_merged(copy.deepcopy(model), there)
    done = export_merged(model, there, overwrite=True)
    assert not (there / "old.txt").exists()
    assert done.difference is None
    assert "no probe batch is known" in str(done)


@pytest.mark.parametrize("shard", ["", "5 GB", "0GB", "many", "-1MB"])
def test_a_size_that_is_none_is_told(llama, tmp_path, shard):
    with pytest.raises(ConfigError, match="a size such as 5GB is wanted"):
        export_merged(llama, tmp_path / "out", shard=shard)
