"""A batch of texts in a terminal: what is learnt stands out, what is masked is in brackets."""

from __future__ import annotations

from itertools import groupby
from typing import Any

OPEN, CLOSE = "⟦", "⟧"
CLASSES = "classification", "regression"


def batch_told(batch: Any) -> list[Any]:
    """A legend, and one rich text for each of the batch's texts."""
    return [_legend(batch), *(_text_told(batch, text) for text in batch.texts)]


def _legend(batch: Any) -> str:
    count = len(batch.texts)
    first = f"{batch.recipe}: the first batch, {count} text{'' if count == 1 else 's'}"
    if batch.kind in CLASSES:
        return f"{first}. The label is learnt; | stands between tokens.\n"
    tokens = [token for text in batch.texts for token in text.tokens]
    learnt = sum(token.target for token in tokens)
    return (
        f"{first}, {learnt:,} of {len(tokens):,} tokens learnt. {OPEN}masked{CLOSE} tokens are "
        "read and not learnt; | stands between tokens.\n"
    )


def _text_told(batch: Any, text: Any) -> Any:
    from rich.text import Text

    told = Text(f"{text.id}{_place(batch, text)}: ", style="cyan")
    if batch.kind in CLASSES:
        told.append(f"{_joined(text.tokens)}  ->  {text.label}\n", style="default")
        return told
    for learnt, tokens in groupby(text.tokens, key=lambda token: token.target):
        if learnt:
            told.append(_joined(tokens), style="bold green")
        else:
            told.append(f"{OPEN}{_joined(tokens)}{CLOSE}", style="dim")
    return told.append("\n")


def _place(batch: Any, text: Any) -> str:
    """Where the text lies, where that is not one text to a row in one pass."""
    parts = {one.part for one in batch.texts}
    rows = {(one.part, one.row) for one in batch.texts}
    told = [f"pass {text.part}"] if len(parts) > 1 else []
    told += [f"row {text.row}"] if len(rows) < len(batch.texts) else []
    return f" ({', '.join(told)})" if told else ""


def _joined(tokens: Any) -> str:
    return "|".join(token.text.replace("\n", "↵").replace("\r", "␍") for token in tokens)
