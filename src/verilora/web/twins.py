"""Routes of the pages' JSON twins: the same address with .json at its end.

They stand before the pages, whose names take any letter.
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from verilora.registry.verdicts import Filter
from verilora.web import data
from verilora.web.finding import Site
from verilora.web.pages import HIDDEN, plain


def twin_routes(house: Site) -> APIRouter:
    """A twin for every page."""
    router = APIRouter(**HIDDEN)
    _lists(router, house)
    _records(router, house)
    return router


def _lists(router: APIRouter, house: Site) -> None:
    @router.get("/index.json")
    def home() -> Response:
        return plain(data.home(house))

    @router.get("/search.json")
    def search(q: str = "", limit: int = 20) -> Response:
        return plain(data.search(house, q, limit=limit))

    @router.get("/claims.json")
    def claims(cursor: str | None = None) -> Response:
        return plain(data.claims(house, cursor=cursor))

    @router.get("/verdicts.json")
    def verdicts(cursor: str | None = None, status: str | None = None) -> Response:
        return plain(data.verdicts(house, wanted=Filter(status=status), cursor=cursor))

    @router.get("/papers.json")
    def papers(cursor: str | None = None) -> Response:
        return plain(data.papers(house, cursor=cursor))

    @router.get("/tags.json")
    def tags() -> Response:
        return plain(data.tags(house))

    @router.get("/anchors.json")
    def anchors() -> Response:
        return plain(data.anchors(house))

    @router.get("/methodology.json")
    def methodology() -> Response:
        return plain(data.methodology())


def _records(router: APIRouter, house: Site) -> None:
    @router.get("/claims/{claim}.json")
    def claim(claim: str) -> Response:
        return plain(data.claim(house, claim))

    @router.get("/verdicts/{digest}.json")
    def verdict(digest: str) -> Response:
        return plain(data.verdict_document(house, digest))

    @router.get("/runs/{digest}.json")
    def run(digest: str) -> Response:
        return plain(data.run(house, digest))

    @router.get("/papers/{arxiv_id:path}.json")
    def paper(arxiv_id: str) -> Response:
        return plain(data.paper(house, arxiv_id))

    @router.get("/tags/{tag}.json")
    def tag(tag: str, cursor: str | None = None) -> Response:
        return plain(data.claims(house, tag=tag, cursor=cursor))
