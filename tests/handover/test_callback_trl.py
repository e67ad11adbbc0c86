"""An adapted model in TRL's trainers; the reference of DPO is the same model, adapter off."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset, disable_progress_bars, enable_progress_bars
from transformers.utils import logging
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from verilora.errors import SelfCheckError
from verilora.handover.callback import SaveAdapter
from verilora.lora import BaseOnly, attach
from verilora.lora.formats import load_adapter
from verilora.records.adapter import LoraConfig

CONFIG = LoraConfig(4, 16, target_modules=["q_proj", "v_proj"])
TEXTS = ["the cat is warm </s>", "a dog was cold </s>", "the sun is new </s>", "a sea was old </s>"]
PAIRS = [
    {"prompt": "the cat", "chosen": " is warm", "rejected": " was cold"},
    {"prompt": "a dog", "chosen": " is new", "rejected": " was old"},
] * 4
QUIET: dict[str, Any] = {
    "report_to": [],
    "disable_tqdm": True,
    "use_cpu": True,
    "bf16": False,
    "logging_steps": 1,
    "max_steps": 6,
    "per_device_train_batch_size": 4,
    "learning_rate": 0.02,
    "gradient_checkpointing": False,
}

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*gradient_checkpointing:FutureWarning", "ignore::DeprecationWarning"
)


@pytest.fixture(autouse=True)
def silence():
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    disable_progress_bars()
    yield
    logging.set_verbosity(before)
    logging.enable_progress_bar()
    enable_progress_bars()


@pytest.fixture
def sft(tokenizer, tmp_path) -> Callable[..., SFTTrainer]:
    """A function: a model, attached -> it trained on a few texts."""

    def train(model: Any, **fields: Any) -> SFTTrainer:
        arguments = SFTConfig(str(tmp_path / "sft"), **{**QUIET, **fields})
        trainer = SFTTrainer(
            model,
            arguments,
            train_dataset=Dataset.from_dict({"text": TEXTS * 4}),
            processing_class=tokenizer,
            callbacks=[SaveAdapter()],
        )
        trainer.train()
        return trainer

    return train


@pytest.fixture
def dpo(tokenizer, tmp_path) -> Callable[..., DPOTrainer]:
    """A function: a model, attached, and a reference -> a trainer, before its training."""

    def make(model: Any, reference: Any, **fields: Any) -> DPOTrainer:
        return DPOTrainer(
            model,
            reference,
            DPOConfig(str(tmp_path / "dpo"), **{**QUIET, **fields}),
            train_dataset=Dataset.from_list(PAIRS),
            processing_class=tokenizer,
            callbacks=[SaveAdapter()],
        )

    return make


def told(trainer: Any, key: str) -> list[float]:
    return [entry[key] for entry in trainer.state.log_history if key in entry]


def changed(before: dict[str, Any], model: Any) -> set[str]:
    return {name for name, now in model.state_dict().items() if not torch.equal(now, before[name])}


@pytest.mark.parametrize("fields", [{}, {"gradient_checkpointing": True}, {"bf16": True}], ids=str)
def test_sft(llama, sft, fields):
    base, model = copy.deepcopy(llama), attach(llama, CONFIG)
    before = copy.deepcopy(model.state_dict())
    trainer = sft(model, **fields)
    assert changed(before, model) == {name for name in before if ".lora." in name}
    assert told(trainer, "loss")[-1] < told(trainer, "loss")[0]
    loaded = load_adapter(base, Path(trainer.args.output_dir) / "adapter")
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name]), name


def test_sft_of_an_output_layer_that_trl_reads_without_calling_is_told(llama, sft):
    with pytest.raises(SelfCheckError, match=r"update of lm_head \(weight\) got no gradient"):
        sft(attach(llama, LoraConfig(4, target_modules=["q_proj", "lm_head"])))


def test_sft_of_an_output_layer_trained_whole(llama, sft):
    config = LoraConfig(4, target_modules=["q_proj"], modules_to_save=["lm_head"])
    before = copy.deepcopy(attach(llama, config).state_dict())
    sft(llama)
    assert "lm_head.weight" in changed(before, llama)


@pytest.mark.parametrize("fields", [{}, {"gradient_checkpointing": True}], ids=str)
def test_dpo_with_the_adapter_off_is_dpo_with_a_copy_of_the_base(llama, dpo, fields):
    """The same reference log-probabilities, so the same losses and the same adapter."""
    base, other = copy.deepcopy(llama), copy.deepcopy(llama)
    copied = dpo(attach(other, CONFIG), base.eval(), **fields)
    copied.train()
    shared = dpo(attach(llama, CONFIG), BaseOnly(llama), **fields)
    before = copy.deepcopy(llama.state_dict())
    shared.train()
    assert told(shared, "loss") == told(copied, "loss")
    assert told(shared, "rewards/margins") == told(copied, "rewards/margins")
    assert told(shared, "loss")[-1] < told(shared, "loss")[0]
    assert changed(before, llama) == {name for name in before if ".lora." in name}
    for name, tensor in llama.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_the_reference_of_dpo_is_the_base_to_the_bit_also_after_training(llama, dpo):
    base = copy.deepcopy(llama).eval()
    trainer = dpo(attach(llama, CONFIG), BaseOnly(llama))
    trainer.train()
    other = dpo(attach(copy.deepcopy(base), CONFIG), base)
    batch = next(iter(trainer.get_train_dataloader()))
    found = trainer.compute_ref_log_probs(trainer.ref_model, batch)
    wanted = other.compute_ref_log_probs(other.ref_model, batch)
    own = trainer.compute_ref_log_probs(trainer.model, batch)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
    assert not torch.equal(own[0], wanted[0])


def test_dpo_with_reference_log_probabilities_made_beforehand(llama, dpo):
    other = copy.deepcopy(llama)
    before = dpo(attach(llama, CONFIG), BaseOnly(llama), precompute_ref_log_probs=True)
    before.train()
    each = dpo(attach(other, CONFIG), BaseOnly(other))
    each.train()
    assert told(before, "loss") == pytest.approx(told(each, "loss"), rel=1e-5)


def test_dpo_with_a_head_trained_whole_refers_to_the_head_from_before(llama, dpo):
    base = copy.deepcopy(llama).eval()
    config = LoraConfig(4, target_modules=["q_proj"], modules_to_save=["lm_head"])
    trainer = dpo(attach(llama, config), BaseOnly(llama))
    trainer.train()
    assert not torch.equal(llama.lm_head.weight, base.lm_head.weight)
    other = dpo(attach(copy.deepcopy(base), CONFIG), base)
    batch = next(iter(trainer.get_train_dataloader()))
    found = trainer.compute_ref_log_probs(trainer.ref_model, batch)
    wanted = other.compute_ref_log_probs(other.ref_model, batch)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
