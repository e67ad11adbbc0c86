"""Every score by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from verilora.errors import RecipeError, nearest
from verilora.scores.bleu import bleu
from verilora.scores.cider import cider
from verilora.scores.meteor import meteor_exact_stem
from verilora.scores.meteor_java import find_program, meteor
from verilora.scores.nist import nist
from verilora.scores.rouge_l import rouge_l

Score = Callable[[Sequence[str], Sequence[Sequence[str]]], float]

SCORES: dict[str, Score] = {
    "bleu": bleu,
    "nist": nist,
    "meteor": meteor,
    "meteor_exact_stem": meteor_exact_stem,
    "rouge_l": rouge_l,
    "cider": cider,
}
"""Name -> function of (texts, references of each) giving points."""


def refuse_unready(names: Sequence[str]) -> None:
    """Raises MissingExtraError if one of the scores needs a program that is not here."""
    if "meteor" in names:
        find_program()


def score(
    names: Sequence[str], outputs: Sequence[str], *, references: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Each score by name, in points: BLEU, METEOR and ROUGE-L from 0 to 100, CIDEr from 0 to 10.

    `references[i]` are all that the text `outputs[i]` may be like, at least one each.
    Raises RecipeError for an unknown name, MissingExtraError where "meteor" cannot be measured.
    """
    unknown = [
        f"there is no score '{name}'{nearest(name, SCORES)} (known: {', '.join(SCORES)})"
        for name in names
        if name not in SCORES
    ]
    if unknown:
        raise RecipeError("metrics", unknown)
    if len(outputs) != len(references) or not outputs:
        raise ValueError(f"{len(outputs)} texts for {len(references)} groups of references")
    if not all(references):
        lacking = [index for index, refs in enumerate(references) if not refs]
        raise ValueError(f"{len(lacking)} texts have no reference (the first is {lacking[0]})")
    return {name: SCORES[name](outputs, references) for name in names}
