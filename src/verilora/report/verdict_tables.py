"""The tables of a verdict's page, as text: seeds, statistics, plan, rules, checks, digests."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from verilora.records.measurement import Measured
from verilora.records.verdict import Verdict
from verilora.verdict.gates import rules
from verilora.verdict.meaning import Seed, margin_told, seeds_of, shown_value
from verilora.verdict.words import points

Rows = list[tuple[str, str]]
HOLDS = {
    True: ("✓", "yes", "passed"),
    False: ("✗", "no", "failed"),
    None: ("–", "not checked", "open"),
}


@dataclass(frozen=True)
class Links:
    """Addresses of the runs' own pages by seed, relative to the verdict's page.

    `whole`: all is there from which the verdict can be computed again.
    """

    ours: Mapping[int, str] = field(default_factory=dict)
    reference: Mapping[int, str] = field(default_factory=dict)
    whole: bool = False


class SeedRow(NamedTuple):
    """One run, as text; `link` is the address of its own page, or ""."""

    seed: str
    value: str
    difference: str
    state: str
    link: str


class SeedTable(NamedTuple):
    """The runs of one side; `total` is what they come to."""

    title: str
    beside: str
    rows: list[SeedRow]
    total: tuple[str, str, str] | None

    @property
    def linked(self) -> bool:
        """A seed has a page of its own."""
        return any(row.link for row in self.rows)


class GateRow(NamedTuple):
    """One rule, and whether it holds: in words, with a sign, never by colour alone."""

    number: str
    rule: str
    icon: str
    word: str
    kind: str
    detail: str


def seeds_told(verdict: Verdict, links: Links) -> list[SeedTable]:
    """A table for our runs, and one for the reference's where it was measured."""
    tables = []
    theirs = "the reference" if verdict.reference_measured else "the paper"
    beside = f"less {theirs}'s"
    if seeds_of(verdict):
        rows = [_seed(verdict, one, links=links.ours) for one in seeds_of(verdict)]
        tables.append(SeedTable("Seeds", beside, rows, _total(verdict, verdict.measured)))
    if verdict.reference_measured is not None:
        other = verdict.replace(measured=verdict.reference_measured)
        rows = [_seed(other, one, links=links.reference) for one in seeds_of(other)]
        total = _total(other, verdict.reference_measured)
        tables.append(SeedTable("Seeds of the reference", beside, rows, total))
    return tables


def statistics_told(verdict: Verdict) -> list[tuple[str, str, str]]:
    """Name, value and meaning of each number that the verdict rests on."""
    return list(_statistics(verdict))


def plan_told(pre: Verdict) -> Rows:
    """What was fixed before the runs."""
    plan = pre.plan
    assert plan is not None
    rows = [
        ("target", plan.target),
        ("margin", margin_told(plan)),
        ("seeds", ", ".join(map(str, plan.seeds))),
        ("what counts", f"{plan.aggregation} over the runs; {plan.selection}"),
        ("a failed run", plan.failed_run),
    ]
    if plan.reference is not None:
        seeds = ", ".join(map(str, plan.reference.seeds))
        rows.insert(1, ("compared with", f"{plan.reference.name}, seeds {seeds}"))
    if pre.score is not None:
        rows.append(("forecast", f"{pre.score:.2g}, that the difference lies within the margin"))
    if pre.computed_at:
        rows.append(("at", pre.computed_at))
    return [*rows, ("digest", pre.digest)]


def gates_told(verdict: Verdict) -> list[GateRow]:
    """Every gate with its rule in words; those that hold come last."""
    words = rules()
    order = {False: 0, None: 1, True: 2}
    held = sorted(verdict.gates or (), key=lambda gate: (order[gate.passed], gate.rule))
    return [
        GateRow(
            gate.rule,
            words.get(gate.rule, "a rule of another version"),
            *HOLDS[gate.passed],
            gate.detail.removeprefix("not checked: "),
        )
        for gate in held
    ]


