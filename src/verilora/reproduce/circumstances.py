"""What a recipe meets on this machine: found out before a run, not asked."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from verilora import __version__
from verilora.data.metrics import majority
from verilora.data.written import commonest_scores
from verilora.errors import RecipeError
from verilora.records.measurement import Inputs
from verilora.records.recipe import Recipe
from verilora.records.target import Likeness, Setup, Target
from verilora.reproduce.inputs import inputs_of
from verilora.reproduce.start import likeness_of_start
from verilora.train.material import Material, gather
from verilora.train.plan import Plan, plan_of


@dataclass(frozen=True)
class Circumstances:
    """All that a preregistration needs to know."""

    setup: Setup
    plan: Plan
    """Parameters, steps and memory of one run."""
    majority: float | None
    """What the most frequent answer scores in the target's metric; None where there is none."""
    inputs: Inputs | None = None
    """What the runs are made from; None where the base was not to be loaded."""


def look_around(target: Target, recipe: Recipe, *, weights: bool = True) -> Circumstances:
    """Reads base and data, trains nothing. Raises what `gather` raises, and RecipeError if the
    task does not measure the target's metric."""
    material = gather(recipe, weights=weights)
    task = material.dataset.task
    if target.metric not in task.metrics:
        known = ", ".join(task.metrics)
        told = f"it is measured in {target.metric}, and task '{task.name}' gives {known}"
        raise RecipeError(f"target '{target.name}'", [f"{told}; name it in task.metrics"])
    base, base_told = likeness_of_base(target, recipe, place=material.directory)
    start, start_told = likeness_of_start(target, recipe)
    parts = (material.train, material.validation)
    setup = Setup(
        recipe=recipe,
        base=base,
        base_told=base_told,
        start=start,
        start_told=start_told,
        train_rows=len(material.dataset.train),
        validation_rows=len(material.dataset.validation),
        data=material.dataset.digest,
        longest=max(max(part.lengths) for part in parts),
        truncated=sum(part.truncated for part in parts),
        environment=environment(),
    )
    plan, inputs = plan_of(material), inputs_of(material) if weights else None
    return Circumstances(setup, plan, _simplest(target.metric, material), inputs)


def _simplest(metric: str, material: Material) -> float | None:
    """What the same answer to everything scores, the commonest of the training set; None where
    there is none."""
    task = material.dataset.task
    if metric in task.written:
        return commonest_scores([metric], material.dataset)[metric]
    labels = material.train.labels, material.validation.labels
    return majority(task, labels[0], validation_labels=labels[1]).get(metric)


def likeness_of_base(target: Target, recipe: Recipe, *, place: Path) -> tuple[Likeness, str]:
    """Whether the base is the paper's, and what it is in words.

    A hub id says so. A directory may hold anything: it is another base if its configuration
    differs, and otherwise nothing shows what its weights are.
    """
    name = recipe.model.id
    same = {base.casefold() for base in target.bases}
    # A directory of that name here goes before the hub's, and may hold anything.
    shadowed = not Path(name).is_absolute() and Path(name).is_dir()
    if name.casefold() in same and not shadowed:
        revision = recipe.model.revision or (place.name if place.parent.name == "snapshots" else "")
        return "same", f"{name}, revision {revision}" if revision else name
    config = _read_json(place / "config.json")
    shape = _shape_told(config)
    differing = [key for key, value in target.shape.items() if config.get(key) != value]
    if differing or not Path(name).expanduser().is_dir():
        return "different", f"{name} ({shape})"
    return "unknown", (
        f"the directory {place.name} ({shape}); nothing shows that its weights are those of "
        f"{target.bases[0]}: name the base by that id (a copy in the hub's cache is found without "
        "a network)"
    )


def environment() -> str:
    """Hardware and library versions, in words."""
    device = f"{os.cpu_count()} CPU cores ({platform.machine()})"
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    return (
        f"{device}, torch {torch.__version__}, transformers {transformers.__version__}, "
        f"verilora {__version__}"
    )


def _shape_told(config: dict[str, Any]) -> str:
    told = [str(config.get("model_type", "a model"))]
    for key, word in (("num_hidden_layers", "layers"), ("hidden_size", "wide")):
        if key in config:
            told.append(f"{config[key]} {word}")
    return ", ".join(told)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
