"""Seeds as a user writes them: 0,1,2."""

from __future__ import annotations

import typer


def parse_seeds(text: str, *, flag: str = "--seeds") -> tuple[int, ...]:
    """The seeds in "0,1,2"; raises a usage error that says what was found and wanted."""
    try:
        numbers = tuple(int(seed) for seed in text.split(","))
    except ValueError:
        numbers = ()
    twice = sorted({seed for seed in numbers if numbers.count(seed) > 1})
    if twice:
        listed = ", ".join(map(str, twice))
        raise typer.BadParameter(
            f"'{text}' names seed {listed} twice; the same seed is the same run: name each once",
            param_hint=flag,
        )
    if not numbers or min(numbers) < 0:
        raise typer.BadParameter(
            f"'{text}' found; whole numbers from 0 with commas between are wanted: 0,1,2",
            param_hint=flag,
        )
    return numbers
