"""What happened in a run, in sentences."""

from __future__ import annotations

from verilora.charts.words import listed, metric_told
from verilora.records.recipe import Recipe
from verilora.records.run import Run

METHODS = {
    "lora": "LoRA of rank {rank}{variant} on {targets}, with {besides},",
    "head": "The task head alone, on a frozen base,",
    "full": "The whole model, every weight of it,",
}


def story(run: Run, recipe: Recipe) -> list[str]:
    """What happened, in a few sentences; the first one is the result."""
    adapter = recipe.adapter
    targets = adapter.target_modules or adapter.target_parameters
    trained = METHODS[run.method].format(
        rank=adapter.rank,
        targets=targets if isinstance(targets, str) else listed(targets),
        variant=_variant(recipe),
        besides=_besides(run, recipe),
    )
    value = run.metrics[run.main_metric].value
    reached = metric_told(run.main_metric, value)
    first = (
        f"{trained} was trained on {run.data.train_rows:,} examples for {run.steps:,} steps and "
        f"reaches {reached} on {run.data.validation_rows:,} validation examples."
    )
    sentences = [first, *_against_majority(run, value)]
    if run.selection.rule == "best" and run.selection.evaluations > 1:
        sentences.append(
            f"These weights are the best of {run.selection.evaluations} evaluations on the same "
            "examples, so the number is a little better than new examples would give."
        )
    if run.resumed:
        times = "once" if run.resumed == 1 else f"{run.resumed} times"
        sentences.append(f"The run was stopped and taken up again {times}.")
    return sentences


def _variant(recipe: Recipe) -> str:
    """What makes it another than plain LoRA on the whole base, in brackets."""
    adapter, training = recipe.adapter, recipe.training
    ratio, kept = training.learning_rate_ratio, recipe.model.base
    named = (
        "DoRA" if adapter.weight_rule == "dora" else "",
        "rsLoRA" if adapter.scale_rule == "rslora" else "",
        f"{adapter.init} start" if adapter.init != "kaiming" else "",
        f"B learning {ratio:g} times as fast" if ratio else "",
        "A frozen" if training.frozen_a else "",
        f"the base kept as {kept}" if kept else "",
    )
    told = [name for name in named if name]
    return f" ({', '.join(told)})" if told else ""


def _besides(run: Run, recipe: Recipe) -> str:
    head = ("the task head",) if run.parameters.head else ()
    biases = ("biases",) if recipe.adapter.bias != "none" else ()
    return listed((*head, *biases) or ("nothing else",))


def _against_majority(run: Run, value: float) -> list[str]:
    if run.main_metric not in run.data.majority:
        return []
    majority = run.data.majority[run.main_metric].value
    always = metric_told(run.main_metric, majority)
    if value <= majority:
        return [f"That is no better than always giving the most frequent answer ({always})."]
    return [
        f"Always giving the most frequent answer would reach {always}: "
        f"the run is {value - majority:.1f} points above that."
    ]
