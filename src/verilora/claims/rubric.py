"""Confidence of a claim, from the kinds of its sources: a table, and nobody's feeling.

| confidence | when |
|---|---|
| 1.00 | a primary source, and an independent check |
| 0.95 | one primary source |
| 0.85 | a strong secondary source |
| 0.70 | one secondary source |

Every claim has at least two sources, whatever its line: the line says how good the best of them is.
A best source whose quote was not found in a text of it (not quoted, or no text supplied) counts one
line lower. Below 0.70 nothing is published. A person may lower confidence, and says why; nobody may
raise it. A claim about a performance has its verdict's confidence instead, capped by its level.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from verilora.claims.duplicates import words_of
from verilora.claims.quotes import PAPERS, Checked, Quoted
from verilora.records.protocol import Level
from verilora.verdict.protocol import CONFIDENCE

Strength = Literal["primary", "strong", "weak"]
LINES: tuple[tuple[float, str], ...] = (
    (1.00, "a primary source, and an independent check"),
    (0.95, "one primary source"),
    (0.85, "a strong secondary source"),
    (0.70, "one secondary source"),
)
FEWEST_SOURCES = 2
LOWEST = LINES[-1][0]
"""Below it nothing is published."""
PRIMARY: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("introduced_in_", PAPERS),
    ("released_", ("github-release", "model-card", "official-blog", "press-release")),
    ("has_", ("model-card", "docs", "github-release", *PAPERS)),
    ("licensed_", ("model-card", "docs", "github-release")),
    ("achieves_", ("benchmark", *PAPERS)),
    ("", PAPERS),
)
"""How a predicate begins -> types of source that are primary for it; the first that fits."""
VERY_PAPER = "introduced_in_"
"""Here a paper is primary only if it is the very one that the object names."""
STRONG = ("preprint", "peer-reviewed", "official-blog", "docs", "model-card", "github-release")
"""Secondary sources that are strong; press-release and benchmark are not."""
REPEATS = ("press-release",)
"""What repeats others, and so checks nothing."""
SHARED_HOSTS = ("github.com", "gitlab.com", "huggingface.co")
"""Where the first part of the path says whose a page is."""
_AUTHORS = re.compile(r"\s*\([^()]*\)\s*$")


@dataclass(frozen=True)
class Assessment:
    """Confidence by the rubric, the rule that gave it as a sentence, and what refuses the claim."""

    confidence: float
    rule: str
    faults: tuple[str, ...] = ()


def assess(
    predicate: str, *, object: str, sources: Sequence[Quoted], quotes: Sequence[Checked]
) -> Assessment:
    """The line of the rubric that these sources come to; `quotes` has one answer for each."""
    faults = []
    if len(sources) < FEWEST_SOURCES:
        has = "one source" if sources else "no source"
        faults.append(f"it has {has}; at least {FEWEST_SOURCES} are wanted, best of two publishers")
    if not sources:
        return Assessment(0.0, "no source", tuple(faults))
    graded: list[Strength] = [strength_of(source, predicate, object=object) for source in sources]
    line, best, why = _line(sources, graded)
    if not any(quotes[number - 1].found for number in best):
        line += 1
        why += f"; {quotes[best[0] - 1].detail}, so that it counts one line lower"
    if line == len(LINES):
        faults.append(
            f"its confidence is below {LOWEST:.2f}, and nothing is published below that: {why}; "
            "name a primary source, or supply the text that the quote stands in (--text)"
        )
        return Assessment(0.0, why, tuple(faults))
    return Assessment(LINES[line][0], f"{LINES[line][1]}: {why}", tuple(faults))


def strength_of(source: Quoted, predicate: str, *, object: str) -> Strength:
    """Primary, strong secondary or (weak) secondary, for this predicate and object."""
    types = next(types for begin, types in PRIMARY if predicate.startswith(begin))
    of_it = not predicate.startswith(VERY_PAPER) or is_titled(object, source.title)
    if source.type in types and of_it:
        return "primary"
    return "strong" if source.type in STRONG else "weak"


def is_titled(object: str, title: str) -> bool:
    """True if the object names the paper of that title: "TITLE (Hu et al., 2021)", or "TITLE"."""
    words = words_of(title)
    return bool(words) and words in (words_of(object), words_of(_AUTHORS.sub("", object)))


def are_independent(one: Quoted, other: Quoted) -> bool:
    """True if the two come from different publishers and different sites."""
    publishers = {words_of(_AUTHORS.sub("", source.publisher)) for source in (one, other)}
    return len(publishers) == 2 and site_of(one.url) != site_of(other.url)


def site_of(url: str) -> str:
    """Whose page it is: the host, and where many share one, the owner too."""
    try:
        address = urlsplit(url.casefold())
    except ValueError:
        return url  # refused by the gate of addresses
    host = (address.hostname or "").removeprefix("www.").removeprefix("export.")
    owner = address.path.strip("/").split("/")[0]
    return f"{host}/{owner}" if host in SHARED_HOSTS else host


def lower(found: Assessment, wanted: float | None, *, reason: str | None) -> Assessment:
    """The assessment as a person wants it, who may lower and never raise it."""
    if wanted is None or wanted == found.confidence or found.confidence == 0:
        return found
    faults = list(found.faults)
    if wanted > found.confidence:
        faults.append(
            f"confidence {wanted:.2f} is asked for, and the rubric gives {found.confidence:.2f} "
            f"({found.rule}); a person may lower it, never raise it"
        )
    elif wanted < LOWEST:
        faults.append(f"confidence {wanted:.2f} is asked for; below {LOWEST:.2f} none is published")
    elif not reason:
        faults.append(f"confidence is lowered to {wanted:.2f} without a reason; say why")
    else:
        rule = f"lowered from {found.confidence:.2f}: {reason} ({found.rule})"
        return Assessment(wanted, rule, tuple(faults))
    return Assessment(found.confidence, found.rule, tuple(faults))


def performance_confidence(own: float, *, level: Level) -> Assessment:
    """A verdict's own confidence as judged, capped by its level; the rubric's lines do not hold.

    It is the probability that the same work, done again, would come to the same status.
    """
    rule = "the verdict's: the probability that the same work, done again, comes to the same status"
    if own >= CONFIDENCE[level]:
        return Assessment(CONFIDENCE[level], f"{rule}; capped by the level '{level}'")
    return Assessment(own, rule)


def _line(sources: Sequence[Quoted], graded: Sequence[Strength]) -> tuple[int, list[int], str]:
    """Place in LINES, the sources that it rests on (numbers, best first), and why, in words."""
    by_strength: dict[str, list[int]] = {"primary": [], "strong": [], "weak": []}
    for number, strength in enumerate(graded, 1):
        by_strength[strength].append(number)
    if by_strength["primary"]:
        return _primary_line(sources, by_strength["primary"])
    line, held = (2, by_strength["strong"]) if by_strength["strong"] else (3, by_strength["weak"])
    name = "a strong secondary source" if line == 2 else "a secondary source"
    return line, held, f"source {held[0]} ({sources[held[0] - 1].type}) is {name}"


def _primary_line(sources: Sequence[Quoted], primaries: list[int]) -> tuple[int, list[int], str]:
    first = primaries[0]
    for number in primaries:
        checks = _check_of(sources[number - 1], sources)
        if checks is not None:
            kinds = [f"source {n} ({sources[n - 1].type})" for n in (number, checks)]
            return 0, primaries, f"{kinds[0]} is primary, {kinds[1]} of another publisher"
    return 1, primaries, f"source {first} ({sources[first - 1].type}) is primary"


def _check_of(primary: Quoted, sources: Sequence[Quoted]) -> int | None:
    """Number of the first source that checks the primary one independently, or None."""
    for number, source in enumerate(sources, 1):
        if source.type not in REPEATS and are_independent(primary, source):
            return number
    return None
