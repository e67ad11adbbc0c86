"""Finding words and numbers in the text of a paper, whatever its extraction did to them.

Folded away are: runs of white space, ligatures, the kinds of dash, hyphens inside words (so that a
word broken over two lines is whole again), and spaces around ±. Letters keep their case.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

Span = tuple[int, int]
NEAR = 200
"""Characters between a quote and its value at most."""
REACH = 6000
"""Characters that a table's text may have on each side of its caption."""

_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\u00ad": None}
    | dict.fromkeys("‐‑‒–—−", "-")
)
_INSIDE_WORD = re.compile(r"(?<=[^\W\d_])-\s*(?=[^\W\d_])")
_LABEL = re.compile(r"(table|tab\.?|figure|fig\.?)\s*([A-Z]?\d+)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Quote:
    """Where a quote stands: at all, and how many characters from the value (None: no value)."""

    found: bool
    distance: int | None


def fold(text: str) -> str:
    """The text with one form for what extraction changes."""
    plain = _INSIDE_WORD.sub("", text.translate(_LIGATURES))
    return re.sub(r" ?± ?", "±", " ".join(plain.split()))


def value_forms(value: float, decimals: int) -> tuple[str, ...]:
    """The ways in which a number is printed: "0.57" also as ".57"."""
    printed = f"{value:.{decimals}f}"
    short = re.sub(r"^(-?)0\.", r"\1.", printed)
    return (printed,) if short == printed else (printed, short)


def spans_of_value(text: str, value: float, *, decimals: int) -> list[Span]:
    """Where the number stands in a folded text; not where it is a piece of a longer one."""
    forms = "|".join(map(re.escape, value_forms(value, decimals)))
    pattern = re.compile(rf"(?<!\d)(?<!\d[.,])(?:{forms})(?!\d)(?!\.\d)")
    return [match.span() for match in pattern.finditer(text)]


def find_quote(text: str, quote: str, *, value: float | None, decimals: int) -> Quote:
    """Whether the quote stands in the text verbatim, and how near to the value.

    Whole words and whole numbers: "supported by" does not stand in "unsupported by".
    The distance is that of the nearest pair of quote and value, 0 if the quote holds the value,
    None without one.
    """
    folded, wanted = fold(text), fold(quote)
    if not wanted:
        return Quote(False, None)
    quotes = [match.span() for match in _whole(wanted).finditer(folded)]
    values = [] if value is None else spans_of_value(folded, value, decimals=decimals)
    return Quote(bool(quotes), _nearest_pair(quotes, values))


def _whole(wanted: str) -> re.Pattern[str]:
    """The words as they stand, where they neither begin nor end within a word or a number."""
    before = r"(?<!\w)" if wanted[0].isalnum() else ""
    before += r"(?<!\d[.,])" if wanted[0].isdigit() else ""
    after = r"(?!\w)" if wanted[-1].isalnum() else ""
    after += r"(?![.,]\d)" if wanted[-1].isdigit() else ""
    return re.compile(before + re.escape(wanted) + after)


def _nearest_pair(quotes: list[Span], values: list[Span]) -> int | None:
    # Both lists are in the order of the text, so that only neighbours can be nearest.
    begins, distances = [begin for begin, _ in values], []
    for start, stop in quotes:
        place = bisect.bisect(begins, start)
        for begin, end in values[max(0, place - 1) : place + 1]:
            distances.append(max(0, begin - stop, start - end))
    return min(distances, default=None)


def table_text(text: str, section: str) -> str | None:
    """The folded text around the caption of the table or figure that `section` names.

    From the caption before to the caption after, since a caption may stand above its table or
    below it; None if `section` names no table, or the text has none of that number.
    """
    label = _LABEL.search(section)
    if label is None:
        return None
    folded, kind, number = fold(text), label[1][:3].casefold(), label[2].casefold()
    captions = [m for m in _LABEL.finditer(folded) if folded[m.end() : m.end() + 1] in (":", ".")]
    own = [m for m in captions if (m[1][:3].casefold(), m[2].casefold()) == (kind, number)]
    if not own:
        return None
    place = own[0].start()
    others = [m.start() for m in captions if m not in own]
    first = max([m for m in others if m < place], default=0)
    last = min([m for m in others if m > place], default=len(folded))
    return folded[max(first, place - REACH) : min(last, place + REACH)]


def stands_in(header: str, table: str) -> bool:
    """True if a row's or column's header is in the table's text, spaces and case apart."""
    squeezed = fold(header).casefold().replace(" ", "")
    return bool(squeezed) and squeezed in fold(table).casefold().replace(" ", "")


def words_missing(header: str, text: str) -> tuple[str, ...]:
    """The words of a header that a text does not hold, not even in a longer word, in order."""
    there = fold(text).casefold()
    words = dict.fromkeys(_WORD.findall(header))
    return tuple(word for word in words if fold(word).casefold() not in there)
