"""The words of a text, as they are kept and searched for: nothing in them is syntax."""

from __future__ import annotations

import re
import unicodedata

from verilora.records.claim import Claim

MOST_WORDS = 32
"""That a search looks for; what comes after is left out."""
LONGEST = 64
"""Letters of a word that count."""
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """Letters and digits in a row, folded: "Low-Rank (LoRA)" -> low, rank, lora."""
    bare = text.lower() if text.isascii() else _bare(text)
    return [word[:LONGEST] for word in _WORD.findall(bare)]


def _bare(text: str) -> str:
    flat = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in flat if not unicodedata.combining(letter))


def plain(text: str) -> str:
    """The text as every database takes it: what no record can hold is no error, and finds nothing.

    Halves of surrogate pairs and NUL become the replacement character.
    """
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def wanted_words(text: str) -> list[str]:
    """The words of a search, each once, in their order, at most MOST_WORDS of them."""
    return list(dict.fromkeys(words_of(text)))[:MOST_WORDS]


def words_of_claim(claim: Claim) -> list[str]:
    """What a claim is found by: its id, statement, tags and the titles of its sources."""
    texts = [claim.id, claim.statement, *claim.tags, *(source.title for source in claim.sources)]
    return words_of(" ".join(texts))


def encode_word(word: str) -> str:
    """The word in ASCII letters and digits, as every index takes it; a beginning stays one.

    Other letters become their UTF-8 bytes in hexadecimal.
    """
    return word if word.isascii() else f"u{word.encode().hex()}"
