"""EV-004, EV-005, EV-012 and EV-014: can the numbers be, and do they fit each other?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from verilora.records.measurement import Measured, Reported
from verilora.records.verdict import Verdict
from verilora.verdict.case import Answer, Case, is_to_measure, unchecked
from verilora.verdict.limits import Reason
from verilora.verdict.readings import decimals_of, is_share, shown_decimals
from verilora.verdict.statistics import resolution, side_of

TOLERANCE = 1e-6
"""Points by which a stated number may miss the recomputed one."""
BOUNDS = {"percent": 100.0, "fraction": 1.0}


def check_possible(case: Case) -> Answer:
    """EV-004: the values can come from whole numbers of right items, rounding allowed for."""
    verdict = case.verdict
    reported, measured = verdict.reported, verdict.measured
    metric = verdict.claim_citation.reported_metric if verdict.claim_citation else None
    if reported is None or reported.unit != "percent" or not is_share(metric):
        return unchecked("this is no share of items in percent")
    answers = []
    items = reported.items or (measured.full_size if measured else None)
    theirs = verdict.reference_measured
    if theirs is not None and theirs.evaluated and theirs.unit == "percent":
        answers.append(_measured_possible(theirs, theirs.evaluated))
    elif items:
        answers.append(possible(reported, items))
    if measured and measured.evaluated and measured.unit == "percent":
        answers.append(_measured_possible(measured, measured.evaluated))
    if not answers:
        return unchecked("the number of items is not recorded")
    failed = [answer for answer in answers if answer.passed is not True]
    return min(failed, key=lambda a: a.passed is None) if failed else answers[0]


def possible(reported: Reported, items: int) -> Answer:
    """Whether a share in percent, as printed, can come from `items` items and the runs reported.

    A single run or the median of an odd number gives multiples of 100/n, the median of an even
    number of 50/n, the mean of k runs of 100/(n·k). Either way of rounding a half is allowed.
    """
    runs, way = reported.runs, reported.aggregation
    half = resolution(decimals_of(reported))
    whole = right_items(reported.value, items, half=half)
    if whole is not None:
        told = f"{reported.value:g} % of {items} items is {whole} right"
        return Answer(True, f"{told} ({100 * whole / items:.3f} %)")
    parts = {"mean": runs or 0, "median": 2 - (runs or 2) % 2, "single": 1}.get(way or "", 0)
    if parts and right_items(reported.value, items * parts, half=half) is not None:
        return Answer(True, f"{reported.value:g} % of {items} items is possible as a {way} of runs")
    told = _impossible(reported.value, items)
    return Answer(False, told) if parts else unchecked(f"{told}, unless it is a mean of runs")


def right_items(value: float, items: int, *, half: float) -> int | None:
    """The number of right items that gives `value` percent within ± `half`; None if none does."""
    near = value * items / 100
    whole = [m for m in (math.floor(near), math.ceil(near)) if 0 <= m <= items]
    fits = [m for m in whole if abs(100 * m / items - value) <= half + TOLERANCE]
    return min(fits, key=lambda m: abs(100 * m / items - value), default=None)


def check_units(case: Case) -> Answer:
    """EV-005: one unit on both sides, in words and in size (0.897 beside 89.7 is refused)."""
    verdict = case.verdict
    reported, measured = verdict.reported, verdict.measured
    sides = (reported, measured, verdict.reference_measured)
    faults = [fault for side in sides for fault in _bounds(side)]
    cited = verdict.claim_citation.reported_value if verdict.claim_citation else None
    if reported and cited is not None:
        faults += _hundredfold([cited], reported.value, what="the citation", any_one=True)
    if reported and measured:
        if reported.unit != measured.unit:
            faults.append(f"reported in {reported.unit}, measured in {measured.unit}")
        else:
            share = is_share(verdict.claim_citation and verdict.claim_citation.reported_metric)
            faults += _hundredfold(
                measured.values, reported.value, what="what was measured", any_one=share
            )
    if faults:
        return Answer(False, f"units are mixed: {'; '.join(faults)}; state all in one unit")
    if reported is None:
        return unchecked("no unit is recorded for the paper's number (reported.unit)")
    return Answer(True, f"every number is in {reported.unit}")


def check_agreement(case: Case) -> Answer:
    """EV-012: what is stated (mean, sd, aggregate, cited value) follows from the values."""
    verdict = case.verdict
    reported, measured = verdict.reported, verdict.measured
    faults = []
    cited = verdict.claim_citation.reported_value if verdict.claim_citation else None
    if reported and cited is not None and cited != reported.value:
        faults.append(f"the citation says {cited:g}, reported.value {reported.value:g}")
    if measured and measured.values:
        faults += _stated(measured)
        faults += _ways(reported, measured)
    if verdict.reference_measured and verdict.reference_measured.values:
        faults += [f"of the reference, {fault}" for fault in _stated(verdict.reference_measured)]
    if faults:
        return Answer(False, f"numbers disagree: {'; '.join(faults)}; state what was measured")
    if measured is None or reported is None:
        return unchecked("reported or measured numbers are not recorded")
    return Answer(True, "what is stated follows from the values")


def check_recorded(case: Case) -> Answer:
    """EV-014: what the paper prints beside its number, the start and all units are recorded."""
    missing = unrecorded(case.verdict)
    if missing:
        return Answer(False, "; ".join(reason.sentence for reason in missing))
    return Answer(True, "spread, runs, aggregation, start and units are recorded")


def unrecorded(verdict: Verdict) -> tuple[Reason, ...]:
    """What a verdict leaves open, one reason each. null counts as said: the paper has none."""
    reported, found = verdict.reported, []
    asked = {
        "spread": "the spread (±) that the paper prints beside its value is not recorded",
        "runs": "of how many runs the paper's value is made is not recorded",
        "aggregation": "whether the paper gives a mean, a median or a single run is not recorded",
    }
    to_measure = is_to_measure(verdict)
    for field, sentence in asked.items():
        if not to_measure and (reported is None or not reported.says(field)):
            found.append(Reason(name=field, sentence=f"{sentence} (reported.{field})"))
    if reported is None and not to_measure:
        sentence = "the unit of the paper's value is not recorded (reported.unit)"
        found.append(Reason(name="unit", sentence=sentence))
    if "start" not in [row.dimension for row in verdict.protocol or ()]:
        sentence = "the checkpoint that training started from is not recorded (protocol, 'start')"
        found.append(Reason(name="start", sentence=sentence))
    if verdict.score is not None and verdict.score_unit is None:
        found.append(Reason(name="score-unit", sentence=_bare_score(verdict)))
    return tuple(found)


def _bare_score(verdict: Verdict) -> str:
    cited = verdict.claim_citation.reported_value if verdict.claim_citation else None
    beside = f" beside a value of {cited:g}" if cited is not None else ""
    return f"the score {verdict.score:g} has no unit{beside}; say score_unit (probability)"


def _impossible(value: float, items: int) -> str:
    near = math.floor(value * items / 100)
    below, above = 100 * near / items, 100 * (near + 1) / items
    return (
        f"{value:g} % of {items} items is impossible: {near} right give {below:.3f} %, "
        f"{near + 1} give {above:.3f} %"
    )


def _measured_possible(measured: Measured, items: int) -> Answer:
    failed = set(measured.failed)
    seeds = measured.seeds or (None,) * len(measured.values)
    for seed, value in zip(seeds, measured.values, strict=True):
        half = resolution(min(shown_decimals(value), 9))
        if seed not in failed and right_items(value, items, half=half) is None:
            return Answer(False, f"measured: {_impossible(value, items)}; check the count of items")
    return Answer(True, f"every measured value can come from {items} items")


def _bounds(side: Reported | Measured | None) -> list[str]:
    if side is None or side.unit not in BOUNDS:
        return []
    values = side.values if isinstance(side, Measured) else (side.value,)
    beyond = [value for value in values if abs(value) > BOUNDS[side.unit] + TOLERANCE]
    return [f"{value:g} cannot be a {side.unit}" for value in beyond]


def _hundredfold(values: Sequence[float], value: float, *, what: str, any_one: bool) -> list[str]:
    # A result within a factor of two of a hundredth (or a hundredfold) of the other is the same
    # number in another unit; a model that merely failed lands elsewhere. A correlation may fail
    # down to a hundredth of what it should be, so that there all values must look mixed.
    small = [v for v in values if abs(value) > 1.5 and 0.5 < 100 * v / value < 2]
    large = [v for v in values if 0 < abs(value) <= 1 < abs(v) and 0.5 < v / (100 * value) < 2]
    mixed = small or large
    if not mixed or not (any_one or len(mixed) == len(values)):
        return []
    return [f"{what} says {mixed[0]:g} beside {value:g}, a fraction beside a percentage"]


def _stated(measured: Measured) -> list[str]:
    way = "median" if measured.aggregation == "median" else "mean"
    mean, side = side_of(measured.values, "mean"), side_of(measured.values, way)
    computed = {"mean": mean.value, "sd": mean.sd, "value": side.value}
    return [
        f"{name} is given as {given:g}, the values give {float(found):.6g}"
        for name, found in computed.items()
        if (given := getattr(measured, name)) is not None
        and found is not None
        and abs(given - float(found)) > TOLERANCE
    ]


def _ways(reported: Reported | None, measured: Measured) -> list[str]:
    ours, theirs = measured.aggregation, reported.aggregation if reported else None
    if ours is None or theirs is None or ours == theirs:
        return []
    if theirs == "single" and ours == "mean":
        return []
    return [f"the paper gives a {theirs}, ours is a {ours}"]
