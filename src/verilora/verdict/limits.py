"""Why a verdict is no higher: each rule that holds a status down, with its sentence.

A status is what the numbers alone would say, lowered by every limit that applies; so the reasons
that are told are the rules that were used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from verilora.records.protocol import Level
from verilora.records.record import Record
from verilora.records.verdict import Gate, Status
from verilora.verdict.lower import lowest_of
from verilora.verdict.protocol import HIGHEST
from verilora.verdict.statistics import DIFFERENT, EQUIVALENT, INCONCLUSIVE

FEWEST_TO_CONFIRM = 3
FEWEST_TO_REFUTE = 5
"""Runs."""
SANITY = ("EV-008", "EV-009", "EV-010", "EV-011")
"""Gates that must have passed, not merely not failed."""
UNITS, SHARE, INPUTS = "EV-005", "EV-015", "EV-016"
UNSHOWN = "sanity-not-shown"


class Reason(Record):
    """Why a verdict is what it is: a short name that stays, and a sentence."""

    name: str
    sentence: str


@dataclass(frozen=True)
class Limit:
    """A status that must not be exceeded, and why."""

    ceiling: Status
    name: str
    sentence: str

    @property
    def reason(self) -> Reason:
        """Name and sentence, as a record."""
        return Reason(name=self.name, sentence=self.sentence)


@dataclass(frozen=True)
class Standing:
    """What is known about a verdict besides the difference itself."""

    level: Level
    runs: int
    """All that were made."""
    numbers: int
    """Runs that count with a number."""
    registered: bool
    gates: tuple[Gate, ...] = ()
    deviations: tuple[str, ...] = ()
    """What keeps the level down, a sentence each."""
    reference_runs: int | None = None
    """Of the other side, where both are measured; the rules' counts of runs hold for it too."""
    planned: bool = False
    """Nothing was run yet."""
    undecided: str | None = None
    """Why nothing can be decided, whatever the numbers say."""

    @property
    def fewest(self) -> int:
        """Runs of the side that has fewer."""
        numbers, others = self.numbers, self.reference_runs
        return numbers if others is None else min(numbers, others)

    @property
    def them(self) -> str:
        """What our runs are compared with."""
        return "the paper" if self.reference_runs is None else "the reference"


@dataclass(frozen=True)
class Finding:
    """What the numbers say: the label's code, the difference itself within the margin or not, and
    whether every run lies on the same side of the paper's value."""

    label: int
    within: bool
    one_side: bool


def status_of(finding: Finding, standing: Standing) -> Status:
    """What the numbers say, lowered by every limit."""
    ceilings: list[Status] = [limit.ceiling for limit in limits(standing, finding)]
    return lowest_of(ceilings, start=_claim(finding, standing))


def label_of(finding: Finding, standing: Standing) -> int:
    """The label that counts: inconclusive where nothing can be decided."""
    return INCONCLUSIVE if standing.undecided else finding.label


def limits(standing: Standing, finding: Finding | None = None) -> tuple[Limit, ...]:
    """All limits that apply; without a finding those that hold whatever the numbers say."""
    found = [*_level(standing), *_runs(standing), *_registration(standing), *_gates(standing)]
    if finding is not None and label_of(finding, standing) == DIFFERENT:
        found += _refutation(standing, finding)
    return tuple(found)


def _claim(finding: Finding, standing: Standing) -> Status:
    label = label_of(finding, standing)
    if label == EQUIVALENT:
        return "reproduced"
    if label == DIFFERENT:
        return "not_reproduced"
    # A proxy is not there to decide: a value within the margin is all that it can show.
    return "partial" if standing.level == "proxy" and finding.within else "inconclusive"


def _level(standing: Standing) -> Iterator[Limit]:
    level, highest, them = standing.level, HIGHEST[standing.level], standing.them
    if level == "exact":
        return
    told = "; ".join(standing.deviations) or "no rows say what differs"
    sentences = {
        "near": f"the protocol is near {them}'s, which can confirm but not refute: {told}",
        "proxy": f"the protocol is a proxy of {them}'s, which is partial at most: {told}",
        "unknown": f"the protocol is not known well enough, so that nothing follows yet: {told}",
    }
    yield Limit(highest[0], level, sentences[level])


def _runs(standing: Standing) -> Iterator[Limit]:
    runs, numbers = standing.runs, standing.numbers
    if runs > numbers:
        missing = runs - numbers
        yield Limit(
            "inconclusive",
            "failed-runs",
            f"{missing} of {runs} runs gave no number, and what is left may be the better part; "
            "say in the preregistration with which value a failed run counts",
        )
    if standing.fewest < FEWEST_TO_CONFIRM:
        yield Limit("partial", "few-seeds", _few(standing.fewest, planned=standing.planned))


def _few(numbers: int, *, planned: bool) -> str:
    if planned:
        told = "one seed is" if numbers == 1 else f"{numbers} seeds are"
        return (
            f"{told} planned; at least {FEWEST_TO_CONFIRM} are wanted for 'reproduced': name more "
            "(--seeds 0,1,2)"
        )
    wanted = f"at least {FEWEST_TO_CONFIRM} are wanted for 'reproduced'; run more"
    if numbers == 0:
        return f"no values of single runs are recorded, so that it counts as one seed; {wanted}"
    return f"{'one seed was' if numbers == 1 else f'{numbers} seeds were'} run; {wanted}"


def _registration(standing: Standing) -> Iterator[Limit]:
    if not standing.registered:
        yield Limit(
            "partial",
            "exploratory",
            "no preregistration made before the runs is at hand, so that this is exploratory and "
            "partial at most; fix margin, seeds and protocol beforehand",
        )


def _gates(standing: Standing) -> Iterator[Limit]:
    passed = {gate.rule: gate for gate in standing.gates}
    for gate in standing.gates:
        if gate.passed is False:
            yield Limit(_ceiling(gate.rule), gate.rule, gate.detail)
    missing = [rule for rule in SANITY if rule not in passed or passed[rule].passed is None]
    if missing:
        listed = ", ".join(missing)
        yield Limit(
            "partial",
            UNSHOWN,
            f"what shows that the machinery worked is not recorded or not checked ({listed})",
        )


def _ceiling(rule: str) -> Status:
    if rule == UNITS:
        return "pending"
    return "inconclusive" if rule in (*SANITY, SHARE, INPUTS) else "partial"


def _refutation(standing: Standing, finding: Finding) -> Iterator[Limit]:
    if standing.fewest < FEWEST_TO_REFUTE:
        yield Limit(
            "reproduced",
            "few-seeds-to-refute",
            f"{standing.fewest} seeds differ from {standing.them}; at least {FEWEST_TO_REFUTE} "
            "are wanted for 'not_reproduced'",
        )
    if not finding.one_side:
        yield Limit(
            "reproduced",
            "both-sides",
            f"some seeds lie above {standing.them}'s value and some below; 'not_reproduced' wants "
            "every seed on the same side",
        )
