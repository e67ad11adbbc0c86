from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from verilora.records.adapter import LoraConfig
from verilora.records.adapter_facts import AdapterFacts

GIVEN: dict[str, Any] = {
    "config": LoraConfig(rank=2, alpha_pattern={"query": 4.0}).to_mapping(),
    "base": {"name": None, "class_name": "BertModel", "tensors": "sha256:" + "0" * 64},
    "trained": True,
}


def test_facts_come_back_from_their_bytes() -> None:
    facts = AdapterFacts.model_validate(GIVEN)
    assert AdapterFacts.model_validate_json(facts.canonical()) == facts
    assert facts.config["rank"] == 2


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"rank": 2},
        {**GIVEN["config"], "rank": 0},
        {**GIVEN["config"], "rank": "2"},
        {**GIVEN["config"], "code": "run me"},
        {**GIVEN["config"], "target_modules": "a{99999999999999999999}"},
        {**GIVEN["config"], "target_modules": "(" * 5000},
    ],
)
def test_a_config_that_is_none_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AdapterFacts.model_validate({**GIVEN, "config": config})
