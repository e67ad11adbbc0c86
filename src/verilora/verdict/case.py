"""What the gates look at: a verdict, and what was handed in to check it with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from verilora.records.verdict import Reference, Verdict


@dataclass(frozen=True)
class Case:
    """A verdict to check. What is None was not handed in, so that its gates say "not checked"."""

    verdict: Verdict
    preregistration: Verdict | None = None
    paper_text: str | None = None
    """The paper as plain text."""
    anchors: Mapping[str, str] | None = None
    """State of each anchor: "healthy", "drift" or "no data"."""

    @property
    def reference(self) -> Reference | None:
        """What our runs are compared with, where the plan says that it is measured too."""
        pre = self.verdict if self.verdict.kind == "PRE" else self.preregistration
        return pre.plan.reference if pre is not None and pre.plan is not None else None

    @property
    def compares(self) -> bool:
        """Both sides are measured, or are to be."""
        return self.reference is not None or self.verdict.reference_measured is not None


@dataclass(frozen=True)
class Answer:
    """Whether a rule holds (None: not checked), and what was found, as a sentence."""

    passed: bool | None
    detail: str


def unchecked(why: str) -> Answer:
    """An answer that says only why there is none."""
    return Answer(None, f"not checked: {why}")


def is_to_measure(verdict: Verdict) -> bool:
    """True for a preregistration whose reference will be measured: no number is there yet."""
    plan = verdict.plan if verdict.kind == "PRE" else None
    return plan is not None and plan.reference is not None
