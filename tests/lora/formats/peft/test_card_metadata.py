"""The head of a model card, as huggingface_hub reads it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from huggingface_hub import EvalResult, ModelCard

from verilora.lora.formats.peft.card_metadata import front_matter, metadata

RESULTS: dict[str, Any] = {
    "recipe": "mrpc-minilm",
    "task": "mrpc",
    "dataset": {
        "name": "GLUE MRPC",
        "type": "nyu-mll/glue",
        "config": "mrpc",
        "split": "validation",
    },
    "metrics": {"accuracy": 88.25, "f1": 91.5, "matthews": 1e-05},
    "units": {"accuracy": "percent", "f1": "percent"},
}


def sidecar(results: Any = None, **base: Any) -> dict[str, Any]:
    stated = {"name": "FacebookAI/roberta-base", "class": "RobertaForSequenceClassification"}
    return {"base": {**stated, **base}, "results": results or {}, "config": {}}


def card(given: dict[str, Any]) -> ModelCard:
    return ModelCard(f"{front_matter(given)}\n\n# text\n")


def test_the_hub_reads_results_as_they_were_measured() -> None:
    data = card(sidecar(RESULTS)).data
    assert data.base_model == "FacebookAI/roberta-base"
    assert data.library_name == "peft"
    assert data.pipeline_tag == "text-classification"
    assert data.datasets == ["nyu-mll/glue"]
    assert data.metrics == ["accuracy", "f1", "matthews_correlation"]
    assert data.tags == ["lora", "verilora"]
    assert data.model_name == "mrpc-minilm"
    wanted = {"task_type": "text-classification", "dataset_name": "GLUE MRPC"}
    wanted |= {"dataset_type": "nyu-mll/glue", "dataset_config": "mrpc"}
    wanted |= {"dataset_split": "validation"}
    assert data.eval_results == [
        EvalResult(
            metric_type="accuracy", metric_value=88.25, metric_name="accuracy, percent", **wanted
        ),
        EvalResult(metric_type="f1", metric_value=91.5, metric_name="f1, percent", **wanted),
        EvalResult(
            metric_type="matthews_correlation",
            metric_value=1e-05,
            metric_name="matthews",
            **wanted,
        ),
    ]


def test_what_is_not_known_is_absent() -> None:
    assert metadata(sidecar(name=None, **{"class": "Sequential"})) == {
        "library_name": "peft",
        "tags": ["lora", "verilora"],
    }
    found = metadata(sidecar({"metrics": {"accuracy": 1.0}}))
    assert "model-index" not in found  # on which data?
    found = metadata(sidecar({"task": "mine", "metrics": {"accuracy": 1.0}}))
    assert "datasets" not in found  # it is on no hub
    assert found["model-index"][0]["results"][0]["dataset"] == {"name": "mine", "type": "mine"}
    assert "license" not in found


@pytest.mark.parametrize(
    "results",
    [
        {"metrics": [1, 2], "task": "x"},
        {"metrics": {"accuracy": "high", "f1": None, "loss": True}, "task": "x"},
        {"metrics": {"accuracy": {"value": 1}}, "task": 7, "dataset": "glue", "units": 3},
        {"metrics": {"accuracy": 1.5}, "task": "x", "dataset": {"name": 3, "type": []}},
        {"metrics": {"accuracy": 1.5}, "task": "x", "units": {"accuracy": {}}, "recipe": ["a"]},
    ],
)
def test_results_of_any_form_give_valid_metadata(results: dict[str, Any]) -> None:
    found = metadata(sidecar(results))
    assert yaml.safe_load(front_matter(sidecar(results)).strip("-\n")) == found
    assert card(sidecar(results)).data.library_name == "peft"
    if "model-index" in found:
        assert found["model-index"][0]["results"][0]["metrics"][0]["value"] == 1.5


@pytest.mark.parametrize(
    "text",
    [
        "a: b",
        "- x",
        "---\nkey: value",
        'quote " and \\ backslash',
        "'",
        "# no comment",
        "!!python/object:os.system",
        "&a *a",
        "{}",
        "true",
        "1e5",
        "grüße 😀",
        "\x1b[31m\u2028x\ufeff",
    ],
)
def test_text_stays_text(text: str) -> None:
    results = {"recipe": text, "task": text, "metrics": {text: 1.5}, "units": {text: text}}
    found = yaml.safe_load(front_matter(sidecar(results)).removeprefix("---\n").removesuffix("---"))
    index = found["model-index"][0]
    clean = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
    assert index["name"] == clean
    assert index["results"][0]["dataset"] == {"name": clean, "type": clean}
    assert index["results"][0]["metrics"][0]["value"] == 1.5
    assert set(found) <= {
        *("base_model", "library_name", "pipeline_tag", "datasets"),
        *("metrics", "tags", "model-index"),
    }


def test_dora_is_a_tag() -> None:
    given = sidecar()
    given["config"] = {"weight_rule": "dora"}
    assert metadata(given)["tags"] == ["lora", "dora", "verilora"]