def checks_told(verdict: Verdict, pre: Verdict | None, *, links: Links) -> Rows:
    """What a command shows, and the command."""
    told = (
        "Compute everything again, from the predictions to this verdict:"
        if links.whole
        else ("Judge the document again, from the numbers in it:")
    )
    checks = [(told, "verilora judge .")]
    if pre is not None:
        begin = pre.digest.removeprefix("sha256:")[:12]
        said = f"What was fixed before the runs; its digest must begin with {begin}:"
        checks.append((said, "sha256sum preregistration.json"))
    if links.ours:
        first = PurePosixPath(links.ours[min(links.ours)]).parent.as_posix()
        said = "Let a run's saved weights answer every example again:"
        checks.append((said, f"verilora evaluate {shlex.quote(first)}"))
    quote = next((gate for gate in verdict.gates or () if gate.rule == "EV-002"), None)
    if quote is not None and quote.passed is None:
        said = "Look whether the paper says what is quoted; its text or PDF is wanted:"
        checks.append((said, "verilora judge . --paper-text paper.pdf"))
    return checks


def digests_told(verdict: Verdict, pre: Verdict | None) -> Rows:
    """Digests of the verdict, of its preregistration, runs, data and files."""
    rows = [("verdict", verdict.digest)]
    rows += [("verdict id", verdict.id)] if verdict.id else []
    rows += [("preregistration", pre.digest)] if pre else []
    rows += [(f"run {number}", digest) for number, digest in enumerate(verdict.runs or ())]
    others = enumerate(verdict.reference_runs or ())
    rows += [(f"run {number} of the reference", digest) for number, digest in others]
    return rows + [(file.name, file.sha256) for file in verdict.artifacts or ()]


def _seed(verdict: Verdict, one: Seed, *, links: Mapping[int, str]) -> SeedRow:
    reported = verdict.reported
    value = "–" if one.value is None else shown_value(verdict, one.value)
    difference = "–"
    if one.value is not None and reported is not None and verdict.measured is not None:
        same = verdict.measured.unit == reported.unit
        difference = _signed(shown_value(verdict, one.value - reported.value)) if same else "–"
    state = "no number" if one.value is None else "counts"
    state = f"failed, {state}" if one.failed else state
    link = "" if one.seed is None else links.get(one.seed, "")
    return SeedRow("–" if one.seed is None else str(one.seed), value, difference, state, link)


def _total(verdict: Verdict, measured: Measured | None) -> tuple[str, str, str] | None:
    if measured is None or measured.value is None:
        return None
    sd = "" if measured.sd is None else f" ± {shown_value(verdict, measured.sd)}"
    found = verdict.statistics
    apart = _signed(shown_value(verdict, found.difference)) if found else ""
    if verdict.reference_measured is measured:
        apart = ""
    return measured.aggregation or "together", f"{shown_value(verdict, measured.value)}{sd}", apart


def _statistics(verdict: Verdict) -> Iterator[tuple[str, str, str]]:
    found = verdict.statistics
    if found is not None:
        unit = points(found.unit)
        low, high = found.interval90
        apart = _minus(f"{found.difference:+.3f} {unit}")
        yield "difference", apart, "ours less what it is compared with"
        yield (
            "90 % interval",
            _minus(f"{low:+.3f} to {high:+.3f}"),
            "where the true difference lies, but for a chance of 5 % to either side",
        )
        why = found.margin_source or "what counts as the same"
        yield "margin", f"±{found.margin:.3g} {unit}", why
        yield "standard error", f"{found.standard_error:.3f}", "how far chance moves the difference"
        freedom = found.degrees_of_freedom
        told = "without bound" if freedom is None else f"{freedom:.2f}"
        yield "degrees of freedom", told, "how well the spread behind that error is known"
    if verdict.decision is not None:
        yield "decision", verdict.decision, "where that interval lies: in, out, or across"
    if verdict.score is not None:
        told = "the probability that the true difference lies within the margin"
        yield "score", f"{verdict.score:.3g}", told
    if verdict.confidence is not None:
        told = "the probability that the same work, done again, comes to the same status"
        yield "confidence", f"{verdict.confidence:.3g}", f"{told}; limited by the protocol"
    if found is not None and found.prediction95 is not None:
        low, high = found.prediction95
        lies = "lies in it" if found.compatible else "lies outside"
        told = "where one more such result would lie if its runs were like ours; the value compared"
        proves = f"{told} with {lies}, which proves nothing"
        yield "95 % prediction", f"{low:.2f} to {high:.2f}", proves


def _signed(number: str) -> str:
    return _minus(number if number.startswith("-") else f"+{number}")


def _minus(text: str) -> str:
    return text.replace("-", "−")
