"""predictions.jsonl: what a model said of each example, so that its metrics follow without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from verilora.train.build import Build
from verilora.train.evaluation import Evaluation
from verilora.train.objective import REGRESSION


def prediction_lines(build: Build, evaluation: Evaluation) -> bytes:
    """predictions.jsonl: a line for each validation example, from which its metrics follow.

    id, label, prediction (class names, or numbers) and scores; of a causal language model id, the
    tokens to be foretold, their log_likelihood, how many were correct, and what was generated;
    where that is scored also the prompt, and the reference that is the example's own.
    """
    rows = _text_rows(build, evaluation) if evaluation.texts else _class_rows(build, evaluation)
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def _class_rows(build: Build, evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    task = build.task
    names = None if task.kind == REGRESSION else task.labels
    rows = zip(
        build.dataset.validation,
        evaluation.predictions,
        evaluation.scores,
        strict=True,
    )
    for example, prediction, scores in rows:
        label = example.label
        yield {
            "id": example.id,
            "label": names[int(label)] if names and label is not None else label,
            "prediction": names[int(prediction)] if names else prediction,
            "scores": scores,
        }


def _text_rows(build: Build, evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    examples = {example.id: example.texts for example in build.dataset.validation}
    for text in evaluation.texts:
        row = {"id": text.id, **asdict(text.tally)}
        if text.generated is not None and build.task.written:
            row |= {"prompt": examples[text.id][0], "reference": examples[text.id][-1]}
        if text.generated is not None:
            row["generated"] = text.generated
        yield row
