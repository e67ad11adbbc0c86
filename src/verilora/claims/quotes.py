"""The quote gate: what a source is quoted with stands in it, word for word.

A quote is looked for in the text that was supplied for its source, white space, ligatures, kinds of
dash and hyphens inside words apart. Without a text it is not checked, and says so. Pure: opens no
file; `paper_text.read_paper` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from verilora.records.claim import LONGEST_QUOTE
from verilora.verdict.folding import find_quote, fold

FEWEST_WORDS = 4
"""Of a quote that counts: fewer stand in any text, and carry no fact."""
PAPERS = ("preprint", "peer-reviewed")
"""Types of source that are a paper."""
_ARXIV = re.compile(
    r"^/(abs|pdf|html)/(\d{4}\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7})(v\d+)?(\.pdf)?/?$"
)
_WORD = re.compile(r"\w+")


class Quoted(Protocol):
    """What the gate and the rubric look at of a source, in a draft or in a claim."""

    @property
    def type(self) -> str:
        """One of the types of source."""
        ...

    @property
    def publisher(self) -> str:
        """Who published it."""
        ...

    @property
    def title(self) -> str:
        """As it is titled there."""
        ...

    @property
    def url(self) -> str:
        """Where it stands."""
        ...

    @property
    def quote(self) -> str | None:
        """Its words, or None."""
        ...


@dataclass(frozen=True)
class Checked:
    """A source's quote: found (None: not checked), and what there is to say, as a sentence."""

    found: bool | None
    detail: str
    faults: tuple[str, ...] = ()
    """What refuses the claim."""


def check_quotes(sources: Sequence[Quoted], texts: Mapping[int, str]) -> list[Checked]:
    """One answer for each source; `texts` by the number of the source, from 1."""
    numbers = range(1, len(sources) + 1)
    return [
        check_quote(n, source, text=texts.get(n))
        for n, source in zip(numbers, sources, strict=True)
    ]


def check_quote(number: int, source: Quoted, *, text: str | None) -> Checked:
    """Whether the quote is short enough and stands in the text, and the text is that source's."""
    faults = [f"source {number}: {fault}" for fault in _faults(source, text)]
    found = None
    if text is not None and source.quote and not is_short(source.quote):
        found = not _is_missing(source.quote, text)
    return Checked(found, _told(number, source, found=found), tuple(faults))


def _faults(source: Quoted, text: str | None) -> Iterator[str]:
    yield from _address_faults(source)
    quote = source.quote
    if quote is not None and len(quote) > LONGEST_QUOTE:
        yield (
            f"the quote has {len(quote)} characters; at most {LONGEST_QUOTE} are quoted: keep the "
            "words that carry the fact"
        )
    if text is None:
        return
    if source.type in PAPERS and not holds_words(text, source.title):
        yield (
            f"the text supplied does not hold the title '{source.title}', so that it is another "
            "paper's; supply the text of this one"
        )
    if quote and _is_missing(quote, text):
        yield (
            f"the quote '{quote}' does not stand in the text supplied; quote it word for word, or "
            "leave it out"
        )


def _address_faults(source: Quoted) -> Iterator[str]:
    try:
        address = urlsplit(source.url)
    except ValueError as error:
        yield f"{source.url} is no address ({error}); https://arxiv.org/abs/2106.09685 would be one"
        return
    if (address.hostname or "").removeprefix("www.") not in ("arxiv.org", "export.arxiv.org"):
        return
    if not _ARXIV.match(address.path):
        yield f"{source.url} names no paper; cite it as https://arxiv.org/abs/2106.09685"
    if source.type not in PAPERS:
        yield f"{source.url} is a paper, and is called '{source.type}'; its type is 'preprint'"


def holds_words(text: str, title: str) -> bool:
    """True if the words of a title stand in the text one after the other."""
    there = " ".join(_WORD.findall(fold(text).casefold()))
    wanted = " ".join(_WORD.findall(fold(title).casefold()))
    return bool(wanted) and f" {wanted} " in f" {there} "


def is_short(quote: str) -> bool:
    """True for a quote of so few words that it shows nothing."""
    return len(_WORD.findall(quote)) < FEWEST_WORDS


def _is_missing(quote: str, text: str) -> bool:
    return not find_quote(text, quote, value=None, decimals=0).found


def _told(number: int, source: Quoted, *, found: bool | None) -> str:
    if not source.quote:
        return f"source {number} is not quoted"
    if is_short(source.quote):
        return (
            f"the quote of source {number} has fewer than {FEWEST_WORDS} words, and shows nothing"
        )
    if found is None:
        return f"the quote of source {number} is not checked: no text of the source was supplied"
    return f"the quote of source {number} {'stands' if found else 'does NOT stand'} in its text"
