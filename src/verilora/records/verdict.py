"""Verdict: what a reproduction of one number came to (`verilora.verdict/1`, verdict.json).

A superset of the verdict documents that are published elsewhere (paper{}, latest_version{},
verdict{}, verdicts{post, pre}): their keys keep their names and meaning, so that theirs load and
ours read the same. A verdict of kind PRE is a preregistration: what will be done, fixed before.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from verilora.records.given import (
    AsGiven,
    Digest,
    Flag,
    Positive,
    Share,
    Text,
    Whole,
)
from verilora.records.measurement import (
    Aggregation,
    Inputs,
    Measured,
    Reported,
    Sanity,
    Seeds,
    Statistics,
    Unit,
    Value,
    refuse_repeated,
)
from verilora.records.patterns import EITHER, RULE
from verilora.records.protocol import Level, Row
from verilora.records.reading import record_of
from verilora.records.strict_json import parse_strict

FORMAT = "verilora.verdict/1"
Status = Literal[
    "reproduced",
    "not_reproduced",
    "partial",
    "inconclusive",
    "disputed",
    "pending",
    "not_attempted",
]
Decision = Literal["equivalent", "different", "inconclusive"]


class Citation(AsGiven):
    """Where the paper says it."""

    paper_arxiv_id: Text | None = None
    section: Text | None = None
    """The table or section, as captioned: "Table 2"."""
    row: Text | None = None
    column: Text | None = None
    reported_value: Value | None = None
    """In the unit that `reported` says."""
    reported_metric: Text | None = None
    quoted_text: Text | None = None
    pdf_page: Whole | None = None
    notes: Text | None = None


class Reference(AsGiven):
    """What our runs are compared with, where that is measured too and no paper's number."""

    name: Text
    """What it is: "full fine-tuning of the same base"."""
    seeds: Seeds
    trainable: Whole | None = None
    """Trainable scalars as computed from the configuration."""
    inputs: Inputs | None = None

    @model_validator(mode="after")
    def _different(self) -> Reference:
        refuse_repeated(self.seeds)
        return self


class Plan(AsGiven):
    """What a preregistration fixes besides protocol and reported number."""

    target: Text
    seeds: Seeds
    margin: Positive
    unit: Unit
    margin_source: Text
    aggregation: Aggregation
    selection: Text
    """Which evaluation of a run counts, and why."""
    failed_run: Text
    """What counts as a failed run, and with which value it counts."""
    trainable: Whole | None = None
    data: Digest | None = None
    inputs: Inputs | None = None
    """What every run is made from."""
    target_digest: Digest | None = None
    """Of target.json: the paper's number, its metric, and how it was made."""
    majority: Value | None = None
    reference: Reference | None = None
    """Measured under the same preregistration, in place of a reported number."""
    share_below: Annotated[Positive, Field(le=100)] | None = None
    """Percent of the encoder's parameters that the adapter's must stay below, where the claim says
    so; head and adapter themselves are no part of the encoder."""

    @model_validator(mode="after")
    def _different(self) -> Plan:
        refuse_repeated(self.seeds)
        return self


class Artifact(AsGiven):
    """A file that belongs to the verdict; `size` in bytes."""

    name: Text
    sha256: Annotated[str, Field(strict=True, pattern=EITHER)]
    size: Whole
    role: Text


class Gate(AsGiven):
    """One rule (EV-001, ...) and whether it holds; null: not checked."""

    rule: Annotated[str, Field(strict=True, pattern=RULE)]
    passed: Flag | None
    detail: Text


class Verdict(AsGiven):
    """A verdict (POST), or the preregistration of one (PRE)."""

    format: Literal["verilora.verdict/1"] | None = None
    id: Text | None = None
    kind: Literal["POST", "PRE"]
    status: Status
    score: Share | None = None
    """POST: probability that the difference lies within the margin. PRE: forecast of that."""
    score_unit: Literal["probability"] | None = None
    confidence: Share | None = None
    confidence_unit: Literal["probability"] | None = None
    agent_version: Text | None = None
    computed_at: Text | None = None
    is_current: Flag | None = None
    claim_citation: Citation | None = None
    protocol_match: Level | None = None
    reported: Reported | None = None
    measured: Measured | None = None
    statistics: Statistics | None = None
    decision: Decision | None = None
    protocol: tuple[Row, ...] | None = None
    plan: Plan | None = None
    preregistration: Digest | None = None
    exploratory: Flag | None = None
    """True for a verdict without a preregistration."""
    runs: tuple[Digest, ...] | None = None
    reference_measured: Measured | None = None
    """Where the plan has a reference: its numbers, which `reported` is made of."""
    reference_runs: tuple[Digest, ...] | None = None
    reference_sanity: Sanity | None = None
    artifacts: tuple[Artifact, ...] | None = None
    sanity: Sanity | None = None
    gates: tuple[Gate, ...] | None = None
    caveats: tuple[Text, ...] | None = None

    @model_validator(mode="after")
    def _rows_once(self) -> Verdict:
        for what, names in (
            ("protocol rows", [row.dimension for row in self.protocol or ()]),
            ("gates", [gate.rule for gate in self.gates or ()]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"two {what} for {', '.join(twice)}; one for each is wanted")
        if self.kind == "PRE" and self.plan is not None and self.status != "pending":
            raise ValueError(f"a preregistration is pending until it was run, not {self.status}")
        if self.plan is not None and self.plan.reference is not None and self.reported is not None:
            raise ValueError(
                f"'{self.plan.reference.name}' is to be measured, and a reported number is given "
                "too; leave out 'reported' or the plan's 'reference'"
            )
        return self


class Paper(AsGiven):
    """The paper, as its archive lists it."""

    arxiv_id: Text | None = None
    title: Text | None = None
    abstract: Text | None = None
    primary_category: Text | None = None
    venue: Text | None = None
    published_at: Text | None = None
    latest_version: Whole | None = None
    withdrawn: Flag | None = None


class PaperVersion(AsGiven):
    """The version of the paper that the verdict is about."""

    id: Text | None = None
    version: Whole | None = None
    source_url: Text | None = None
    rendered_html_url: Text | None = None
    rendering_engine: Text | None = None


class Verdicts(AsGiven):
    """The newest verdict of each kind."""

    post: Verdict | None = None
    pre: Verdict | None = None


class VerdictDocument(AsGiven):
    """A paper with its verdict: what verdict.json holds. Loads and comes out again unchanged."""

    format: Literal["verilora.verdict/1"] | None = None
    paper: Paper | None = None
    latest_version: PaperVersion | None = None
    verdict: Verdict | None = None
    verdicts: Verdicts | None = None


def read_document(content: bytes, *, name: str = "the document") -> VerdictDocument:
    """The document in the bytes of a JSON file; a verdict that stands alone is put into one.

    Raises DataError with all `faults`: no strict JSON, keys unknown, missing or twice, values
    that cannot be.
    """
    data = parse_strict(content, name=name)
    if isinstance(data, dict) and "status" in data and "verdict" not in data:
        return VerdictDocument(verdict=record_of(Verdict, data, name=name))
    return record_of(VerdictDocument, data, name=name)
