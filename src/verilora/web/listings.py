"""Pages that are lists: what stands on them, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from verilora.registry.views import AnchorView, Counts, PaperView
from verilora.report.verdict import ARXIV, ICONS
from verilora.verdict.meaning import status_told
from verilora.web.judged import status_of
from verilora.web.links import Links, paper_path

ANCHOR_ICONS = {"healthy": "✓", "drift": "✗", "no data": "–"}
NOTHING: dict[str, Any] = dict.fromkeys(("claims", "verdicts", "papers", "tags"), ())


class PaperItem(NamedTuple):
    """A paper in a list."""

    arxiv_id: str
    title: str
    kind: str
    icon: str
    mark: str
    about: str


class AnchorRow(NamedTuple):
    """An anchor's latest result."""

    title: str
    measured: str
    kind: str
    icon: str
    state: str
    detail: str
    latest: str
    expected: str
    day: str


def listing(title: str, *, here: str, **given: Any) -> dict[str, Any]:
    """What templates/list.html tells; every part that is not given is empty."""
    bare: dict[str, Any] = {"kicker": "", "lead": "", "text": None, "next": "", "nothing": ""}
    return {**NOTHING, **bare, "title": title, "here": here, **given}


def next_page(path: str, cursor: str | None, *, links: Links, **asked: str) -> str:
    """The address of the next page; "" at the end, and where files are read."""
    if cursor is None or links.depth is not None:
        return ""
    return f"{path}?{urlencode({**asked, 'cursor': cursor})}"


def figures_of(counts: Counts) -> list[tuple[str, str]]:
    """The registry in numbers."""
    told = (
        (counts.claims, "claim", "claims"),
        (counts.verdicts, "verdict", "verdicts"),
        (counts.papers, "paper", "papers"),
        (counts.runs, "run", "runs"),
        (counts.records, "signed record in all", "signed records in all"),
    )
    return [(f"{count:,}", one if count == 1 else many) for count, one, many in told]


def paper_item(view: PaperView) -> PaperItem:
    """A paper as a line of a list."""
    count = f"{view.verdicts} verdict{'' if view.verdicts == 1 else 's'}"
    title = view.paper.title or f"arXiv:{view.arxiv_id}"
    about = f"arXiv:{view.arxiv_id} · {count}"
    if view.post is None:
        return PaperItem(view.arxiv_id, title, "", "", "", about)
    status = status_of(view.post)
    return PaperItem(view.arxiv_id, title, status, ICONS[status], status_told(status), about)


def paper_facts(view: PaperView, *, verdicts: Sequence[Any]) -> dict[str, Any]:
    """What templates/paper.html tells."""
    paper, path = view.paper, paper_path(view.arxiv_id)
    told = ("Paper", paper.venue, paper.primary_category, paper.published_at)
    return {
        "title": paper.title or f"arXiv:{view.arxiv_id}",
        "kicker": " · ".join(part for part in told if part),
        "arxiv": view.arxiv_id if ARXIV.fullmatch(view.arxiv_id) else "",
        "abstract": paper.abstract or "",
        "withdrawn": bool(paper.withdrawn),
        "verdicts": verdicts,
        "path": path,
        "twin": f"{path}.json",
        "here": "/papers",
    }


def anchor_row(view: AnchorView) -> AnchorRow:
    """An anchor's result as a row."""
    result = view.result
    expected = _short(result.expected)
    expected += f" ± {result.tolerance:g}" if result.tolerance is not None else ""
    return AnchorRow(
        result.title,
        result.measured,
        result.state.replace(" ", "-"),
        ANCHOR_ICONS[result.state],
        result.state,
        result.detail,
        _short(result.latest),
        expected,
        result.computed_at[:10],
    )


def _short(value: float | str | None) -> str:
    if value is None:
        return "–"
    return f"{value[:19]}…" if isinstance(value, str) else f"{value:.2f}"
