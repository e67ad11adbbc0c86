"""Claims that read like a given sentence, and what sets them apart. Likeness is no verification.

Words are compared by likeness (the registry's search does that); numbers and negations exactly: one
that is in the sentence and not in the claim is told, and such a claim is never the best match.
"""

from __future__ import annotations

import re
from decimal import Decimal

NUMBER = re.compile(r"(?<![\w.])[-−+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?(?![\w])")
NEGATION = re.compile(
    r"\b(?:no|not|never|none|neither|nor|without|cannot|fails?|failed|lacks?)\b|n['’]t\b", re.I
)
NOTE = (
    "These claims read alike. Whether one says the same as the sentence is not judged here: read "
    "the claim, and check its sources."
)


def differences_of(given: str, held: str) -> tuple[str, ...]:
    """What the sentence has and the claim has not, or has otherwise; one sentence each."""
    told = []
    mine, theirs = numbers_in(given), numbers_in(held)
    for number in sorted(mine - theirs):
        told.append(f"The number {number} is not in the claim{_instead(theirs - mine)}.")
    if bool(NEGATION.search(given)) != bool(NEGATION.search(held)):
        where, lacks = ("sentence", "claim") if NEGATION.search(given) else ("claim", "sentence")
        told.append(f"The {where} has a negation, the {lacks} has none.")
    return tuple(told)


def numbers_in(text: str) -> frozenset[str]:
    """The numbers of a text, each in one spelling: 89.70 and 89.7 are the same."""
    return frozenset(_spelt(found[0]) for found in NUMBER.finditer(text))


def _spelt(number: str) -> str:
    plain = number.replace("−", "-").lstrip("+")
    grouped = re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", plain)
    plain = plain.replace(",", "") if grouped else plain.replace(",", ".")
    if plain.count(".") > 1 or len(plain) > 40:
        return plain
    value = Decimal(plain)
    if abs(value.adjusted()) > 40:
        return plain
    return f"{value.normalize():f}"


def _instead(numbers: frozenset[str]) -> str:
    return f", which has {', '.join(sorted(numbers)[:5])}" if numbers else ""
