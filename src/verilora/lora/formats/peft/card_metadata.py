"""The YAML at the head of a model card, as the hub reads it: what is known, and nothing else.

Source: huggingface.co/docs/hub/model-cards, and the model index specification of
github.com/huggingface/hub-docs (modelcard.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

PIPELINES = {
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForImageClassification": "image-classification",
}
"""Ending of a model's class -> the hub's word for its task."""
HUB_METRICS = {
    "matthews": "matthews_correlation",
    "pearson": "pearsonr",
    "spearman": "spearmanr",
    "macro_f1": "f1",
    "nist": "nist_mt",
    "rouge_l": "rouge",
}
"""Our name of a metric -> the hub's, where that is another."""


def front_matter(sidecar: Mapping[str, Any]) -> str:
    """Everything between, and with, the two lines of three hyphens."""
    return "\n".join(["---", *_lines(metadata(sidecar)), "---"])


def metadata(sidecar: Mapping[str, Any]) -> dict[str, Any]:
    """The card's metadata as data; a key that nothing is known for is absent."""
    base, results = sidecar["base"], sidecar["results"]
    pipeline = _pipeline(base["class"])
    rule = sidecar["config"].get("weight_rule")
    dataset, metrics = _dataset(results), _metrics(results)
    found: dict[str, Any] = {
        "base_model": base["name"],
        "library_name": "peft",
        "pipeline_tag": pipeline,
        "datasets": [dataset["type"]] if dataset and "/" in dataset["type"] else None,
        "metrics": list(dict.fromkeys(metric["type"] for metric in metrics)) or None,
        "tags": ["lora", *(["dora"] if rule == "dora" else []), "verilora"],
    }
    if pipeline and dataset and metrics:
        result = {"task": {"type": pipeline}, "dataset": dataset, "metrics": metrics}
        name = _text(results.get("recipe")) or base["class"]
        found["model-index"] = [{"name": name, "results": [result]}]
    return {key: value for key, value in found.items() if value is not None}


def _pipeline(kind: str) -> str | None:
    return next((task for ending, task in PIPELINES.items() if kind.endswith(ending)), None)


def _dataset(results: Mapping[str, Any]) -> dict[str, str] | None:
    """As the results have it; a task alone is the name of a data set that is on no hub."""
    stated = results.get("dataset")
    if isinstance(stated, Mapping):
        found = {key: _text(stated.get(key)) for key in ("name", "type", "config", "split")}
        if found["name"] and found["type"]:
            return {key: value for key, value in found.items() if value}
    task = _text(results.get("task"))
    return {"name": task, "type": task} if task else None


def _metrics(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    units = results.get("units")
    units = units if isinstance(units, Mapping) else {}
    return [
        {
            "type": HUB_METRICS.get(name, name),
            "value": value,
            "name": f"{name}, {units[name]}" if _text(units.get(name)) else name,
        }
        for name, value in measured(results).items()
    ]


def measured(results: Mapping[str, Any]) -> dict[str, int | float]:
    """The numbers under "metrics", by name."""
    found = results.get("metrics")
    found = found if isinstance(found, Mapping) else {}
    return {name: value for name, value in sorted(found.items()) if type(value) in (int, float)}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _lines(value: Any) -> Iterator[str]:
    """Block YAML of plain data; strings as JSON writes them, which YAML reads alike."""
    pairs = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for key, item in pairs:
        head = "-" if key is None else f"{key}:"
        if not isinstance(item, dict | list):
            yield f"{head} {_scalar(item)}"
            continue
        inner = list(_lines(item))
        if key is None:
            yield f"- {inner[0]}"
            inner = inner[1:]
        else:
            yield head
        indent = "" if key is not None and isinstance(item, list) else "  "
        yield from (f"{indent}{line}" for line in inner)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        visible = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(value.split()))
        return json.dumps(visible, ensure_ascii=False)
    told = json.dumps(value)
    # YAML 1.1 takes 1e-05 for a word; 1.0e-05 is a number everywhere.
    return told.replace("e", ".0e") if "e" in told and "." not in told else told
