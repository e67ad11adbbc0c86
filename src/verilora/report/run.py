"""report.html: a finished run told to a person, on one page that loads nothing.

Made from the records in the run directory alone (run.json, events.jsonl, recipe.toml, and
explain.json where it is). Every text of the records is escaped. Must not know models or data.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from verilora.atomic import write_whole
from verilora.charts import svg
from verilora.charts.panels import panels, read_events, read_run
from verilora.charts.words import metric_told
from verilora.errors import DataError, VeriloraError
from verilora.recipes.check import check_recipe
from verilora.records.recipe import Recipe
from verilora.report.page import fill
from verilora.report.story import story
from verilora.report.tables import checks, data_told, figures, measured, results, trained

LAYER = {
    "path": "module",
    "name": "part",
    "kind": "kind",
    "rule": "rule",
    "rank": "rank",
    "scale": "scale",
    "parameters": "parameters",
    "relative_norm": "‖ΔW‖/‖W‖",
}


def write_report(directory: Path) -> Path:
    """Writes `report.html` into the run directory and returns its path.

    Raises DataError if run.json, recipe.toml or events.jsonl are missing or damaged, OutputError
    if the page cannot be written.
    """
    directory = Path(directory)
    path = directory / "report.html"
    write_whole(path, render(directory).encode())
    return path


def render(directory: Path) -> str:
    """The page as text."""
    run = read_run(directory)
    recipe, recipe_text = _read_recipe(directory)
    drawn = panels(run, read_events(directory))
    return fill(
        "report.html",
        run=run,
        recipe=recipe,
        recipe_text=recipe_text,
        headline=metric_told(run.main_metric, run.metrics[run.main_metric].value),
        story=story(run, recipe),
        figures=figures(run),
        results=results(run),
        measured=measured(run),
        drawings=[svg.lay_out(panel) for panel in drawn],
        box=svg,
        tables=[trained(run, recipe), data_told(run)],
        layers=_layers(directory),
        layer_columns=LAYER,
        checks=checks(run),
        digests=[(name, value) for name, value in run.digests.to_mapping().items() if value],
    )


def _read_recipe(directory: Path) -> tuple[Recipe, str]:
    path = Path(directory) / "recipe.toml"
    try:
        text = path.read_text("utf-8")
        return check_recipe(tomllib.loads(text), "its recipe"), text
    except OSError as error:
        raise DataError(
            f"{directory} holds no recipe.toml; the directory of a finished run is wanted",
            file=path,
            line=None,
        ) from error
    except (ValueError, VeriloraError) as error:
        raise DataError(f"{path} is not a recipe: {error}", file=path, line=None) from error


def _layers(directory: Path) -> list[dict[str, Any]]:
    path = Path(directory) / "explain.json"
    if not path.exists():
        return []
    try:
        told = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}", file=path, line=None) from error
    layers = told.get("layers") if isinstance(told, dict) else None
    return [layer for layer in layers or () if isinstance(layer, dict)]
