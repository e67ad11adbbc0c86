"""Confidence follows from the kinds of sources; the table in the docs is the code's."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verilora.claims import rubric
from verilora.claims.quotes import Checked
from verilora.claims.rubric import (
    Assessment,
    are_independent,
    assess,
    is_titled,
    lower,
    performance_confidence,
    site_of,
    strength_of,
)
from verilora.records.claim import Source, SourceType
from verilora.records.verdict import VerdictDocument
from verilora.verdict.judge import judge

DOCS = Path(__file__).resolve().parents[2] / "docs" / "claims.md"
OBJECT = "Narrow Bridges (Doe et al., 1999)"
FOUND, UNCHECKED = Checked(True, "found"), Checked(None, "not checked")


def source(type_: str = "preprint", publisher: str = "arXiv", **changes: Any) -> Source:
    url = changes.pop("url", f"https://{publisher.lower()}.org/x")
    given = {"ordinal": 1, "type": type_, "publisher": publisher, "title": "Narrow Bridges"}
    return Source.model_validate({**given, "url": url, **changes})


PAPER, REPOSITORY = source(), source("github-release", "Doe", url="https://github.com/doe/bridges")
AGAIN = source(title="Narrow Bridges")
ANOTHER_PAPER = source("peer-reviewed", "Journal", title="Of Rivers")
PRESS = source("press-release", "Herald")


@pytest.mark.parametrize(
    ("sources", "found", "confidence", "word"),
    [
        ([PAPER, REPOSITORY], True, 1.00, "source 2 (github-release) of another publisher"),
        ([REPOSITORY, PAPER], True, 1.00, "source 2 (preprint) is primary, source 1"),
        ([PAPER, ANOTHER_PAPER], True, 1.00, "independent check"),
        ([PAPER, REPOSITORY], False, 0.95, "one line lower"),
        ([PAPER, AGAIN], True, 0.95, "one primary source"),
        ([PAPER, PRESS], True, 0.95, "one primary source"),
        ([PAPER, AGAIN], False, 0.85, "strong secondary"),
        ([REPOSITORY, ANOTHER_PAPER], True, 0.85, "source 1 (github-release)"),
        ([REPOSITORY, ANOTHER_PAPER], False, 0.70, "one secondary"),
        ([PRESS, source("benchmark", "Board")], True, 0.70, "source 1 (press-release)"),
    ],
)
def test_the_lines_of_the_rubric(
    sources: list[Source], confidence: float, word: str, *, found: bool
) -> None:
    quotes = [FOUND if found else UNCHECKED] * len(sources)
    told = assess("introduced_in_paper", object=OBJECT, sources=sources, quotes=quotes)
    assert (told.confidence, told.faults) == (confidence, ())
    assert word in told.rule


@settings(max_examples=150, deadline=None)
@given(
    kinds=st.lists(
        st.tuples(
            st.sampled_from(get_args(SourceType)),
            st.sampled_from(["arXiv", "Doe", "Journal"]),
            st.sampled_from(["Narrow Bridges", "Of Rivers"]),
            st.booleans(),
        ),
        min_size=2,
        max_size=5,
    ),
    predicate=st.sampled_from(["introduced_in_paper", "released_on", "has_size", "cites"]),
)
def test_one_more_source_never_lowers_and_the_order_changes_nothing(
    kinds: list[tuple[str, str, str, bool]], predicate: str
) -> None:
    def confidence(chosen: list[tuple[str, str, str, bool]]) -> float:
        sources = [source(kind, who, title=title) for kind, who, title, _ in chosen]
        quotes = [FOUND if found else UNCHECKED for *_, found in chosen]
        return assess(predicate, object=OBJECT, sources=sources, quotes=quotes).confidence

    assert confidence(kinds[:-1]) <= confidence(kinds)
    assert confidence(kinds) == confidence(kinds[::-1])


def test_below_the_lowest_line_nothing_is_published() -> None:
    sources = [PRESS, source("benchmark", "Board")]
    told = assess("introduced_in_paper", object=OBJECT, sources=sources, quotes=[UNCHECKED] * 2)
    assert "nothing is published below that" in told.faults[0]


@pytest.mark.parametrize("sources", [[], [PAPER]])
def test_at_least_two_sources_are_wanted(sources: list[Source]) -> None:
    told = assess(
        "introduced_in_paper", object=OBJECT, sources=sources, quotes=[FOUND] * len(sources)
    )
    assert "at least 2 are wanted" in told.faults[0]


@pytest.mark.parametrize(
    ("type_", "predicate", "object_", "strength"),
    [
        ("preprint", "introduced_in_paper", OBJECT, "primary"),
        ("peer-reviewed", "introduced_in_paper", "narrow bridges", "primary"),
        ("preprint", "introduced_in_paper", "Wide Bridges (Doe, 1999)", "strong"),
        ("github-release", "introduced_in_paper", OBJECT, "strong"),
        ("press-release", "introduced_in_paper", OBJECT, "weak"),
        ("github-release", "released_on", "1999-12-02", "primary"),
        ("press-release", "released_on", "1999-12-02", "primary"),
        ("model-card", "has_parameters", "22 M", "primary"),
        ("official-blog", "has_parameters", "22 M", "strong"),
        ("benchmark", "achieves_accuracy", "90 %", "primary"),
        ("preprint", "cites", "anything", "primary"),
        ("docs", "cites", "anything", "strong"),
    ],
)
def test_what_is_primary_depends_on_the_predicate(
    type_: str, predicate: str, object_: str, strength: str
) -> None:
    assert strength_of(source(type_), predicate, object=object_) == strength


def test_a_title_with_its_authors_names_the_paper() -> None:
    assert is_titled("LoRA: Low-Rank Adaptation (Hu et al., 2021)", "LoRA – low rank adaptation")
    assert not is_titled(
        "QLoRA: Efficient Finetuning (Dettmers, 2023)", "LoRA: Efficient Finetuning"
    )
    assert is_titled("Bridges (Extended)", "Bridges (Extended)")
    assert not is_titled("", "")


def test_independent_is_another_publisher_on_another_site() -> None:
    assert are_independent(PAPER, REPOSITORY)
    assert not are_independent(PAPER, source(publisher="ArXiv (Doe, Roe)", url="https://x.y/z"))
    assert not are_independent(PAPER, source(publisher="Mirror", url="https://www.arxiv.org/q"))
    assert site_of("https://github.com/Doe/bridges") == "github.com/doe"
    assert site_of("https://export.arxiv.org/abs/1") == site_of("https://arxiv.org/abs/2")


def test_a_person_may_lower_and_never_raise() -> None:
    found = Assessment(0.95, "one primary source: x")
    assert lower(found, None, reason=None) is found
    assert lower(found, 0.95, reason=None) is found
    lowered = lower(found, 0.8, reason="the table was redrawn")
    assert lowered.confidence == 0.8
    assert lowered.rule == "lowered from 0.95: the table was redrawn (one primary source: x)"
    for wanted, reason, fault in (
        (1.0, "I know it", "never raise it"),
        (0.8, None, "without a reason"),
        (0.5, "doubt", "below 0.70 none is published"),
    ):
        refused = lower(found, wanted, reason=reason)
        assert fault in refused.faults[0]
        assert refused.confidence == 0.95


@pytest.mark.parametrize(
    ("states", "level", "most"),
    [
        ({}, "exact", 0.99),
        ({"precision": "different"}, "near", 0.85),
        ({"base": "different"}, "proxy", 0.6),
    ],
)
def test_a_performance_has_its_verdicts_confidence(
    reproduction: Callable[..., VerdictDocument], states: dict[str, str], level: str, most: float
) -> None:
    judgement = judge(reproduction(89.6, 89.7, 89.8, 89.7, 89.9, states=states))
    told = performance_confidence(judgement.confidence, level=judgement.level)
    assert judgement.level == level
    assert told.confidence == min(judgement.confidence, most) > 0
    bold = performance_confidence(1.0, level=judgement.level)
    assert bold.confidence == most
    assert f"capped by the level '{level}'" in bold.rule


def test_the_docs_have_the_rubric_of_the_code() -> None:
    text = DOCS.read_text("utf-8")
    rows = re.findall(r"^\| (\d\.\d\d) \| (.+?) \|$", text, re.M)
    assert [(float(value), told) for value, told in rows] == list(rubric.LINES)
    inside = re.findall(r"^\| (\d\.\d\d) \| (.+?) \|$", rubric.__doc__ or "", re.M)
    assert inside == rows


def test_the_docs_have_the_primary_types_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+?)…` \| (.+?) \|$", DOCS.read_text("utf-8"), re.M)
    told = {begin: tuple(re.findall(r"`([\w-]+)`", types)) for begin, types in rows}
    assert told == {begin: types for begin, types in rubric.PRIMARY if begin}
