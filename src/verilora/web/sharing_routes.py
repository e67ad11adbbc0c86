"""Routes of what stands on other people's pages, and of the feed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from verilora.web import sharing, site
from verilora.web.finding import Site
from verilora.web.pages import HIDDEN, html, plain
from verilora.web.problems import Problem

Pixels = Annotated[int | None, Query(ge=1, le=10_000)]


def sharing_routes(house: Site) -> APIRouter:
    """Frames, badges, citations, oEmbed, the feed."""
    router = APIRouter(**HIDDEN)

    @router.get("/embed/{claim}")
    def embed(claim: str) -> Response:
        return html(site.embed(house, claim))

    @router.get("/badge/{claim}.svg")
    def badge(claim: str) -> Response:
        return Response(sharing.badge(house, claim), media_type="image/svg+xml")

    @router.get("/cite/{name}")
    def cite(name: str) -> Response:
        claim, _, ending = name.partition(".")
        text, kind = sharing.cite_as(house, claim, ending=ending)
        return Response(text, media_type=kind)

    @router.get("/oembed")
    def oembed(
        url: str, *, format: str = "json", maxwidth: Pixels = None, maxheight: Pixels = None
    ) -> Response:
        if format != "json":
            raise Problem(501, "oEmbed is answered as JSON alone; leave out format.")
        return plain(sharing.oembed(house, url, width=maxwidth, height=maxheight))

    @router.get("/feed.atom")
    def feed() -> Response:
        return Response(sharing.feed(house), media_type="application/atom+xml")

    @router.get("/tags/{tag}.atom")
    def tag_feed(tag: str) -> Response:
        return Response(sharing.feed(house, tag), media_type="application/atom+xml")

    return router
