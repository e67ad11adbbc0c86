"""Scores of what a causal language model wrote after its prompts, against all their references."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verilora.data.dataset import Dataset
from verilora.scores.measure import score


@dataclass(frozen=True)
class Written:
    """One example of those that share a prompt, and what was written after it."""

    prompt: str
    reference: str
    generated: str


def commonest_scores(names: Sequence[str], dataset: Dataset) -> dict[str, float]:
    """What writing the commonest training text after every prompt would score, in points.

    The first of several that are equally common. What a model must beat to have learnt anything.
    """
    texts = Counter(example.texts[-1] for example in dataset.train)
    ((commonest, _),) = texts.most_common(1)
    same = (Written(one.texts[0], one.texts[-1], commonest) for one in dataset.validation)
    return measure_written(names, same)


def measure_written(names: Sequence[str], written: Iterable[Written]) -> dict[str, float]:
    """Each score by name, in points, over the prompts: all examples of one are its references.

    Texts are stripped of white space at their ends. Raises what `score` raises.
    """
    texts: dict[str, str] = {}
    references: dict[str, list[str]] = {}
    for one in written:
        texts.setdefault(one.prompt, one.generated.strip())
        references.setdefault(one.prompt, []).append(one.reference.strip())
    return score(names, list(texts.values()), references=list(references.values()))
