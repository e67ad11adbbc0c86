"""adapter_config.json as written."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from verilora import LoraConfig, attach
from verilora.lora.formats.peft.config import base_name, config_of
from verilora.lora.formats.peft.inventory import attached_inventory
from verilora.lora.formats.peft.patterns import Targeting
from verilora.lora.formats.peft.sites import base_modules


def _config(model: nn.Module, **config: Any) -> dict[str, Any]:
    model = attach(model, LoraConfig(**config))
    return config_of(model, attached_inventory(model))


def test_only_what_is_needed(tiny: SimpleNamespace) -> None:
    assert _config(tiny.roberta()) == {
        "peft_type": "LORA",
        "base_model_name_or_path": None,
        "bias": "none",
        "inference_mode": True,
        "r": 8,
        "lora_alpha": 16,
        "target_modules": ["query", "value"],
        "task_type": None,
    }


def test_the_config_s_own_names_where_peft_understands_them_alike(tiny: SimpleNamespace) -> None:
    own = _config(tiny.roberta(), target_modules=["value", "attention.self.query"])
    assert own["target_modules"] == ["attention.self.query", "value"]
    regex = r".*layer\.1\..*(query|key)"
    assert _config(tiny.roberta(), target_modules=regex)["target_modules"] == regex


@pytest.mark.parametrize(
    "config",
    [
        {"target_modules": ["dense"], "layers": [1]},
        {"target_modules": ["dense"], "exclude_modules": ["output.dense"]},
        {"target_modules": "all-linear"},
        {"target_modules": r".*layer\.1\..*"},
        {"target_modules": ["dense", "query"], "modules_to_save": ["classifier"], "layers": [0]},
    ],
)
def test_other_targets_are_resolved_into_paths(
    config: dict[str, Any], tiny: SimpleNamespace
) -> None:
    model = attach(tiny.roberta(), LoraConfig(**config))
    inventory = attached_inventory(model)
    names = config_of(model, inventory)["target_modules"]
    picked = Targeting(tuple(names), saved=inventory.whole).picks(base_modules(model))
    assert picked == {block.target for block in inventory.blocks}


def test_a_path_that_is_another_s_end_is_said_by_expression() -> None:
    model = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.ModuleDict({"a": nn.Linear(4, 4)})})
    found = _config(model, rank=2, target_modules=r"a")
    assert found["target_modules"] == "a"
    assert Targeting("a").picks(["a", "b", "b.a"]) == {"a"}


def test_the_most_common_rank_and_alpha_stand_for_all(tiny: SimpleNamespace) -> None:
    found = _config(tiny.roberta(), rank=8, alpha=4, rank_pattern={"query": 2, "value": 2})
    assert (found["r"], found["lora_alpha"]) == (2, 4)
    assert "rank_pattern" not in found
    found = _config(tiny.roberta(), rank=8, alpha_pattern={"layer.1.attention.self.query": 3})
    assert found["alpha_pattern"] == {"roberta.encoder.layer.1.attention.self.query": 3}


def test_fan_in_fan_out_only_if_every_target_is_a_conv1d(tiny: SimpleNamespace) -> None:
    assert _config(tiny.gpt2(), target_modules=["c_attn"])["fan_in_fan_out"] is True
    assert "fan_in_fan_out" not in _config(tiny.gpt2(), target_modules=["c_attn", "wpe"])
    assert "fan_in_fan_out" not in _config(tiny.roberta())


def test_what_differs_from_peft_s_default_is_said(tiny: SimpleNamespace) -> None:
    found = _config(
        tiny.roberta(), dropout=0.1, scale_rule="rslora", modules_to_save=["classifier"]
    )
    assert found["lora_dropout"] == 0.1
    assert found["use_rslora"] is True
    assert found["modules_to_save"] == ["classifier"]


def test_the_task_is_named_where_it_changes_nothing(tiny: SimpleNamespace) -> None:
    head = _config(tiny.roberta(), modules_to_save=["classifier"])
    assert head["task_type"] == "SEQ_CLS"
    part = _config(tiny.roberta(), modules_to_save=["classifier.out_proj"])
    assert part["task_type"] is None
    assert _config(tiny.llama(), target_modules=["q_proj"])["task_type"] == "CAUSAL_LM"
    assert _config(tiny.gpt2(), target_modules=["c_fc"])["task_type"] == "CAUSAL_LM"
    assert _config(tiny.linears(), rank=2, target_modules=["0"])["task_type"] is None


def test_parameters_and_ties(tiny: SimpleNamespace) -> None:
    experts = ["experts.down_proj", "experts.gate_up_proj"]
    found = _config(tiny.mixtral(), rank=2, target_modules=[], target_parameters=experts)
    assert (found["target_modules"], found["target_parameters"]) == ([], experts)
    some = _config(
        tiny.mixtral(), rank=2, target_modules=[], target_parameters=experts[:1], layers=[1]
    )
    assert some["target_parameters"] == ["model.layers.1.mlp.experts.down_proj"]
    tied = _config(tiny.llama(tied=True), target_modules=["lm_head"], tied="shared")
    assert tied["ensure_weight_tying"] is True
    assert tied["target_modules"] == ["embed_tokens", "lm_head"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("FacebookAI/roberta-base", True),
        ("gpt2", True),
        ("", False),
        (None, False),
        ("/models/roberta", False),
        ("./roberta", False),
        ("../roberta", False),
        ("a/b/c", False),
        ("C:\\models\\x", False),
        ("~/x", False),
        ("name\nwith: lines", False),
    ],
)
def test_only_a_hub_id_names_the_base(name: str | None, kept: bool, tiny: SimpleNamespace) -> None:
    model = tiny.roberta()
    model.config._name_or_path = name
    assert base_name(model) == (name if kept else None)


def test_a_local_directory_is_no_hub_id(
    tiny: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny.roberta()
    model.config._name_or_path = "FacebookAI/roberta-base"
    (tmp_path / "FacebookAI" / "roberta-base").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert base_name(model) is None
    assert base_name(nn.Linear(2, 2)) is None
