"""What stands on other people's pages: the frame, oEmbed, the badge, citations, the feed."""

from __future__ import annotations

import re
from html import escape
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import quoteattr

from verilora.claims.cite import Format
from verilora.records.canonical import canonical_bytes
from verilora.registry.views import ClaimView
from verilora.web.answers import citation
from verilora.web.claim_page import HEIGHT, iframe_of
from verilora.web.finding import Site
from verilora.web.limits import PAGE
from verilora.web.links import Links, claim_path, tag_feed_path, tag_path
from verilora.web.page import fill
from verilora.web.problems import missing
from verilora.web.standing import State, state_of

LABEL = "verilora"
COLOURS = {
    "stands": "#00684c",
    "reproduced": "#00684c",
    "not_reproduced": "#a3360a",
    "retracted": "#a3360a",
    "disputed": "#855a00",
    "superseded": "#855a00",
}
OTHERWISE = "#4d5761"
LETTER, SPACE = 6.6, 16
"""Of a badge: width of a letter at 11 px, and the space around a text."""
CITED: dict[str, tuple[Format, str]] = {
    "txt": ("plain", "text/plain; charset=utf-8"),
    "md": ("markdown", "text/markdown; charset=utf-8"),
    "bib": ("bibtex", "application/x-bibtex; charset=utf-8"),
    "ris": ("ris", "application/x-research-info-systems; charset=utf-8"),
    "csl.json": ("csl", "application/vnd.citationstyles.csl+json"),
    "cff": ("cff", "application/yaml; charset=utf-8"),
}
"""Ending of the address -> format, and its media type."""
_CLAIM = re.compile(r"/(?:claims|embed)/([0-9a-f]{16})(?:\.html|/)?")


def badge(site: Site, claim: str) -> str:
    """The claim's state as a small picture: a sign and a word, and a colour that adds nothing."""
    view = site.claim(claim)
    return badge_of(state_of(view, site.verdict_of(view)), site.links)


def badge_of(state: State, links: Links) -> str:
    """As `badge`, of a claim whose state is known."""
    left = round(len(LABEL) * LETTER) + SPACE
    width = left + round((len(state.word) + 2) * LETTER) + SPACE
    colour = COLOURS.get(state.kind, OTHERWISE)
    told = {"icon": state.icon, "word": state.word, "colour": colour, "label": LABEL}
    return fill("badge.svg", links, left=left, width=width, **told)


def oembed(site: Site, url: str, *, width: int | None, height: int | None) -> bytes:
    """How to show the claim at an address of this site elsewhere (oEmbed 1.0, rich)."""
    found = _CLAIM.fullmatch(unquote(urlsplit(url).path)) if len(url) <= 2000 else None
    if found is None or urlsplit(url).netloc != urlsplit(site.address).netloc:
        raise missing("claim at that address", f"Addresses of claims begin {site.address}/claims/.")
    view, links = site.claim(found[1]), site.links
    return canonical_bytes(_oembed(view, links, width=width, height=height))


def cite_as(site: Site, claim: str, *, ending: str) -> tuple[str, str]:
    """The citation in one format, and its media type."""
    if ending not in CITED:
        raise missing("citation of that kind", f"There are: {', '.join(CITED)}.")
    name, kind = CITED[ending]
    return citation(site.claim(claim), site.links, format=name), kind


def feed(site: Site, tag: str | None = None) -> str:
    """The newest claims, or those that bear a tag, as an Atom feed (RFC 4287)."""
    views = site.page(site.registry.claims, tag, limit=PAGE, cursor=None).items
    if tag is not None and not views:
        raise missing("claim with that tag", "All tags are listed under /tags.")
    links, path = site.links, "/feed.atom" if tag is None else tag_feed_path(tag)
    newest = max((_changed(view) for view in views), default="1970-01-01T00:00:00Z")
    entries = "".join(
        _entry(view, state_of(view, site.verdict_of(view)), links=links) for view in views
    )
    about = "/" if tag is None else tag_path(tag)
    title = "newest claims" if tag is None else f"newest claims about {tag}"
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"<title>verilora: {_xml(title)}</title>\n<id>{_xml(links.outside(path))}</id>\n"
        f"<updated>{newest}</updated>\n<author><name>verilora</name></author>\n"
        f'<link rel="self" href={quoteattr(links.outside(path))}/>\n'
        f"<link href={quoteattr(links.outside(about))}/>\n{entries}</feed>\n"
    )


def _oembed(
    view: ClaimView, links: Links, *, width: int | None, height: int | None
) -> dict[str, Any]:
    low = min(height, HEIGHT) if height else HEIGHT
    return {
        "type": "rich",
        "version": "1.0",
        "title": view.claim.statement,
        "provider_name": LABEL,
        "provider_url": links.outside("/"),
        "cache_age": 60,
        "html": iframe_of(view.claim, links, height=low, widest=width or 0),
        "width": min(width, 1200) if width else 600,
        "height": low,
    }


def _entry(view: ClaimView, state: State, *, links: Links) -> str:
    tags = "".join(f"<category term={quoteattr(tag)}/>" for tag in view.claim.tags)
    return (
        f"<entry>\n<title>{_xml(view.claim.statement)}</title>\n"
        f"<id>urn:{_xml(view.entry.digest)}</id>\n<updated>{_changed(view)}</updated>\n"
        f"<published>{view.claim.published_at}</published>\n"
        f"<link href={quoteattr(links.outside(claim_path(view.id)))}/>\n{tags}\n"
        f"<summary>{_xml(f'{state.icon} {state.word}. {state.meaning}')}</summary>\n</entry>\n"
    )


def _xml(text: str) -> str:
    """The text escaped, without the two that XML cannot hold and a record can."""
    return escape(re.sub("[\ufffe\uffff]", "\ufffd", text))


def _changed(view: ClaimView) -> str:
    later = [one.entry.admitted_at for one in view.notices]
    return max([view.entry.admitted_at, *later])
