"""`explain` and `merge`: what an adapter is, and a base with it inside."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
