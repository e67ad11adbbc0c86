"""What a model card says of how the adapter was made and of what was measured, and what was not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from verilora.lora.formats.documents import compact_bytes
from verilora.lora.formats.peft.card_metadata import measured

MARKS = set("\\`*_{}[]()#+!|<>~$&")
_ELSEWHERE = ("dataset", "units", "training", "recipe", "recipe_digest")
"""Keys of the results that stand in another section, or say how to read one."""
_VERDICT = re.compile(r"^## Verdict\n.*?(?=^## )", re.M | re.S)
_NO_VERDICT = "No verdict compares them with a published number.\n"


def escaped(text: Any) -> str:
    """One line in which nothing is Markdown or HTML."""
    line = " ".join(str(text).split())
    visible = (c if c.isprintable() else "\ufffd" for c in line)
    return "".join(f"\\{c}" if c in MARKS else c for c in visible)


def recipe_section(sidecar: Mapping[str, Any]) -> Iterator[str]:
    """What it was made with: name and digest of the recipe where known, and every setting."""
    results = sidecar["results"]
    rows = [(name, results[name]) for name in ("recipe", "recipe_digest") if name in results]
    settings = {"adapter": sidecar["config"], "training": results.get("training")}
    rows += [row for row in _leaves("", settings) if row[1] != "[]"]
    yield "\n".join(["## Recipe\n", *_table(("setting", "value"), rows), ""])


def results_section(results: Mapping[str, Any]) -> Iterator[str]:
    """Everything that was given with the adapter, and what was not measured."""
    rest = {name: value for name, value in results.items() if name not in _ELSEWHERE}
    rows = list(_leaves("", rest))
    table = [*_table(("name", "value"), rows), ""] if rows else []
    yield "\n".join(["## Results\n", *table, _limits(results), _NO_VERDICT])


def _limits(results: Mapping[str, Any]) -> str:
    if not measured(results):
        return "No metric was measured.\n"
    units = results.get("units")
    units = units if isinstance(units, Mapping) else {}
    told = ", ".join(
        f"{escaped(name)} ({escaped(units[name])})" if isinstance(units.get(name), str)
        else escaped(name)
        for name in measured(results)
    )  # fmt: skip
    seed = results.get("seed")
    run = f", in one run (seed {seed})" if type(seed) is int else ""
    return (
        f"Measured: {told}{run}. Nothing is stated of other seeds, other data, bias or safety: as "
        "far as this card knows they were not measured.\n"
    )


def card_with_verdict(card: bytes, *, told: Sequence[str], rows: Mapping[str, str]) -> bytes:
    """The card with a section on its verdict, in the place of one that it had.

    `told` are plain sentences, each a paragraph; `rows` what to check by: name -> value.
    """
    text = _VERDICT.sub("", card.decode("utf-8")).replace(f"{_NO_VERDICT}\n", "\n")
    body = [*(f"{escaped(sentence)}\n" for sentence in told)]
    table = _table(("what", "value"), list(rows.items()))
    section = "\n".join(["## Verdict\n", *body, *table, "\n"])
    before, mark, after = text.rpartition("## Check\n")
    return (f"{before}{section}{mark}{after}" if mark else f"{text}\n{section}").encode()


def _table(head: tuple[str, str], rows: Sequence[tuple[str, Any]]) -> list[str]:
    told = [f"| {escaped(name)} | {escaped(value)} |" for name, value in rows]
    return [f"| {head[0]} | {head[1]} |", "|---|---|", *told]


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _leaves(f"{name}.{key}" if name else key, value[key])
    elif isinstance(value, str):
        yield name or "result", value
    elif value is not None:
        yield name or "result", compact_bytes(value).decode()
