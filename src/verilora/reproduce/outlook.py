"""What can come of a reproduction, and what it costs, before anything is run."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from verilora.charts.words import seconds_told
from verilora.errors import DataError
from verilora.records.protocol import LEVELS
from verilora.records.verdict import Status, Verdict
from verilora.reproduce.flow import Ready, foresee
from verilora.train.plan import Plan
from verilora.verdict.conclude import prospects
from verilora.verdict.limits import FEWEST_TO_CONFIRM, Reason
from verilora.verdict.power import RUNS, Chance, chances
from verilora.verdict.readings import decimals_of

WIDTH = 98


@dataclass(frozen=True)
class Outlook:
    """A reproduction foretold."""

    foreseen: Verdict
    """The preregistration as it would be written."""
    plan: Plan
    """Of one run."""
    workers: int
    """Runs at once."""
    highest: Status
    """The most that can come of it."""
    reasons: tuple[Reason, ...]
    chances: tuple[Chance, ...]
    """Of a decision, by number of seeds; none where no spread is known."""
    notes: tuple[str, ...] = ()

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "preregistration": self.foreseen.to_mapping(),
            "plan": self.plan.to_mapping(),
            "workers": self.workers,
            "highest": self.highest,
            "reasons": [reason.to_mapping() for reason in self.reasons],
            "chances": [
                {**chance.to_mapping(), "seconds": self.seconds(chance.runs)}
                for chance in self.chances
            ],
            "notes": list(self.notes),
        }

    def seconds(self, runs: int) -> float | None:
        """Wall seconds of training for so many runs; None if no pace was measured.

        The pace is that of a run alone on its share of the cores.
        """
        if self.plan.seconds is None:
            return None
        return self.plan.seconds * -(-runs // self.workers)

    def as_text(self) -> str:
        """About a page for a person."""
        parts = [
            self._headline(),
            bullets(self.notes, mark="note: "),
            "One run\n" + textwrap.indent(str(self.plan), "  "),
            self._prospects(),
            self._table(),
        ]
        return "\n\n".join(part for part in parts if part)

    def _headline(self) -> str:
        cited, reported = self.foreseen.claim_citation, self.foreseen.reported
        plan = self.foreseen.plan
        assert cited is not None and reported is not None and plan is not None
        digits = max(1, decimals_of(reported))
        spread = "" if reported.spread is None else f" ± {reported.spread:.{digits}f}"
        runs = "" if reported.runs is None else f", {reported.aggregation} of {reported.runs} runs"
        return "\n".join(
            [
                f"{plan.target}: {cited.section}, {cited.row}, {cited.column}",
                f"the paper says {reported.value:.{digits}f}{spread} ({reported.unit}{runs}); "
                f"the same would be within ±{plan.margin:.3g}",
                f"  ({plan.margin_source})",
            ]
        )

    def _prospects(self) -> str:
        count = len(self.foreseen.plan.seeds) if self.foreseen.plan else 0
        return prospects_told(self.foreseen, f"The most that can come of it with {count} seeds")

    def _table(self) -> str:
        if not self.chances:
            return (
                "No spread is printed beside the number, so that chances cannot be told; a trial "
                "with 3 seeds shows one."
            )
        sd, margin = self.chances[0].sd, self.chances[0].margin
        header = ("seeds", "same, found same", "2 margins apart, found different", "time")
        rows = [header, *(self._row(chance) for chance in self.chances)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
        lines = [
            "  " + "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        told = (
            f"The chance of a decision, if single runs spread by {sd:.2g} (the paper's ±) on both "
            f"sides and the protocol is the paper's; found the same though ±{margin:.3g} apart: "
            f"{max(c.equivalent_if_margin_apart for c in self.chances):.1%} at most. A refutation "
            "wants 5 seeds at least."
        )
        return "\n".join([textwrap.fill(told, WIDTH), *lines])

    def _row(self, chance: Chance) -> tuple[str, ...]:
        seconds = self.seconds(chance.runs)
        return (
            str(chance.runs),
            f"{chance.equivalent_if_same:.0%}",
            f"{chance.different_if_gap:.0%}",
            "" if seconds is None else seconds_told(seconds),
        )


def outlook(ready: Ready, *, tokens_per_second: float | None = None) -> Outlook:
    """What the wish would cost and could bring; nothing is written.

    `tokens_per_second` (padding included, of one run on its share of the cores) gives times.
    """
    foreseen = foresee(ready)
    highest, reasons = prospects(foreseen)
    seconds = None
    if tokens_per_second:
        seconds = ready.found.plan.padded_tokens / tokens_per_second
    return Outlook(
        foreseen,
        replace(ready.found.plan, seconds=seconds),
        ready.workers,
        highest=highest,
        reasons=reasons,
        chances=_chances(foreseen),
        notes=ready.notes,
    )


def _chances(foreseen: Verdict) -> tuple[Chance, ...]:
    plan, reported = foreseen.plan, foreseen.reported
    assert plan is not None and reported is not None
    counts: set[int] = set(RUNS)
    if len(plan.seeds) >= FEWEST_TO_CONFIRM:
        counts.add(len(plan.seeds))
    try:
        return chances(reported, plan.margin, runs=sorted(counts))
    except DataError:  # no spread to plan with
        return ()


def prospects_told(foreseen: Verdict, head: str = "The most that can come of it") -> str:
    """The highest status within reach, why it is no higher, and what differs from the paper."""
    highest, reasons = prospects(foreseen)
    parts = [f"{head}: {highest}."]
    if reasons:
        # Of a level's reason the deviations follow one by one.
        short = [
            one.sentence.partition(": ")[0] if one.name in LEVELS else one.sentence
            for one in reasons
        ]
        parts.append(bullets(short))
    if foreseen.caveats:
        parts += ["What differs from the paper:", bullets(foreseen.caveats)]
    return "\n".join(parts)


def bullets(sentences: Iterable[str], mark: str = "- ") -> str:
    """Sentences under each other, wrapped."""
    return "\n".join(
        textwrap.fill(one, WIDTH, initial_indent=f"  {mark}", subsequent_indent="    ")
        for one in sentences
    )
