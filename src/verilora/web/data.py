"""Every answer for programs as bytes; a server answers with it, an export writes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from verilora.records.canonical import canonical_bytes
from verilora.registry.verdicts import Filter
from verilora.registry.views import ClaimView, RelatedInShort
from verilora.web import answers, shapes
from verilora.web.finding import MOST_FOUND, Site
from verilora.web.limits import PAGE
from verilora.web.methodology import methodology_mapping, validator_mapping
from verilora.web.problems import Problem


def home(site: Site) -> bytes:
    """The registry in numbers, and where everything is."""
    counts = site.registry.counts()
    paths = ("claims", "papers", "verdicts", "tags", "anchors", "methodology", "openapi")
    names = ("records", "claims", "verdicts", "papers", "runs", "notices")
    return canonical_bytes(
        {
            "apiVersion": shapes.API_VERSION,
            "counts": {name: getattr(counts, name) for name in names},
            "links": {name: site.links.outside(f"/api/v1/{name}.json") for name in paths},
        }
    )


def claims(
    site: Site,
    *,
    tag: str | None = None,
    limit: int = PAGE,
    cursor: str | None = None,
) -> bytes:
    """A page of claims."""
    page = site.page(site.registry.claims, tag, limit=limit, cursor=cursor)
    told = tuple(answers.claim_in_short(view, site.links) for view in page.items)
    return _told(shapes.ClaimList(count=len(told), claims=told, next=page.next_cursor))


def claim(site: Site, id: str) -> bytes:
    """A claim with its envelope."""
    view = site.claim(id)
    return claim_of(site, view, related=site.registry.related_in_short(view))


def claim_of(site: Site, view: ClaimView, *, related: Sequence[RelatedInShort]) -> bytes:
    """As `claim`, of one that was found already."""
    envelope = site.envelope(view.entry.digest.removeprefix("sha256:"))
    beside = {"related": related, "envelope": envelope, "verdict": site.verdict_of(view)}
    return _told(answers.claim_answer(view, site.links, **beside))


def search(site: Site, text: str, *, limit: int) -> bytes:
    """What a search found."""
    if not 1 <= limit <= MOST_FOUND:
        raise Problem(400, f"limit is {limit}; wanted is 1 to {MOST_FOUND}.")
    if not text.strip():
        raise Problem(400, "There is nothing to search for; say it in q.")
    return _told(answers.search_answer(text, site.search(text, limit=limit), links=site.links))


def verify(site: Site, sentence: str, *, least: float) -> bytes:
    """Claims that read like a sentence."""
    hits = site.search(sentence, limit=10, least=least)
    return _told(answers.verify_answer(sentence, hits, links=site.links, least=least))


def tags(site: Site) -> bytes:
    """Every tag."""
    return _told(answers.tag_list(site.registry.tags(), site.links))


def papers(site: Site, *, limit: int = PAGE, cursor: str | None = None) -> bytes:
    """A page of papers."""
    page = site.page(site.registry.papers, limit=limit, cursor=cursor)
    told = tuple(answers.paper_shape(view, site.links) for view in page.items)
    return _told(shapes.PaperList(count=len(told), papers=told, next=page.next_cursor))


def paper(site: Site, arxiv_id: str) -> bytes:
    """A paper with its verdicts."""
    return canonical_bytes(answers.paper_answer(site.paper(arxiv_id)))


def verdicts(
    site: Site,
    *,
    wanted: Filter,
    limit: int = PAGE,
    cursor: str | None = None,
) -> bytes:
    """A page of verdicts."""
    page = site.page(site.registry.verdicts, wanted, limit=limit, cursor=cursor)
    told = tuple(answers.verdict_shape(view, site.links) for view in page.items)
    return _told(shapes.VerdictList(count=len(told), verdicts=told, next=page.next_cursor))


def verdict_document(site: Site, digest: str) -> bytes:
    """A verdict's document as it was signed: what `verilora judge` takes."""
    return canonical_bytes(site.verdict(digest).document.to_mapping())


def verdict(site: Site, digest: str) -> bytes:
    """A verdict in short, its document, and what was said later."""
    view = site.verdict(digest)
    told = answers.verdict_shape(view, site.links).to_mapping()
    notices = [answers.notice_shape(one).to_mapping() for one in view.notices]
    document = view.document.to_mapping()
    return canonical_bytes(told | {"notices": notices, "document": document, "apiVersion": "v1"})


def run(site: Site, digest: str) -> bytes:
    """A run's record as it was signed."""
    return canonical_bytes(site.run(digest).run.to_mapping())


def anchors(site: Site, *, status: str | None = None, unit: str | None = None) -> bytes:
    """The latest result of each anchor, of one state or of one kind alone where that is asked."""
    results: list[dict[str, Any]] = []
    for view in site.registry.anchors():
        if status not in (None, view.result.state) or unit not in (None, view.result.unit):
            continue
        results.append(view.result.to_mapping() | {"digest": view.entry.digest})
    return canonical_bytes({"apiVersion": "v1", "count": len(results), "anchors": results})


def methodology() -> bytes:
    """The rules."""
    return canonical_bytes(methodology_mapping())


def validator() -> bytes:
    """The rules that verdicts are held against."""
    return canonical_bytes(validator_mapping())


def _told(shape: shapes.Shape) -> bytes:
    return canonical_bytes(shape.to_mapping())
