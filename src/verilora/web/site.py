"""Every page of the site as text, by its path; a server answers with it, an export writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verilora.registry.verdicts import Filter
from verilora.registry.views import ClaimView, RelatedClaim, RunView, VerdictView
from verilora.web import listings
from verilora.web.claim_page import Beside, Item, claim_facts, related_item
from verilora.web.claim_page import item_of as claim_item
from verilora.web.finding import Site
from verilora.web.limits import MOST, PAGE
from verilora.web.links import run_path, tag_feed_path
from verilora.web.methodology import METHODOLOGY, sections
from verilora.web.page import fill
from verilora.web.problems import Problem, missing
from verilora.web.run_page import run_facts
from verilora.web.standing import notices_told
from verilora.web.verdict_page import item_of as verdict_item
from verilora.web.verdict_page import verdict_facts

FEW = 6
"""Items of a list that stands on the first page."""
MOST_SHOWN = 25
"""Hits of a search on a page; programs may ask for more."""


def home(site: Site) -> str:
    """The first page: search, the newest verdicts and claims, the tags."""
    wanted = Filter(kind="POST", current=True)
    verdicts = site.page(site.registry.verdicts, wanted, limit=FEW, cursor=None)
    claims = site.page(site.registry.claims, limit=PAGE, cursor=None)
    return fill(
        "home.html",
        site.links,
        figures=listings.figures_of(site.registry.counts()),
        verdicts=[verdict_item(view) for view in verdicts.items],
        claims=[_item(site, view) for view in claims.items],
        tags=site.registry.tags()[:30],
        twin="/index.json",
        here="/",
    )


def search(site: Site, text: str) -> str:
    """What a search found."""
    hits = site.search(text, limit=MOST_SHOWN) if text.strip() else ()
    nothing = "No claim holds any of these words." if text.strip() and not hits else ""
    many = (
        f"The best {MOST_SHOWN} claims; further words narrow it down"
        if len(hits) == MOST_SHOWN
        else f"{len(hits)} claims"
    )
    told = listings.listing(
        "Search",
        here="/search",
        text=text,
        lead=(many if len(hits) != 1 else "1 claim") if hits else "",
        nothing=nothing,
        claims=[_item(site, hit.claim, more=_holds(hit.words)) for hit in hits],
    )
    return fill("list.html", site.links, twin="", **told)


def claims(site: Site, *, cursor: str | None = None, onward: str = "") -> str:
    """Every claim, a page at a time; `onward` is the next one where files are read."""
    page = site.page(site.registry.claims, limit=_size(site), cursor=cursor)
    told = listings.listing(
        "Claims",
        here="/claims",
        text="",
        claims=[_item(site, view) for view in page.items],
        next=onward or listings.next_page("/claims", page.next_cursor, links=site.links),
        nothing="" if page.items else "No claim is kept here.",
    )
    return fill("list.html", site.links, twin="/claims.json", **told)


def claim(site: Site, id: str) -> str:
    """A claim."""
    view = site.claim(id)
    return claim_of(site, view, related=site.registry.related(view))


def claim_of(site: Site, view: ClaimView, *, related: Sequence[RelatedClaim]) -> str:
    """As `claim`, of one that was found already."""
    facts = claim_facts(
        view,
        site.links,
        verdict=site.verdict_of(view),
        beside=Beside(
            runs=site.runs_of(view),
            related=[related_item(one, site.verdict_of(one.claim)) for one in related],
            places=site.places_of(view.notices),
            versions=site.registry.versions(view.id),
        ),
    )
    return fill("claim.html", site.links, **facts)


def embed(site: Site, id: str) -> str:
    """A claim for a frame on another page: what it says, its state, its picture."""
    return embed_of(site, site.claim(id))


def embed_of(site: Site, view: ClaimView) -> str:
    """As `embed`, of one that was found already."""
    facts = claim_facts(view, site.links, verdict=site.verdict_of(view))
    quotes = [source.quote for source in view.claim.sources if source.quote]
    return fill(
        "embed.html",
        site.links,
        claim=view.claim,
        stated=facts["stated"],
        state=facts["state"],
        notices=notices_told(view.notices, {}),
        quote=quotes[0] if quotes else "",
        verified=view.last_verified[:10],
        drawing=facts["drawing"],
        box=facts["box"],
    )


def verdicts(
    site: Site,
    *,
    cursor: str | None = None,
    status: str | None = None,
    onward: str = "",
) -> str:
    """Every verdict, a page at a time."""
    wanted, asked = Filter(status=status), {"status": status} if status else {}
    page = site.page(site.registry.verdicts, wanted, limit=_size(site), cursor=cursor)
    told = listings.listing(
        "Verdicts",
        here="/verdicts",
        verdicts=[verdict_item(view) for view in page.items],
        next=onward or listings.next_page("/verdicts", page.next_cursor, links=site.links, **asked),
        nothing="" if page.items else "No verdict is kept here.",
    )
    return fill("list.html", site.links, twin="/verdicts.json", **told)


def verdict(site: Site, digest: str) -> str:
    """A verdict."""
    view = site.verdict(digest)
    places = site.places_of(view.notices)
    facts = verdict_facts(view, site.links, runs=_runs(site, view), places=places)
    return fill("verdict.html", site.links, **facts)


def run(site: Site, digest: str) -> str:
    """A run."""
    view = site.run(digest)
    places = site.places_of(view.notices)
    facts = run_facts(view, site.links, verdicts=_resting(site, view), places=places)
    return fill("run.html", site.links, **facts)


def papers(site: Site, *, cursor: str | None = None, onward: str = "") -> str:
    """Every paper that there is a verdict on, a page at a time."""
    page = site.page(site.registry.papers, limit=_size(site), cursor=cursor)
    told = listings.listing(
        "Papers",
        here="/papers",
        papers=[listings.paper_item(view) for view in page.items],
        next=onward or listings.next_page("/papers", page.next_cursor, links=site.links),
        nothing="" if page.items else "No verdict on a paper is kept here.",
    )
    return fill("list.html", site.links, twin="/papers.json", **told)


def paper(site: Site, arxiv_id: str) -> str:
    """A paper with its verdicts."""
    view = site.paper(arxiv_id)
    wanted = Filter(arxiv_id=arxiv_id)
    found = site.page(site.registry.verdicts, wanted, limit=MOST, cursor=None)
    facts = listings.paper_facts(view, verdicts=[verdict_item(one) for one in found.items])
    return fill("paper.html", site.links, **facts)


def tags(site: Site) -> str:
    """Every tag."""
    found = site.registry.tags()
    told = listings.listing(
        "Tags", here="/tags", tags=found, nothing="" if found else "No claim bears a tag."
    )
    return fill("list.html", site.links, twin="/tags.json", **told)


def tag(site: Site, name: str, *, cursor: str | None = None, onward: str = "") -> str:
    """The claims that bear a tag."""
    page = site.page(site.registry.claims, name, limit=_size(site), cursor=cursor)
    if not page.items:
        raise missing("claim with that tag", "All tags are listed under /tags.")
    told = listings.listing(
        name,
        here="/tags",
        kicker="Tag",
        claims=[_item(site, view) for view in page.items],
        next=onward or listings.next_page(f"/tags/{name}", page.next_cursor, links=site.links),
    )
    feed = tag_feed_path(name)
    return fill("list.html", site.links, twin=f"/tags/{name}.json", feed=feed, **told)


def methodology(site: Site) -> str:
    """The rules."""
    version = f"Version {METHODOLOGY}"
    facts = {"sections": sections(), "version_told": version, "here": "/methodology"}
    return fill("methodology.html", site.links, twin="/methodology.json", **facts)


def anchors(site: Site) -> str:
    """The latest result of each anchor."""
    rows = [listings.anchor_row(view) for view in site.registry.anchors()]
    return fill("anchors.html", site.links, rows=rows, here="/anchors", twin="/anchors.json")


def problem(site: Site, fault: Problem) -> str:
    """A fault, for people."""
    told = {"title": fault.title, "status": fault.status, "detail": fault.detail}
    return fill("problem.html", site.links, **told)


def _item(site: Site, view: ClaimView, *, more: str = "") -> Item:
    return claim_item(view, site.verdict_of(view), more=more)


def _runs(site: Site, view: VerdictView) -> Mapping[int, str]:
    found = (site.registry.run(digest) for digest in view.verdict.runs or ())
    return {one.run.seed: run_path(one.entry.digest) for one in found if one is not None}


def _resting(site: Site, view: RunView) -> list[VerdictView]:
    found = (site.registry.verdict(digest) for digest in view.verdicts)
    return [one for one in found if one is not None]


def _size(site: Site) -> int:
    return PAGE if site.depth is None else 100


def _holds(words: tuple[str, ...]) -> str:
    return f"holds {', '.join(words[:6])}" if words else ""
