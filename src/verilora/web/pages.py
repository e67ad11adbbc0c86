"""Routes of the pages, and of the files that they load."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from verilora.web import site
from verilora.web.finding import Site
from verilora.web.page import KINDS, files
from verilora.web.problems import missing

HTML, JSON = "text/html; charset=utf-8", "application/json"
HIDDEN: dict[str, Any] = {"include_in_schema": False}


def page_routes(house: Site) -> APIRouter:
    """Every page; the answer is whole HTML."""
    router = APIRouter(**HIDDEN)
    _first(router, house)
    _lists(router, house)
    _records(router, house)
    return router


def _first(router: APIRouter, house: Site) -> None:
    @router.get("/")
    def home() -> Response:
        return html(site.home(house))

    @router.get("/search")
    def search(q: str = "") -> Response:
        return html(site.search(house, q))

    @router.get("/methodology")
    def methodology() -> Response:
        return html(site.methodology(house))

    @router.get("/anchors")
    def anchors() -> Response:
        return html(site.anchors(house))

    @router.get("/static/{name}")
    def static(name: str) -> Response:
        content = files().get(f"/static/{name}")
        if content is None:
            raise missing("file of that name", "A page says which it loads.")
        return Response(content, media_type=KINDS[name.rpartition(".")[2]])


def _lists(router: APIRouter, house: Site) -> None:
    @router.get("/claims")
    def claims(cursor: str | None = None) -> Response:
        return html(site.claims(house, cursor=cursor))

    @router.get("/verdicts")
    def verdicts(cursor: str | None = None, status: str | None = None) -> Response:
        return html(site.verdicts(house, cursor=cursor, status=status))

    @router.get("/papers")
    def papers(cursor: str | None = None) -> Response:
        return html(site.papers(house, cursor=cursor))

    @router.get("/tags")
    def tags() -> Response:
        return html(site.tags(house))

    @router.get("/tags/{tag}")
    def tag(tag: str, cursor: str | None = None) -> Response:
        return html(site.tag(house, tag, cursor=cursor))


def _records(router: APIRouter, house: Site) -> None:
    @router.get("/claims/{claim}")
    def claim(claim: str) -> Response:
        return html(site.claim(house, claim))

    @router.get("/verdicts/{digest}")
    def verdict(digest: str) -> Response:
        return html(site.verdict(house, digest))

    @router.get("/runs/{digest}")
    def run(digest: str) -> Response:
        return html(site.run(house, digest))

    @router.get("/papers/{arxiv_id:path}")
    def paper(arxiv_id: str) -> Response:
        return html(site.paper(house, arxiv_id))


def html(text: str, *, status: int = 200) -> Response:
    """A page as an answer."""
    return Response(text, status_code=status, media_type=HTML)


def plain(content: bytes) -> Response:
    """JSON as an answer."""
    return Response(content, media_type=JSON)
