"""README.md: what is known, escaped, and nothing that differs between machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from verilora import LoraConfig, attach, load_adapter, save_adapter

Saved = Callable[..., tuple[nn.Module, Path]]


def _front_matter(text: str) -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(text.split("---")[1])


def _card(directory: Path) -> str:
    return (directory / "README.md").read_text("utf-8")


def test_what_it_says(tiny: SimpleNamespace, saved: Saved) -> None:
    model = tiny.roberta()
    model.config._name_or_path = "FacebookAI/roberta-base"
    _, directory = saved(model, rank=2, modules_to_save=["classifier"])
    card = _card(directory)
    assert _front_matter(card) == {
        "base_model": "FacebookAI/roberta-base",
        "library_name": "peft",
        "pipeline_tag": "text-classification",
        "tags": ["lora", "verilora"],
    }
    assert "| roberta.encoder.layer.1.attention.self.value | 2 | 16 | 8 |" in card
    assert "256 numbers in 4 updates. Modules trained whole: classifier (323 numbers)." in card
    sidecar = json.loads((directory / "verilora.json").read_text("utf-8"))
    for digest in (*sidecar["files"].values(), sidecar["base"]["digest"]):
        assert digest in card
    assert "not trained" not in card
    assert str(directory) not in card


def test_an_untrained_adapter_is_called_so(tiny: SimpleNamespace, tmp_path: Path) -> None:
    save_adapter(attach(tiny.roberta(), LoraConfig()), tmp_path / "adapter")
    assert "**Every update is zero: this adapter is not trained.**" in _card(tmp_path / "adapter")
    assert "base_model" not in _front_matter(_card(tmp_path / "adapter"))


def test_the_results_as_a_table(tiny: SimpleNamespace, tmp_path: Path) -> None:
    results = {
        "metrics": {"accuracy": 0.875, "f1": {"value": 90, "runs": [1, 2]}},
        "note": "a | b\n<script>alert(1)</script> [x](y) `z` \x1b",
        "nothing": None,
    }
    save_adapter(attach(tiny.roberta(), LoraConfig()), tmp_path / "adapter", results)
    rows = [line for line in _card(tmp_path / "adapter").splitlines() if line.startswith("| m")]
    assert rows == [
        "| metrics.accuracy | 0.875 |",
        r"| metrics.f1.runs | \[1,2\] |",
        "| metrics.f1.value | 90 |",
    ]
    (note,) = [li for li in _card(tmp_path / "adapter").splitlines() if li.startswith("| note")]
    assert note == (
        r"| note | a \| b \<script\>alert\(1\)\</script\> \[x\]\(y\) \`z\` " + "\ufffd |"
    )


def test_fused_parts_and_shared_weights_are_named(tiny: SimpleNamespace, saved: Saved) -> None:
    _, directory = saved(tiny.gpt2(), target_modules=["c_attn"], fused={"c_attn": ["q"]}, rank=2)
    assert r"| transformer.h.0.attn.c\_attn \[q\] | 2 |" in _card(directory)
    _, directory = saved(tiny.llama(tied=True), target_modules=["lm_head"], tied="shared")
    card = _card(directory)
    assert r"lm\_head \(shared with model.embed\_tokens\)" in card
    assert "Merge it with verilora" in card


def test_what_peft_computes_otherwise_is_said(tiny: SimpleNamespace, saved: Saved) -> None:
    _, directory = saved(
        nn.Sequential(nn.Conv1d(4, 4, 3, dilation=2)), target_modules=["0"], rank=2
    )
    assert "leaves out the dilation and padding mode" in _card(directory)
    _, directory = saved(tiny.attention(), target_modules=["out_proj"], rank=2)
    assert r"another module reads a weight itself" in _card(directory)
    assert r"attn.out\_proj" in _card(directory)
    _, directory = saved(nn.Sequential(nn.Conv1d(4, 4, 3)), target_modules=["0"], rank=2)
    assert "PEFT 0.21" not in _card(directory)


def test_a_module_of_several_names_and_many_layers(saved: Saved) -> None:
    shared = nn.Linear(4, 4)
    _, directory = saved(nn.ModuleDict({"a": shared, "b": shared}), target_modules=["b"], rank=2)
    assert "under the first one alone, so that it computes other values" in _card(directory)
    many = nn.Sequential(*(nn.Linear(2, 2) for _ in range(120)))
    _, directory = saved(many, target_modules=[str(i) for i in range(120)], rank=1)
    card = _card(directory)
    assert "| and 20 more, all in verilora.json | | | |" in card
    assert "480 numbers in 120 updates" in card


def test_a_hostile_module_name_stays_text(tmp_path: Path) -> None:
    model = nn.ModuleDict({"x|y<b>\n---\nz": nn.Linear(4, 4)})
    save_adapter(
        attach(model, LoraConfig(rank=2, target_modules=["x|y<b>\n---\nz"])), tmp_path / "adapter"
    )
    card = _card(tmp_path / "adapter")
    assert r"| x\|y\<b\> --- z | 2 | 16 | 8 |" in card
    again = nn.ModuleDict({"x|y<b>\n---\nz": nn.Linear(4, 4)})
    again.load_state_dict({n: t for n, t in model.state_dict().items() if ".lora." not in n})
    assert load_adapter(again, tmp_path / "adapter") is again
    assert torch.equal(again["x|y<b>\n---\nz"].weight, model["x|y<b>\n---\nz"].weight)


def test_what_a_start_a_rule_and_biases_mean_for_others(tmp_path: Path) -> None:
    def card(name: str, **choice: Any) -> str:
        model = nn.Sequential(nn.Linear(64, 6))
        save_adapter(attach(model, LoraConfig(2, target_modules=("0",), **choice)), tmp_path / name)
        return _card(tmp_path / name)

    plain = card("plain")
    for word in ("began", "4 bits", "DoRA", "Biases"):
        assert word not in plain
    pissa = card("pissa", init="pissa", weight_rule="dora")
    assert "began as a part of the weights (pissa)" in pissa
    assert "trained norms (DoRA)" in pissa
    assert "4 bits" not in pissa
    loftq = card("loftq", init="loftq", bias="lora_only")
    assert "on a base in 4 bits (LoftQ)" in loftq
    assert "Biases are trained too (lora_only)" in loftq
