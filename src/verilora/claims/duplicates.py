"""The same fact twice, under one id or under two.

Two claims are taken for one fact if their ids are equal, or predicate and object are the same and
their subjects have the same words in any order: "Low-Rank Adaptation (LoRA)" and "LoRA (Low-Rank
Adaptation)". Words are compared without regard to case, hyphens, parentheses and punctuation; `+`,
`#` and `*` belong to a word, so that LoRA+ is not LoRA. Pure; knows no store.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from verilora.errors import ClaimError
from verilora.records.canonical import digest_of
from verilora.records.claim import Claim

KEPT = "+#*"
"""Signs that tell names apart: LoRA+, C#, A*."""
_POINTS = re.compile(r"(?<!\d)\.|\.(?!\d)")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-") | dict.fromkeys("‘’", "'"))


def words_of(text: str) -> frozenset[str]:
    """The words of a name, folded; the point inside a number stays: "Llama 3.1"."""
    plain = _POINTS.sub(" ", _seen(unicodedata.normalize("NFKC", text).casefold()))
    return frozenset("".join(sign if _is_word(sign) else " " for sign in plain).split())


def key_of(claim: Claim) -> str:
    """One digest for all claims that look like the same fact; for an index of many."""
    # A subject of signs alone has no words: it is compared as it stands.
    words = sorted(words_of(claim.subject)) or [_folded(claim.subject)]
    return digest_of([claim.predicate, _folded(claim.object), words])


def why_same(claim: Claim, other: Claim) -> str | None:
    """Why the two are taken for one fact, as a clause; None if they are not.

    Which of them is asked about the other is all the same.
    """
    if claim.id == other.id:
        return "it has the same id"
    if claim.predicate != other.predicate:
        return None
    if _is_told_apart(claim, other) or _is_told_apart(other, claim):
        return None
    if key_of(claim) == key_of(other):
        return "predicate and object are the same, and so are the words of the subject"
    return None


def probable(claim: Claim, others: Iterable[Claim]) -> Claim | None:
    """The claim among the others that says the same fact; one of the same id first, then by id."""
    found = [other for other in others if why_same(claim, other)]
    return min(found, key=lambda other: (other.id != claim.id, other.id), default=None)


def refuse_duplicate(claim: Claim, others: Iterable[Claim]) -> None:
    """Raises ClaimError if one of the others says the same fact."""
    fault = duplicate_fault(claim, others)
    if fault:
        raise ClaimError(f"claim {claim.id}", [fault], id=claim.id)


def duplicate_fault(claim: Claim, others: Iterable[Claim]) -> str | None:
    """What there is to say if one of the others says the same fact, and what to do; else None."""
    other = probable(claim, others)
    if other is None:
        return None
    why = why_same(claim, other)
    if other.id == claim.id:
        differs = " and differs in how it is written" if not _spelt_alike(claim, other) else ""
        return (
            f"'{other.statement}' is there already{differs}: {why} ({other.id}), which "
            "stands for one fact; say a subject or object that tells the two apart, or take that "
            f"one back first: verilora registry retract {other.id} --reason TEXT"
        )
    return (
        f"it is probably '{other.statement}' ({other.id}) again: {why}; if it is another fact, "
        f"say so: --distinct-from {other.id} --reason TEXT"
    )


def _seen(text: str) -> str:
    """Without what nobody sees: a zero-width space or a soft hyphen makes no other name."""
    if text.isascii():
        return text
    return "".join(sign for sign in text if unicodedata.category(sign) != "Cf")


def _is_word(sign: str) -> bool:
    # Marks (M…) are vowels and accents of the letter before them.
    return sign.isalnum() or sign in KEPT or sign == "." or unicodedata.category(sign)[0] == "M"


def _folded(text: str) -> str:
    """Case, width of signs, kinds of dash and of quote, spaces and a full stop at the end apart.

    Milder than for subjects: in an object, which may be a number, a sign changes the meaning.
    """
    plain = _seen(unicodedata.normalize("NFKC", text).casefold().translate(_DASHES))
    return " ".join(plain.split()).removesuffix(".")


def _is_told_apart(claim: Claim, other: Claim) -> bool:
    return any(one.id == other.id for one in claim.distinct_from)


def _spelt_alike(claim: Claim, other: Claim) -> bool:
    return (claim.vertical, claim.statement) == (other.vertical, other.statement)
