"""Lowering a verdict: which status says less than which, and the one door for changing one.

    reproduced            not_reproduced
        |                       |
     partial                    |
        \\______ inconclusive ___/
                     |
                 disputed
                     |
                  pending
                     |
               not_attempted

A status is lower if a line leads down to it. So a refutation is never lowered to "partial", which
would speak for the paper, and neither strong status is lower than the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from verilora.errors import DataError
from verilora.records.protocol import LEVELS
from verilora.records.verdict import Status, Verdict

_BELOW: dict[Status, tuple[Status, ...]] = {
    "reproduced": ("partial",),
    "partial": ("inconclusive",),
    "not_reproduced": ("inconclusive",),
    "inconclusive": ("disputed",),
    "disputed": ("pending",),
    "pending": ("not_attempted",),
    "not_attempted": (),
}
_MAY_CHANGE = ("status", "confidence", "protocol_match", "gates", "caveats")


def down_from(status: Status) -> tuple[Status, ...]:
    """The status and all below it, from the highest to the lowest."""
    return (status, *(lower for step in _BELOW[status] for lower in down_from(step)))


def is_lower(status: Status, than: Status) -> bool:
    """True if `status` says strictly less."""
    return status != than and status in down_from(than)


def meet(first: Status, second: Status) -> Status:
    """The highest status that is no higher than either."""
    return next(status for status in down_from(first) if status in down_from(second))


def lowest_of(statuses: Iterable[Status], *, start: Status) -> Status:
    """The meet of `start` and all of the statuses; their order does not matter."""
    return reduce(meet, statuses, start)


def accept_lowered(verdict: Verdict, lowered: Verdict) -> Verdict:
    """`lowered`, if it is `verdict` with nothing raised; the way in which validators change one.

    Status, confidence and level may fall, a gate may go from passed to failed or not checked, and
    gates and caveats may be added. Every number, run and reason stays as it was.
    Raises DataError with all `faults` otherwise.
    """
    faults = [*_status_faults(verdict, lowered), *_other_faults(verdict, lowered)]
    if faults:
        raise DataError(
            "a validator may only lower a verdict: " + "; ".join(faults),
            file=None,
            line=None,
            faults=tuple(faults),
        )
    return lowered


def lower(verdict: Verdict, status: Status, *, caveat: str) -> Verdict:
    """The verdict with a lower status, and why as a caveat; raises DataError if it is no lower."""
    caveats = (*(verdict.caveats or ()), caveat)
    return accept_lowered(verdict, verdict.replace(status=status, caveats=caveats))


def _status_faults(verdict: Verdict, lowered: Verdict) -> list[str]:
    faults = []
    if lowered.status not in down_from(verdict.status):
        allowed = ", ".join(down_from(verdict.status)[1:]) or "nothing"
        faults.append(
            f"'{lowered.status}' is not lower than '{verdict.status}'; lower are {allowed}"
        )
    if (lowered.confidence or 0) > (verdict.confidence or 0):
        faults.append(f"confidence rises from {verdict.confidence} to {lowered.confidence}")
    before, after = verdict.protocol_match or "unknown", lowered.protocol_match or "unknown"
    if LEVELS.index(after) < LEVELS.index(before):
        faults.append(f"protocol_match rises from '{before}' to '{after}'")
    return faults


def _other_faults(verdict: Verdict, lowered: Verdict) -> list[str]:
    before, after = verdict.to_mapping(), lowered.to_mapping()
    changed = {
        key
        for key in {*before, *after} - set(_MAY_CHANGE)
        if (key in before) != (key in after) or before.get(key) != after.get(key)
    }
    faults = [f"'{key}' was changed; leave it as it was" for key in sorted(changed)]
    passed = {gate.rule: gate.passed for gate in lowered.gates or ()}
    for gate in verdict.gates or ():
        if gate.rule not in passed:
            faults.append(f"gate {gate.rule} was taken out; leave it in")
        elif _standing(passed[gate.rule]) > _standing(gate.passed):
            faults.append(f"gate {gate.rule} was raised; what failed stays failed")
    missing = set(verdict.caveats or ()) - set(lowered.caveats or ())
    if missing:
        faults.append(f"caveats were taken out ({', '.join(sorted(missing))}); leave them in")
    return faults


def _standing(passed: bool | None) -> int:
    return {True: 2, None: 1, False: 0}[passed]
