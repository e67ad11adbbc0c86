"""The rules, as the code has them: gates, levels, states and the rubric of confidence."""

from __future__ import annotations

from typing import Any, NamedTuple

from verilora.claims.rubric import FEWEST_SOURCES, LINES, LOWEST
from verilora.records.claim import LONGEST_QUOTE, METHODOLOGY
from verilora.records.protocol import DIMENSIONS, LEVELS
from verilora.verdict.gates import rules
from verilora.verdict.limits import FEWEST_TO_CONFIRM, FEWEST_TO_REFUTE
from verilora.verdict.meaning import LEVEL, STATUS, status_told
from verilora.verdict.protocol import CONFIDENCE, HIGHEST

TEXTUAL = ("EV-002", "EV-003")
"""Rules that look into the paper's text; the others look at numbers and records."""


class Section(NamedTuple):
    """A table of rules under a heading."""

    title: str
    text: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def sections() -> list[Section]:
    """Every table of the page, made from what the program follows."""
    return [_statuses(), _levels(), _gates(), _rubric(), _dimensions()]


def methodology_mapping() -> dict[str, Any]:
    """The same for programs."""
    return {
        "apiVersion": "v1",
        "methodologyVersion": METHODOLOGY,
        "statuses": dict(STATUS),
        "levels": [
            {
                "level": level,
                "meaning": LEVEL[level],
                "highestStatus": list(HIGHEST[level]),
                "highestConfidence": CONFIDENCE[level],
            }
            for level in LEVELS
        ],
        "gates": [{"rule": number, "says": told} for number, told in rules().items()],
        "confidence": [{"confidence": line[0], "when": line[1]} for line in LINES],
        "lowestConfidence": LOWEST,
        "fewestSources": FEWEST_SOURCES,
        "longestExcerpt": LONGEST_QUOTE,
        "dimensions": dict(DIMENSIONS),
    }


def validator_mapping() -> dict[str, Any]:
    """The rules that a verdict is held against, and what failing one does."""
    return {
        "apiVersion": "v1",
        "methodologyVersion": METHODOLOGY,
        "mayOnly": "lower",
        "rules": [
            {
                "rule": number,
                "gate": "textual" if number in TEXTUAL else "structural",
                "says": told,
            }
            for number, told in rules().items()
        ],
        "command": "verilora judge verdict.json --paper-text paper.pdf",
    }


def _statuses() -> Section:
    text = (
        f"Reproduced needs {FEWEST_TO_CONFIRM} runs at least, not reproduced "
        f"{FEWEST_TO_REFUTE}; both need a plan that was fixed before."
    )
    rows = [(status_told(name), f"{told[0].upper()}{told[1:]}.") for name, told in STATUS.items()]
    return Section("What a verdict may say", text, ("status", "meaning"), rows)


def _levels() -> Section:
    rows = []
    for level in LEVELS:
        highest = " or ".join(status_told(name) for name in HIGHEST[level])
        rows.append((level, f"{LEVEL[level]}", highest, f"{CONFIDENCE[level]:.2f}"))
    head = ("protocol", "meaning", "at most", "confidence at most")
    return Section("How alike a protocol is", "", head, rows)


def _gates() -> Section:
    text = "A number is never given to another rule. A rule may lower a verdict, never raise it."
    return Section("Rules of verdicts", text, ("number", "rule"), list(rules().items()))


def _rubric() -> Section:
    text = (
        f"A claim about a fact has at least {FEWEST_SOURCES} sources; a quote has at most "
        f"{LONGEST_QUOTE} characters. Below {LOWEST:.2f} nothing is published. A person may lower "
        "confidence, and says why; never raise it. A claim about a performance has the confidence "
        "of its verdict."
    )
    rows = [(f"{line[0]:.2f}", line[1]) for line in LINES]
    return Section("Confidence of claims", text, ("confidence", "when there is"), rows)


def _dimensions() -> Section:
    text = (
        "Two runs are compared in each of these; how alike they are in all is the protocol's level."
    )
    rows = list(DIMENSIONS.items())
    return Section("What a protocol is made of", text, ("name", "dimension"), rows)
