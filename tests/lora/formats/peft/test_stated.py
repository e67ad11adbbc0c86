"""adapter_config.json: what is understood, and every key that is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from verilora.lora.formats.peft.stated import Stated, StatedError, read_stated

GOOD: dict[str, Any] = {
    "peft_type": "LORA",
    "r": 4,
    "lora_alpha": 8,
    "target_modules": ["query", "value"],
}


def _read(**changes: Any) -> Stated:
    found = {key: value for key, value in {**GOOD, **changes}.items() if value is not ...}
    return read_stated(json.dumps(found).encode())


def test_ranks_alphas_and_scales() -> None:
    stated = _read(rank_pattern={"layer.1.query": 2}, alpha_pattern={"value": 3})
    assert stated.rank_of("m.layer.1.query") == 2
    assert stated.rank_of("m.layer.2.query") == 4
    assert stated.scale_of("m.layer.1.query") == 8 / 2
    assert stated.scale_of("m.layer.1.value") == 3 / 4
    assert stated.alpha_at("m.layer.1.query", 6) == 24


def test_rslora() -> None:
    stated = _read(use_rslora=True)
    assert stated.scale_of("query") == 8 / math.sqrt(4)
    assert stated.alpha_at("query", 16) == 16


def test_everything_that_peft_writes_at_its_default_is_understood() -> None:
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=4, target_modules=["query"]).to_dict()
    config = {key: value for key, value in config.items() if key != "runtime_config"}
    config["target_modules"] = sorted(config["target_modules"])
    stated = read_stated(json.dumps(config, default=str).encode())
    assert (stated.rank, stated.alpha, stated.targeting.names) == (4, 8, ("query",))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another method": ({"peft_type": "IA3"}, "peft_type is 'IA3'; 'LORA' is wanted"),
    "no method": ({"peft_type": ...}, "peft_type is None"),
    "dora": ({"use_dora": 1}, "use_dora is 1; true or false"),
    "biases": ({"bias": "some"}, "bias is 'some'; one of"),
    "bias of the adapter": ({"lora_bias": True}, "lora_bias is set"),
    "tokens": ({"trainable_token_indices": [1]}, "trainable_token_indices is set"),
    "replication": ({"layer_replication": [[0, 4]]}, "layer_replication is set"),
    "qalora": ({"use_qalora": True}, "use_qalora is set"),
    "alora": ({"alora_invocation_tokens": [3]}, "alora_invocation_tokens is set"),
    "arrow": ({"arrow_config": {"k": 1}}, "arrow_config is set"),
    "megatron": ({"megatron_config": {"x": 1}}, "megatron_config is set"),
    "kasa": ({"kasa_config": {"x": 1}}, "kasa_config is set"),
    "monteclora": ({"monteclora_config": {"x": 1}}, "monteclora_config is set"),
    "velora": ({"velora_config": {"x": 1}}, "velora_config is set"),
    "bdlora": ({"use_bdlora": {"x": 1}}, "use_bdlora is set"),
    "pissa": ({"init_lora_weights": "pissa_niter_4"}, "changes the base before training"),
    "olora": ({"init_lora_weights": "OLoRA"}, "changes the base before training"),
    "loftq": ({"init_lora_weights": "loftq"}, "path_initial_model_for_weight_conversion"),
    "corda": ({"init_lora_weights": "corda"}, "changes the base before training"),
    "lora-ga": ({"init_lora_weights": "lora_ga"}, "changes the base before training"),
    "new start": ({"init_lora_weights": "magic"}, "a start that verilora does not know"),
    "start of a strange type": ({"init_lora_weights": [1]}, "a start that verilora does not know"),
    "new key": ({"use_magic": True}, "unknown key 'use_magic' with the value True"),
    "misspelt key": ({"lora_dropuot": 0.1}, "did you mean 'lora_dropout'"),
    "rank 0": ({"r": 0}, "r is 0; a whole number of at least 1"),
    "rank true": ({"r": True}, "r is True"),
    "rank text": ({"r": "8"}, "r is '8'"),
    "rank missing": ({"r": ...}, "r is missing"),
    "alpha 0": ({"lora_alpha": 0}, "lora_alpha is 0; a number above 0"),
    "alpha negative": ({"lora_alpha": -1.5}, "lora_alpha is -1.5"),
    "alpha null": ({"lora_alpha": None}, "lora_alpha is None"),
    "alpha missing": ({"lora_alpha": ...}, "lora_alpha is missing"),
    "no targets": ({"target_modules": ...}, "target_modules and target_parameters are missing"),
    "targets of numbers": ({"target_modules": [1]}, "target_modules is"),
    "targets as object": ({"target_modules": {"a": 1}}, "target_modules is"),
    "rank pattern 0": ({"rank_pattern": {"a": 0}}, "rank_pattern is {'a': 0}"),
    "rank pattern list": ({"rank_pattern": ["a"]}, "rank_pattern is"),
    "alpha pattern 0": ({"alpha_pattern": {"a": 0}}, "alpha_pattern is {'a': 0}"),
    "alpha pattern wild": ({"alpha_pattern": {"(a+)+": 1}}, "repeats a group"),
    "targets wild": ({"target_modules": "(.*)*"}, "repeats a group"),
    "no expression": ({"exclude_modules": "("}, "is no regular expression"),
    "saved wild": ({"modules_to_save": ["(a|a)*"]}, "repeats a group"),
    "layers": ({"layers_to_transform": [-1]}, "layers_to_transform is [-1]"),
    "dropout": ({"lora_dropout": 1}, "lora_dropout is 1; 0 up to 1"),
    "flag": ({"use_rslora": "yes"}, "use_rslora is 'yes'; true or false"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    changes, told = REFUSED[case]
    with pytest.raises(StatedError) as caught:
        _read(**changes)
    assert told in str(caught.value)
    assert len(caught.value.faults) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"use_magic": False},
        {"magic_config": None, "magic_list": [], "magic_map": {}, "magic_name": ""},
        {"init_lora_weights": "gaussian"},
        {"init_lora_weights": "eva", "eva_config": {"rho": 2.0}},
        {"init_lora_weights": False},
        {"layers_to_transform": 1, "layers_pattern": "layers"},
        {"rank_pattern": None, "modules_to_save": None, "exclude_modules": None},
        {"loftq_config": {}, "peft_version": "0.99", "auto_mapping": {"a": "b"}},
        {"target_modules": None, "target_parameters": ["w"]},
    ],
)
def test_what_means_nothing_is_passed_over(changes: dict[str, Any]) -> None:
    assert _read(**changes).rank == 4


def test_faults_are_told_together() -> None:
    with pytest.raises(StatedError) as caught:
        _read(use_dora=3, r=0, bias="some", use_magic=1)
    assert len(caught.value.faults) == 4


def test_bytes_that_are_no_document() -> None:
    with pytest.raises(StatedError, match="gives the key 'r' twice"):
        read_stated(b'{"r": 1, "r": 2}')
