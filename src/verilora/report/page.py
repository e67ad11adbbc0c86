"""Templates to text: everything that is put in is escaped, and what is missing is an error."""

from __future__ import annotations

import functools
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from verilora import __version__


def fill(template: str, **facts: Any) -> str:
    """The page made of a file in templates/ and of facts; `version` is verilora's."""
    return _environment().get_template(template).render(version=__version__, **facts)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("verilora"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = _plain
    environment.tests["quantity"] = lambda value: type(value) in (int, float)
    environment.filters["unbroken"] = _unbroken
    return environment


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _unbroken(text: str) -> str:
    """The text with numbers that no line end parts from their unit or spread."""
    return text.replace(" %", "\u00a0%").replace(" ± ", "\u00a0±\u00a0")
