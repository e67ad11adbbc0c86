"""A registry of made-up claims: how fast many come in, and how fast one of 100,000 is read.

Takes some minutes; the claims are signed one by one.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy

from verilora.atomic import write_whole
from verilora.claims.envelope import sign
from verilora.claims.keys import make_key
from verilora.claims.predicates import statement_of
from verilora.records.claim import Claim, claim_id
from verilora.records.claim import statement_of as told_of
from verilora.registry import Registry, open_registry

MANY, ALL = 10_000, 100_000
MOST_SECONDS = 20.0
"""For MANY claims from a file of lines."""
MOST_MILLISECONDS = {"a claim by its id": 2.0}
"""For the median; the hundredth slowest tells more of what else the machine did."""
READINGS = 300
WORDS = [
    f"{first}{last}"
    for first in ("lo", "ra", "mi", "ne", "ko", "tu", "be", "sa", "vi", "du")
    for last in ("ra", "no", "mi", "ta", "le", "su", "ki", "po", "ne", "go")
]


def main(_: argparse.Namespace) -> None:
    """Fills a registry, reads from it, prints and writes the table."""
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "claims.jsonl"
        with lines.open("wb") as file:
            file.writelines(envelope + b"\n" for envelope in envelopes(ALL))
        with open_registry(str(Path(folder) / "registry.sqlite")) as registry:
            rows = [_filled(registry, lines), *_read(registry)]
    for row in rows:
        goal = "" if row["goal"] is None else f"  (at most {row['goal']:g})"
        print(f"registry: {row['case']}: {row['ours']:.2f}{goal}")
    _write(rows)


def envelopes(count: int, *, seed: int = 0) -> Iterator[bytes]:
    """So many signed claims; the same claims for the same seed."""
    key, chance = make_key("benchmark"), random.Random(seed)
    for number in range(count):
        yield sign(statement_of(_claim(number, chance)), key)


def _claim(number: int, chance: random.Random) -> Claim:
    subject = f"Method {WORDS[number % len(WORDS)]} {number}"
    paper = f"{' '.join(chance.choices(WORDS, k=6))} (Author {number}, 2024)"
    parts: dict[str, Any] = {"predicate": "introduced_in_paper", "object": paper}
    source = {"type": "preprint", "publisher": "arXiv", "url": "https://arxiv.org/abs/2106.09685"}
    sources = [{**source, "ordinal": one, "title": paper, "quote": paper} for one in (1, 2)]
    return Claim.model_validate(
        {
            **parts,
            "subject": subject,
            "id": claim_id(subject, parts["predicate"], object=paper),
            "statement": told_of(subject, parts["predicate"], object=paper),
            "confidence": chance.choice([0.7, 0.85, 0.95, 1.0]),
            "confidence_rule": "made up",
            "tags": ["fine-tuning", *dict.fromkeys(chance.choices(WORDS, k=3))],
            "sources": sources,
            "published_at": "2026-01-01T00:00:00Z",
            "last_verified": "2026-01-01T00:00:00Z",
        }
    )


def _filled(registry: Registry, lines: Path) -> dict[str, Any]:
    begun, seconds = time.perf_counter(), 0.0
    with lines.open("rb") as file:
        for number, _ in enumerate(registry.admit_many(file), 1):
            if number == MANY:
                seconds = time.perf_counter() - begun
    return _row(f"{MANY:,} claims admitted from JSONL, seconds", seconds, goal=MOST_SECONDS)


def _read(registry: Registry) -> Iterator[dict[str, Any]]:
    ids = [view.id for view in registry.claims(limit=200).items]
    tags = [tag.name for tag in registry.tags()]
    chance = random.Random(1)
    readings: dict[str, Callable[[], Any]] = {
        "a claim by its id": lambda: registry.claim(chance.choice(ids)),
        "fifty claims of a tag": lambda: registry.claims(chance.choice(tags)),
        "related claims": lambda: registry.related(chance.choice(ids)),
        "a search for a rare word": lambda: registry.search(f"author {chance.randrange(ALL)}"),
        "a search for common words": lambda: registry.search("introduced in paper"),
        "a search for two words": lambda: registry.search(" ".join(chance.choices(tags, k=2))),
    }
    for case, reading in readings.items():
        told = sorted(_timed(reading) for _ in range(READINGS))
        most = MOST_MILLISECONDS.get(case)
        yield _row(f"{case}, of {ALL:,}, median milliseconds", statistics.median(told), goal=most)
        yield _row(f"{case}, of {ALL:,}, p99 milliseconds", told[READINGS * 99 // 100], goal=None)


def _timed(reading: Callable[[], Any]) -> float:
    """Milliseconds of one call."""
    begun = time.perf_counter()
    reading()
    return (time.perf_counter() - begun) * 1000


def _row(case: str, ours: float, *, goal: float | None) -> dict[str, Any]:
    met = None if goal is None else ours <= goal
    row = {"case": case, "ours": round(ours, 3), "peer": None, "floor": None, "ratio": None}
    return {**row, "goal": goal, "met": met}


def _write(rows: list[dict[str, Any]]) -> None:
    told = {
        "machine": platform.machine(),
        "versions": {"sqlalchemy": sqlalchemy.__version__, "sqlite": sqlite3.sqlite_version},
        "rows": rows,
    }
    path = Path(__file__).parent / "results" / "registry.json"
    write_whole(path, (json.dumps(told, indent=1) + "\n").encode())
