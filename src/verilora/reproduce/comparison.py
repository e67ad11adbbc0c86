"""LoRA against full fine-tuning of the same base: what is compared, and what is fixed before."""

from __future__ import annotations

from dataclasses import dataclass, replace

from verilora.data.metrics import majority
from verilora.errors import RecipeError
from verilora.records.recipe import Recipe
from verilora.records.verdict import Citation, Plan, Reference, Verdict
from verilora.reproduce.circumstances import environment
from verilora.reproduce.conclusion import PAPER
from verilora.reproduce.directory import SIDES
from verilora.reproduce.inputs import inputs_of
from verilora.reproduce.registration import FAILED_RUN
from verilora.train.material import Material, gather
from verilora.train.plan import plan_of
from verilora.verdict.comparison import comparison_margin
from verilora.verdict.conclude import Stamp, preregister
from verilora.verdict.contrast import rows_between

REFERENCE = "full fine-tuning of the same base"
SELECTIONS = {
    "best": "each run's best evaluation on the validation set, by the same rule on both sides",
    "last": "each run's last evaluation",
}
CLAIM = Citation(
    paper_arxiv_id=PAPER.arxiv_id,
    section="Abstract",
    quoted_text="LoRA performs on-par or better than fine-tuning in model quality",
    notes="a claim in words, looked at on another task and base than the paper's",
)
"""What is looked at; the metric is the task's own."""


@dataclass(frozen=True)
class Comparison:
    """Two recipes that differ in the way of training alone, and what is claimed of them."""

    name: str
    """In words, as the title of pictures and pages."""
    ours: Recipe
    reference: Recipe
    seeds: tuple[int, ...]
    """One run of each side for each; the recipes' own seeds are not used."""
    margin: float | None = None
    """Half the width of what counts as the same; by default the rules'."""
    share_below: float | None = 1.0
    """Percent of the encoder's parameters that the adapter must stay below; None: no matter."""
    forecast: float | None = None
    """Probability, as expected before the runs, that the two lie within the margin."""


@dataclass(frozen=True)
class Registered:
    """A preregistration as it would be written now, and what a run of it takes at its peak."""

    verdict: Verdict
    peak_bytes: int


def register(comparison: Comparison, *, stamp: Stamp) -> Registered:
    """What will be done, by the recipes and what they meet here; nothing is trained or written.

    Raises RecipeError for recipes that do not compare, and what `gather` raises.
    """
    _refuse_unfit(comparison)
    material = gather(comparison.ours)
    metric, items = material.dataset.task.metrics[0], len(material.validation.labels)
    sides = (material, _other(material, comparison.reference))
    plans = [plan_of(side) for side in sides]
    rows = rows_between(
        comparison.ours,
        comparison.reference,
        metric=metric,
        items=items,
        environment=environment(),
    )
    verdict = preregister(
        CLAIM.replace(reported_metric=metric),
        None,
        protocol=rows,
        plan=_plan(comparison, sides, trainable=[plan.parameters.trainable for plan in plans]),
        forecast=comparison.forecast,
        stamp=stamp,
    )
    return Registered(verdict, max(plan.memory.peak for plan in plans))


def _plan(
    comparison: Comparison, sides: tuple[Material, Material], *, trainable: list[int]
) -> Plan:
    material, inputs = sides[0], [inputs_of(side) for side in sides]
    task, labels = material.dataset.task, material.validation.labels
    margin, source = comparison_margin("percent", len(labels))
    if comparison.margin is not None:
        margin, source = comparison.margin, "declared before the runs"
    answers = majority(task, material.train.labels, validation_labels=labels)
    return Plan(
        target=comparison.name,
        seeds=comparison.seeds,
        margin=margin,
        unit="percent",
        margin_source=source,
        aggregation="mean",
        selection=SELECTIONS[comparison.ours.training.select],
        failed_run=FAILED_RUN,
        trainable=trainable[0],
        data=material.dataset.digest,
        inputs=inputs[0],
        majority=answers[task.metrics[0]],
        reference=Reference(
            name=REFERENCE, seeds=comparison.seeds, trainable=trainable[1], inputs=inputs[1]
        ),
        share_below=comparison.share_below,
    )


def _refuse_unfit(comparison: Comparison) -> None:
    methods = (comparison.ours.training.method, comparison.reference.training.method)
    faults = []
    if methods != SIDES:
        faults.append(f"methods {' and '.join(methods)} found; lora and full are compared")
    if comparison.margin is not None and not comparison.margin > 0:
        faults.append(f"the margin is {comparison.margin:g}; a number above 0 is wanted")
    if not comparison.seeds or len(set(comparison.seeds)) < len(comparison.seeds):
        faults.append("each seed is named once, and there is one at least: 0,1,2")
    if faults:
        raise RecipeError(f"comparison '{comparison.name}'", faults)


def _other(material: Material, recipe: Recipe) -> Material:
    """What the other recipe reads: the same, unless it says otherwise."""
    first = material.recipe
    same = (first.model, first.task, first.training.max_length)
    if same == (recipe.model, recipe.task, recipe.training.max_length):
        return replace(material, recipe=recipe)
    return gather(recipe)
