"""The base of an adapter is loaded as the kind of model, and in the dtype, that it was made on."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig as PeftConfig
from peft import get_peft_model
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
)

from verilora.cli.bases import load_base, probe_for
from verilora.cli.contents import read_contents
from verilora.errors import ModelError
from verilora.lora import attach
from verilora.lora.formats import save_adapter
from verilora.records.adapter import LoraConfig


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    """A tiny causal model in bfloat16, without a tokenizer."""
    directory = tmp_path_factory.mktemp("llama")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=32, intermediate_size=16, **sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(directory)
    return directory


@pytest.fixture
def of_peft(llama, tmp_path):
    """An adapter that PEFT wrote, with B not zero."""
    model = AutoModelForCausalLM.from_pretrained(llama)
    config = PeftConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.constant_(parameter, 0.02)
    adapted.save_pretrained(tmp_path / "peft")
    return tmp_path / "peft"


pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # peft's


def test_a_classifier_gets_as_many_labels_as_its_head_has_rows(tiny_base, tmp_path):
    model = AutoModelForSequenceClassification.from_pretrained(tiny_base, num_labels=5)
    config = LoraConfig(rank=1, target_modules=["query"], modules_to_save=["classifier"])
    save_adapter(attach(model, config), tmp_path / "adapter")
    loaded, tokenizer = load_base(str(tiny_base), read_contents(tmp_path / "adapter"))
    assert type(loaded).__name__ == "BertForSequenceClassification"
    assert loaded.config.num_labels == 5
    assert loaded.dtype == torch.float32
    assert not loaded.training
    assert tokenizer is not None


def test_an_adapter_of_a_plain_encoder_gets_one(tiny_base, tmp_path):
    model = attach(AutoModel.from_pretrained(tiny_base), LoraConfig(rank=1))
    save_adapter(model, tmp_path / "adapter")
    loaded, _ = load_base(str(tiny_base), read_contents(tmp_path / "adapter"))
    assert type(loaded).__name__ == "BertModel"


def test_pefts_own_word_for_the_kind_is_understood(llama, of_peft):
    loaded, tokenizer = load_base(str(llama), read_contents(of_peft))
    assert type(loaded).__name__ == "LlamaForCausalLM"
    assert loaded.dtype == torch.bfloat16
    assert tokenizer is None


def test_the_dtype_is_that_of_the_digests(llama, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32)
    save_adapter(attach(model, LoraConfig(rank=1, target_modules=["q_proj"])), tmp_path / "a")
    loaded, _ = load_base(str(llama), read_contents(tmp_path / "a"))
    assert loaded.dtype == torch.float32


def test_loading_draws_nothing_from_the_global_random_state(tiny_base, trained):
    before = torch.get_rng_state()
    load_base(str(tiny_base), read_contents(trained))
    assert torch.equal(torch.get_rng_state(), before)


def test_another_kind_of_model_is_a_sentence(llama, trained):
    with pytest.raises(ModelError, match="it is not the base that the adapter was made on"):
        load_base(str(llama), read_contents(trained))


def test_an_adapter_of_peft_is_merged_in_its_own_dtype(verilora, llama, of_peft, tmp_path):
    told = verilora("merge", of_peft, "--base", llama, "--out", tmp_path / "merged")
    assert told.status == 0
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert merged.dtype == torch.bfloat16
    base = AutoModelForCausalLM.from_pretrained(llama)
    changed = [
        n for n, t in merged.state_dict().items() if not torch.equal(t, base.state_dict()[n])
    ]
    assert changed == ["model.layers.0.self_attn.q_proj.weight"]


def test_a_probe_is_found_or_none(tiny_base):
    assert probe_for(AutoModel.from_pretrained(tiny_base))["input_ids"].shape[0] == 1
    assert probe_for(torch.nn.Linear(2, 2)) is None
