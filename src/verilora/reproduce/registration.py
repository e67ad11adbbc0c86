"""The preregistration: what will be done, fixed before anything is run, and never changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from verilora import __version__
from verilora.errors import OutputError, RecipeError
from verilora.records.measurement import Reported
from verilora.records.protocol import Level
from verilora.records.verdict import Plan, Verdict
from verilora.reproduce.circumstances import Circumstances
from verilora.reproduce.directory import Place
from verilora.reproduce.wish import Wish, account_of
from verilora.verdict.conclude import Stamp, preregister, prospects
from verilora.verdict.differences import rows_of
from verilora.verdict.lower import down_from
from verilora.verdict.power import chances
from verilora.verdict.protocol import level_of
from verilora.verdict.readings import default_margin

SELECTIONS = {
    "best": "each run's best evaluation on the evaluation set, as the paper chose it",
    "last": "each run's last evaluation",
}
FAILED_RUN = (
    "a run whose training breaks down (a loss that is not finite, a self-check that fails) has "
    "failed and counts with what the majority class scores; none is left out or run again"
)
FAILED_WRITING = (
    "a run whose training breaks down (a loss that is not finite, a self-check that fails) has "
    "failed and counts with what the training set's commonest text scores after every prompt; "
    "none is left out or run again"
)
CHANGING = {"id", "computed_at", "agent_version"}
"""What may differ between a preregistration and the same one made again."""


def stamp_now() -> Stamp:
    """This version of verilora, and the time."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Stamp(f"verilora {__version__}", now)


def draft(wish: Wish, found: Circumstances, *, stamp: Stamp) -> Verdict:
    """The preregistration of a wish, by what was found. Raises DataError where no margin is
    sound by default, RecipeError for a margin that is none."""
    target, account = wish.target, account_of(wish)
    margin, source = margin_of(wish)
    rows = rows_of(target, account, found.setup)
    plan = Plan(
        target=target.name,
        seeds=wish.chosen_seeds,
        margin=margin,
        unit=target.reported.unit,
        margin_source=source,
        aggregation=target.reported.aggregation or "mean",
        selection=SELECTIONS[found.setup.recipe.training.select],
        failed_run=FAILED_WRITING if found.setup.recipe.generation else FAILED_RUN,
        trainable=found.plan.parameters.trainable,
        data=found.setup.data,
        inputs=found.inputs,
        target_digest=target.digest,
        majority=found.majority,
    )
    return preregister(
        target.citation,
        target.reported,
        protocol=rows,
        plan=plan,
        forecast=_forecast(target.reported, plan, level=level_of(rows)),
        stamp=stamp,
    )


def margin_of(wish: Wish) -> tuple[float, str]:
    """(margin, why): the one declared, or the default of the rules."""
    reported = wish.target.reported
    if wish.margin is None:
        return default_margin(reported, items=reported.items)
    if not wish.margin > 0:
        raise RecipeError("margin", [f"{wish.margin:g} found; a number above 0 is wanted"])
    return wish.margin, "declared before the runs"


def register(place: Place, wish: Wish, *, found: Circumstances) -> Verdict:
    """Writes the preregistration, or takes up the one that is there if it says the same.

    Raises OutputError if it says something else: a plan is never changed once it was made.
    """
    made = draft(wish, found, stamp=stamp_now())
    instead = "choose another directory with --out, or say the same again to go on"
    before = take_up(place, made, instead=instead)
    if before is not None:
        return before
    place.keep(place.target_file, wish.target.canonical())
    place.keep(place.preregistration_file, made.canonical())
    return made


def take_up(place: Place, made: Verdict, *, instead: str) -> Verdict | None:
    """The preregistration that is there, if there is one and it says what `made` says.

    Raises OutputError, with what to do `instead`, if it says something else.
    """
    before = place.preregistration()
    if before is None:
        return None
    first, second = before.to_mapping(), made.to_mapping()
    differing = sorted(
        key for key in {*first, *second} - CHANGING if first.get(key) != second.get(key)
    )
    if differing:
        what = _parts(differing, first=first, second=second)
        raise OutputError(
            f"{place.path} holds the preregistration of {before.computed_at}, which differs in "
            f"{what}; what was fixed beforehand is not changed afterwards: {instead}",
            path=place.path,
        )
    return before


def _parts(differing: list[str], *, first: dict[str, Any], second: dict[str, Any]) -> str:
    """The keys that differ; the plan's with what of it differs: "plan (seeds, inputs (base))"."""
    told = []
    for key in differing:
        old, new = first.get(key), second.get(key)
        if key in ("plan", "inputs") and isinstance(old, dict) and isinstance(new, dict):
            inner = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
            key = f"{key} ({_parts(inner, first=old, second=new)})"
        told.append(key)
    return ", ".join(told)


def refuse_out_of_reach(made: Verdict, wanted: str) -> None:
    """Raises RecipeError if nothing that the runs may bring can come to the wanted status."""
    highest, reasons = prospects(made)
    reachable = {*down_from(highest), *(["not_reproduced"] if highest == "reproduced" else [])}
    if wanted in reachable:
        return
    told = [reason.sentence for reason in reasons]
    raise RecipeError(f"'{wanted}' is wanted, and '{highest}' is the most that can come", told)


def _forecast(reported: Reported, plan: Plan, *, level: Level) -> float | None:
    """The chance to find the two equal if they are; None for another protocol than the paper's,
    where nothing is known beforehand."""
    if level not in ("exact", "near") or not reported.spread or len(plan.seeds) < 2:
        return None
    (chance,) = chances(reported, plan.margin, runs=(len(plan.seeds),))
    return chance.equivalent_if_same
