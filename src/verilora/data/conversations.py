"""From rows to what a causal language model learns: texts, prompts with completions, turns.

A conversation is a list of {"role": ..., "content": ...}. What is not understood is a fault, never
left out in silence: another key of a turn may change its meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from verilora.data.dataset import Example, Turn
from verilora.data.findings import Findings
from verilora.data.tables import Row
from verilora.data.tasks import Task
from verilora.errors import DataError, nearest

ROLES = ("system", "user", "assistant", "tool")
ANSWERS = "assistant"
"""The role whose turns are learnt."""


def to_language_examples(
    rows: Iterable[Row], findings: Findings, *, task: Task, prefix: str
) -> list[Example]:
    """Examples of rows (line, values of the task's columns); ids as `rows.to_examples` gives them.

    Raises one DataError for all faults of the file, or if it holds no row.
    """
    examples: list[Example] = []
    for line, values in rows:
        name = f"{prefix}-{len(examples)}"
        try:
            if task.messages_column is None:
                examples.append(Example(name, _texts(values, task)))
            else:
                examples.append(Example(name, (), turns=_turns(values[0])))
        except ValueError as error:
            findings.fault(line, str(error))
    findings.raise_faults()
    if not examples:
        raise DataError(
            f"{findings.path} holds no rows; at least one with text is wanted",
            file=str(findings.path),
            line=None,
        )
    return examples


def _texts(values: tuple[Any, ...], task: Task) -> tuple[str, ...]:
    for column, value in zip(task.columns, values, strict=True):
        if not isinstance(value, str):
            found = "missing" if value is None else repr(value)
            raise ValueError(f"'{column}' is {found}; a string is wanted")
    # A prompt may be empty: then the completion begins the text.
    if not values[-1].strip():
        raise ValueError(
            "the completion is empty: there is nothing to learn from the row; leave it out"
            if task.label_column
            else "the text is empty"
        )
    return values


def _turns(value: Any) -> tuple[Turn, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(
            f"the conversation is {_told(value)}; a list of turns is wanted, each "
            '{"role": "user", "content": "..."}'
        )
    turns = tuple(to_turn(one, number) for number, one in enumerate(value, 1))
    if all(role != ANSWERS for role, _ in turns):
        found = ", ".join(dict.fromkeys(role for role, _ in turns))
        raise ValueError(
            f"the conversation has no turn of the assistant (found: {found}), whose turns are what "
            "is learnt; leave it out"
        )
    return turns


def to_turn(value: Any, number: int) -> Turn:
    """(role, text) of one turn, the number'th. Raises ValueError with what is wrong in words."""
    if not isinstance(value, Mapping):
        raise ValueError(f"turn {number} is {_told(value)}; an object with role and content wanted")
    given = {key: item for key, item in value.items() if item is not None}
    for key in ("role", "content"):
        if key not in given:
            listed = ", ".join(f"'{name}'" for name in given) or "nothing"
            raise ValueError(
                f"turn {number} has no '{key}' (it has {listed}); role and content are wanted"
            )
    role, content = given.pop("role"), given.pop("content")
    if role not in ROLES:
        known = ", ".join(ROLES)
        raise ValueError(
            f"turn {number} has the role {role!r}{nearest(str(role), ROLES)} (known: {known})"
        )
    if not isinstance(content, str) or not content.strip():
        raise ValueError(
            f"turn {number} ({role}) has no text: its content is {_told(content)}; a string with "
            "more than spaces is wanted"
        )
    if any("\ud800" <= letter <= "\udfff" for letter in content):
        raise ValueError(f"turn {number} holds half of a surrogate pair, which is no character")
    if given:
        raise ValueError(
            f"turn {number} has {', '.join(repr(key) for key in given)} beside role and content, "
            "which is not read; write what it means into the content, or leave it out"
        )
    return role, content


def _told(value: Any) -> str:
    if value is None:
        return "missing"
    told = repr(value)
    return told if len(told) <= 40 else f"{told[:40]}..."
