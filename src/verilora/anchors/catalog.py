"""The anchors by name, from anchors.toml, which is inert."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources

from verilora.errors import RecipeError, nearest
from verilora.records.anchor import Anchor

FILE = "anchors.toml"


def anchor_names() -> tuple[str, ...]:
    """The names of all anchors, the quickest first."""
    return tuple(_anchors())


def find_anchor(name: str) -> Anchor:
    """The anchor of that name. Raises RecipeError, with the nearest names, if there is none."""
    found = _anchors().get(name)
    if found is None:
        known = ", ".join(anchor_names())
        fault = f"there is no anchor '{name}'{nearest(name, _anchors())} (there are: {known})"
        raise RecipeError("anchor", [fault])
    return found


@functools.cache
def _anchors() -> dict[str, Anchor]:
    content = resources.files("verilora.anchors").joinpath(FILE).read_text("utf-8")
    listed = (Anchor.model_validate(table) for table in tomllib.loads(content)["anchor"])
    return {anchor.name: anchor for anchor in listed}
