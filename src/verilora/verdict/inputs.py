"""EV-016: was every run made from what the preregistration says?"""

from __future__ import annotations

from verilora.records.measurement import Inputs
from verilora.verdict.case import Answer, Case, unchecked
from verilora.verdict.machinery import Side, on_both_sides, shortfall

WORDS = {"recipe": "another recipe", "base": "another base", "start": "another start"}


@on_both_sides
def check_inputs(case: Case, side: Side) -> Answer:
    """EV-016: every run was made from the recipe, base and start of the preregistration."""
    sanity, measured = side.sanity, side.measured
    expected = _planned(case, side) or (sanity.inputs_expected if sanity else None)
    if expected is None or measured is None:
        return unchecked("the preregistration fixes no recipe by its digest (plan.inputs)")
    found = sanity.inputs if sanity else ()
    short = shortfall(side, len(found))
    if short:
        return Answer(False, short)
    differing = {name for inputs in found for name in _differing(inputs, expected)}
    if differing:
        told = ", ".join(WORDS[name] for name in WORDS if name in differing)
        return Answer(False, f"some runs were made from {told} than the preregistration says")
    return Answer(True, f"all runs were made from the recipe {expected.recipe[:19]}…")


def _planned(case: Case, side: Side) -> Inputs | None:
    plan = case.preregistration.plan if case.preregistration else None
    if plan is None:
        return None
    return plan.reference.inputs if side.whose and plan.reference else plan.inputs


def _differing(found: Inputs, expected: Inputs) -> set[str]:
    """What differs; a base that one side does not say (a failed run) counts for nothing."""
    names = {"recipe"} if found.recipe != expected.recipe else set()
    if found.base is None or expected.base is None:
        return names
    pairs = {"base": (found.base, expected.base), "start": (found.start, expected.start)}
    return names | {name for name, (first, second) in pairs.items() if first != second}
