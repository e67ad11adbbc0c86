from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from verilora.cli.batch_told import batch_told


def text(name: str, *tokens: tuple[str, bool], **where: Any) -> Any:
    told = tuple(SimpleNamespace(text=word, target=target) for word, target in tokens)
    return SimpleNamespace(id=name, tokens=told, **{"part": 1, "row": 1, "label": None, **where})


def written(kind: str, *texts: Any) -> str:
    console = Console(width=200, file=io.StringIO(), color_system=None)
    batch = SimpleNamespace(recipe="tiny", kind=kind, texts=texts)
    for part in batch_told(batch):
        console.print(part)
    return console.file.getvalue()


def test_what_is_masked_is_in_brackets() -> None:
    talk = text("train-3", ("<user>", False), (" Hi", False), (" Yes", True), ("\n", True))
    told = written("causal-lm", talk)
    assert "the first batch, 1 text, 2 of 4 tokens learnt. ⟦masked⟧ tokens are" in told
    assert "train-3: ⟦<user>| Hi⟧ Yes|↵\n" in told


def test_rows_are_told_where_texts_share_one() -> None:
    one, two = text("a", ("x", True)), text("b", ("y", True))
    assert "a (row 1): x" in written("causal-lm", one, two)
    apart = text("b", ("y", True), part=2)
    assert "b (pass 2): y" in written("causal-lm", one, apart)
    below = text("b", ("y", True), row=2)
    assert "a: x" in written("causal-lm", one, below)


def test_a_classifiers_label_is_told() -> None:
    told = written("classification", text("a", ("[CLS]", False), ("good", False), label="yes"))
    assert "The label is learnt" in told
    assert "a: [CLS]|good  ->  yes" in told
