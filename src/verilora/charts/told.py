"""The caption of a verdict's picture: what each mark is, and what can be seen, in words."""

from __future__ import annotations

from verilora.charts.words import digits_of, points_of
from verilora.records.verdict import Plan, Verdict

MOST_NAMED = 20
"""Seeds that get a row each in the picture; more of them share one."""
SEEN = {
    "equivalent": "it lies inside the band, so the two are the same within the margin",
    "different": "it lies wholly outside the band, so the two differ by more than the margin",
    "inconclusive": "it lies partly outside the band, so neither is shown",
}


def caption(verdict: Verdict, plan: Plan | None, *, margin: float | None, drawn: bool) -> str:
    """A few sentences; `drawn` says whether the majority class is in the picture."""
    told = [_marks(verdict, plan, margin=margin), _ours(verdict), *_failed(verdict)]
    told += [] if drawn else _majority(verdict, plan)
    return " ".join(sentence for sentence in told if sentence)


def _marks(verdict: Verdict, plan: Plan | None, *, margin: float | None) -> str:
    reported, measured = verdict.reported, verdict.measured
    if reported is None:
        return ""
    band = ""
    if margin:
        width = f"{margin:.3g} {points_of(reported.unit)}"
        of = plan.reference.name if plan and plan.reference else "the paper's value"
        band = f"The band is the margin: {width} to each side of {of}."
    if measured is None or not measured.values:
        return f"{band} No values of single runs are recorded.".strip()
    if measured.unit != reported.unit:
        units = f"measured in {measured.unit} and reported in {reported.unit}"
        return f"{band} Ours is not drawn: it is {units}.".strip()
    named = ", named by its seed" if len(measured.values) <= MOST_NAMED else ""
    return f"{band} Each dot is a run{named}.".strip()


def _ours(verdict: Verdict) -> str:
    reported, measured = verdict.reported, verdict.measured
    if reported is None or measured is None or not measured.values:
        return ""
    if measured.unit != reported.unit:
        return ""
    if verdict.statistics is None:
        return "One run has no spread, so that no interval can be drawn and nothing is decided."
    sentence = "The line through the diamond is the 90 % interval of the difference"
    seen = SEEN.get(verdict.decision or "")
    if verdict.decision == "inconclusive" and _lies_clearly(verdict):
        seen = "clear as it lies, nothing is decided, for the reasons that are told beside it"
    return f"{sentence}: {seen}." if seen else f"{sentence}."


def _lies_clearly(verdict: Verdict) -> bool:
    found = verdict.statistics
    assert found is not None
    (low, high), margin = found.interval90, found.margin
    return (-margin < low and high < margin) or low >= margin or high <= -margin


def _failed(verdict: Verdict) -> list[str]:
    measured, reported = verdict.measured, verdict.reported
    if measured is None or reported is None or not measured.failed:
        return []
    values = dict(zip(measured.seeds or (), measured.values, strict=False))
    counted = [
        f"seed {seed} failed and "
        + (
            f"counts with {values[seed]:.{digits_of(reported)}f}"
            if seed in values
            else "gave no number"
        )
        for seed in measured.failed
    ]
    told = "; ".join(counted)
    return [f"{told[0].upper()}{told[1:]}."]


def _majority(verdict: Verdict, plan: Plan | None) -> list[str]:
    held = verdict.sanity.majority if verdict.sanity else None
    value = held if held is not None else plan.majority if plan else None
    if value is None or verdict.reported is None:
        return []
    side = "left" if value < verdict.reported.value else "right"
    return [
        f"Always giving the most frequent answer scores {value:.1f}, too far to the {side} to be "
        "drawn."
    ]
