"""What is said in a terminal of a claim."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from verilora.cli.summary import aligned
from verilora.records.claim import Claim, Performance, Source

WIDTH = 96


def claim_told(claim: Claim, digest: str, *, signed: bool, file: Path) -> str:
    """The statement, its facts and sources, and what to do with the file next."""
    facts = [
        ("id", claim.id),
        ("confidence", f"{claim.confidence:.2f}"),
        *(("", line) for line in textwrap.wrap(claim.confidence_rule, WIDTH - 12)),
        ("tags", ", ".join(claim.tags) or "none"),
        ("written", claim.published_at),
        ("verified", claim.last_verified),
        ("digest", digest),
        *((f"not {one.id}", one.reason) for one in claim.distinct_from),
    ]
    parts = [_wrapped(claim.statement, ""), "", aligned(facts)]
    if claim.performance is not None:
        parts += ["", "rests on", aligned(_grounds(claim.performance))]
    if claim.sources:
        parts += ["", "sources", *(line for one in claim.sources for line in _source(one))]
    return "\n".join([*parts, "", *_next(file, signed=signed)])


def _grounds(performance: Performance) -> list[tuple[str, str]]:
    runs, files = len(performance.runs), len(performance.artifacts)
    told = [
        ("verdict", performance.verdict),
        ("", f"{performance.status.replace('_', ' ')}, protocol {performance.level}"),
        ("runs", f"{runs}, by their digests" if runs else "none named"),
        ("files", f"{files}, by their digests" if files else "none named"),
    ]
    if performance.preregistration:
        told.insert(2, ("fixed before", performance.preregistration))
    return told


def _source(source: Source) -> Iterator[str]:
    when = f", {source.published}" if source.published else ""
    yield _wrapped(f"{source.ordinal}. {source.title} ({source.publisher}{when}; {source.type})")
    yield f"     {source.url}"
    if source.quote:
        yield _wrapped(f"“{source.quote}”", "     ")


def _next(file: Path, *, signed: bool) -> Iterator[str]:
    if signed:
        yield f"Its signature was not looked at: verilora verify {file}"
    else:
        yield f"Not signed: verilora sign {file}"
        yield f"To cite it: verilora cite {file} --format bibtex"


def _wrapped(text: str, indent: str = "  ") -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if not indent else indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
