"""Claims that read like a given sentence, and what sets them apart. Likeness is no verification.

Words are compared by likeness (the registry's search does that); numbers, names with digits in them
and negations exactly: one that is in the sentence and not in the claim, or stands in another order,
is told, and such a claim is never the best match.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

NUMBER = re.compile(r"(?<![\w.])[-−+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?(?![\w])")
NAMED = re.compile(r"[^\W_]*\d[^\W_]*", re.UNICODE)
"""A word with a digit in it: 7B, ResNet50."""
NEGATION = re.compile(
    r"\b(no|not|never|none|neither|nor|without|fail|fails|failed|lack|lacks)\b"
    r"|\b(can)not\b|(n['’]t)\b",
    re.I,
)
ALIKE = {"can": "not", "n't": "not", "n’t": "not"}
ALIKE |= {"fails": "fail", "failed": "fail", "lacks": "lack"}
NOTE = (
    "These claims read alike. Whether one says the same as the sentence is not judged here: read "
    "the claim, and check its sources."
)


def differences_of(given: str, held: str) -> tuple[str, ...]:
    """What the sentence has and the claim has not, or has otherwise; one sentence each."""
    told = []
    mine, theirs = numbers_in(given), numbers_in(held)
    missing = Counter(mine) - Counter(theirs)
    for number in sorted(missing):
        often = " so often" if number in theirs else ""
        others = {*theirs} - {*mine}
        told.append(f"The number {number} is not{often} in the claim{_instead(others)}.")
    if not missing and not _follow(mine, theirs):
        told.append("The numbers stand in another order in the claim.")
    for name in sorted(_names_in(given) - _names_in(held)):
        told.append(f"'{name}' is not in the claim.")
    said, denied = negations_in(given), negations_in(held)
    if said != denied:
        where = f"the sentence has {_listed(said)}, the claim {_listed(denied)}"
        told.append(f"They differ in negations: {where}.")
    return tuple(told)


def numbers_in(text: str) -> tuple[str, ...]:
    """The numbers of a text in their order, each in one spelling: 89.70 and 89.7 are the same."""
    return tuple(_spelt(found[0]) for found in NUMBER.finditer(text))


def negations_in(text: str) -> Counter[str]:
    """How often each negation stands there; "cannot" and "don't" hold a "not"."""
    words = ("".join(found).casefold() for found in NEGATION.findall(text))
    return Counter(ALIKE.get(word, word) for word in words)


def _names_in(text: str) -> set[str]:
    bare = NUMBER.sub(" ", text)
    return {found.casefold() for found in NAMED.findall(bare)}


def _follow(mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """True if theirs hold mine in the same order, others between them or not."""
    left = iter(theirs)
    return all(number in left for number in mine)


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


def _instead(numbers: set[str]) -> str:
    return f", which has {', '.join(sorted(numbers)[:5])}" if numbers else ""


def _listed(words: Counter[str]) -> str:
    return ", ".join(f"'{word}'" for word in sorted(words.elements())) or "none"
