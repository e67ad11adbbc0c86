"""An adapted model in transformers' Trainer: it learns, only the adapter moves, and is kept."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from transformers import AutoModelForCausalLM, Trainer
from transformers.utils import logging

from verilora.errors import SelfCheckError
from verilora.handover.callback import SaveAdapter
from verilora.lora import attach
from verilora.lora.formats import load_adapter
from verilora.records.adapter import LoraConfig

CONFIG = LoraConfig(4, 16, target_modules=["q_proj", "v_proj"])
BATCH = torch.tensor([[3, 5, 9, 11]])


@pytest.fixture(autouse=True)
def silence():
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    yield
    logging.set_verbosity(before)
    logging.enable_progress_bar()


def moved(before: dict[str, torch.Tensor], model: torch.nn.Module) -> set[str]:
    """Names of what is another than before."""
    return {name for name, now in model.state_dict().items() if not torch.equal(now, before[name])}


def trained(model: Any, arguments: Any, rows: Any, **more: Any) -> tuple[Trainer, dict[str, Any]]:
    before = copy.deepcopy(model.state_dict())
    trainer = Trainer(model, arguments, train_dataset=rows, callbacks=[SaveAdapter()], **more)
    trainer.train()
    return trainer, before


def losses(trainer: Trainer) -> list[float]:
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


@pytest.mark.parametrize(
    "fields",
    [{}, {"weight_rule": "dora"}, {"init": "pissa"}, {"modules_to_save": ["lm_head"]}],
    ids=str,
)
def test_only_the_adapter_moves_and_the_loss_falls(llama, arguments, rows, fields):
    attach(llama, LoraConfig(4, 16, target_modules=["q_proj", "v_proj"], **fields))
    trainer, before = trained(llama, arguments(), rows)
    wanted = {n for n in before if n.endswith((".lora.weight.A", ".B", ".magnitude"))}
    wanted |= {"lm_head.weight"} if "modules_to_save" in fields else set()
    assert moved(before, llama) == wanted
    assert losses(trainer)[-1] < losses(trainer)[0]


def test_gpt2_of_another_kind_of_layer(gpt2, arguments, rows):
    attach(gpt2, LoraConfig(4, 16, target_modules=["c_attn"], fused={"c_attn": ["q", "v"]}))
    trainer, before = trained(gpt2, arguments(), rows)
    assert moved(before, gpt2) == {name for name in before if ".lora." in name}
    assert losses(trainer)[-1] < losses(trainer)[0]


def test_what_a_checkpoint_holds_and_what_can_be_read_of_it(llama, arguments, rows):
    base = copy.deepcopy(llama)
    trainer, _ = trained(attach(llama, CONFIG), arguments(save_steps=4), rows)
    out = Path(trainer.args.output_dir)
    assert (out / "checkpoint-4" / "adapter" / "adapter_model.safetensors").is_file()
    last = load_adapter(copy.deepcopy(base), out / "adapter")
    first = load_adapter(copy.deepcopy(base), out / "checkpoint-4" / "adapter")
    with torch.no_grad():
        assert torch.equal(last(BATCH).logits, llama.eval()(BATCH).logits)
        assert not torch.equal(first(BATCH).logits, last(BATCH).logits)
    # The trainer's own file reads as the untrained base: nothing there knows of updates.
    read, info = AutoModelForCausalLM.from_pretrained(
        out / "checkpoint-8", output_loading_info=True
    )
    assert {name for name in info["unexpected_keys"] if ".lora." not in name} == set()
    assert len(info["unexpected_keys"]) == 8
    with torch.no_grad():
        assert torch.equal(read.eval()(BATCH).logits, base.eval()(BATCH).logits)


def test_a_run_goes_on_from_a_checkpoint_to_the_same_bits(llama, arguments, rows):
    other = copy.deepcopy(llama)
    whole, _ = trained(attach(llama, CONFIG), arguments(save_steps=4), rows)
    again = Trainer(attach(other, CONFIG), arguments(save_steps=4), train_dataset=rows)
    again.train(resume_from_checkpoint=str(Path(whole.args.output_dir) / "checkpoint-4"))
    assert again.state.global_step == 8
    for name, tensor in llama.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing_gives_the_same_losses(llama, arguments, rows, reentrant):
    other = copy.deepcopy(llama)
    plain, _ = trained(attach(llama, CONFIG), arguments(), rows)
    options = {"use_reentrant": reentrant}
    saving = arguments(activation_checkpointing=True, activation_checkpointing_kwargs=options)
    saved, before = trained(attach(other, CONFIG), saving, rows)
    assert losses(saved) == pytest.approx(losses(plain), rel=1e-5)
    assert moved(before, other) == {name for name in before if ".lora." in name}


def test_bfloat16(llama, arguments, rows):
    trainer, before = trained(attach(llama.bfloat16(), CONFIG), arguments(bf16=True), rows)
    assert moved(before, llama) == {name for name in before if ".lora." in name}
    assert llama.lm_head.weight.dtype == torch.bfloat16
    assert losses(trainer)[-1] < losses(trainer)[0]


def test_the_last_evaluation_is_kept_without_its_times(llama, arguments, rows):
    each = arguments(eval_strategy="steps", eval_steps=4)
    trainer, _ = trained(attach(llama, CONFIG), each, rows, eval_dataset=rows[:4])
    sidecar = Path(trainer.args.output_dir) / "adapter" / "verilora.json"
    results = json.loads(sidecar.read_text())["results"]
    logged = [e for e in trainer.state.log_history if "eval_loss" in e]
    assert results == {"metrics": {"loss": logged[-1]["eval_loss"]}, "steps": 8}


def test_an_update_that_nothing_reaches_is_told_at_once(llama, arguments, rows):
    attach(llama, LoraConfig(2, target_modules=["q_proj", "up_proj"]))
    llama.model.layers[1].mlp.forward = lambda x: x
    with pytest.raises(SelfCheckError, match=r"layers\.1\.mlp\.up_proj .*got no gradient"):
        trained(llama, arguments(), rows)


def test_accelerate_prepares_and_unwraps(llama, rows):
    AcceleratorState._reset_state(reset_partial_state=True)  # that of the trainers before
    base = copy.deepcopy(llama)
    accelerator = Accelerator(cpu=True, mixed_precision="bf16")
    attach(llama, CONFIG)
    mine = [p for p in llama.parameters() if p.requires_grad]
    model, optimizer = accelerator.prepare(llama, torch.optim.AdamW(mine, lr=0.02))
    seen = []
    for _ in range(6):
        loss = model(input_ids=BATCH, labels=BATCH).loss
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        seen.append(float(loss.detach()))
    assert seen[-1] < seen[0]
    plain = accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    assert plain is llama
    frozen = base.state_dict()
    assert {n for n in frozen if not torch.equal(frozen[n], plain.state_dict()[n])} == set()
