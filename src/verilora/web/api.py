"""Routes of the interface for programs, under /api/v1. Nothing here needs a key, nothing writes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from verilora.records.anchor import State, Unit
from verilora.registry.verdicts import Filter
from verilora.web import checking, data, shapes, validating
from verilora.web.finding import MOST_FOUND, Site
from verilora.web.limits import LONGEST_QUERY, MOST, PAGE, read_object
from verilora.web.pages import plain
from verilora.web.problems import KIND, Problem, ProblemBody

ROOT = "/api/v1"
LEAST = 0.85
"""Confidence of a claim that may be a candidate, unless another is asked for."""
Limit = Annotated[int, Query(ge=1, le=MOST)]
FewLimit = Annotated[int, Query(ge=1, le=MOST_FOUND)]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before.")]
Words = Annotated[str, Query(min_length=1, max_length=LONGEST_QUERY)]


def told(kind: Any, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route may answer, for OpenAPI."""
    problem = {"content": {KIND: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}}
    faults = {
        status: {"description": "a fault", **problem} for status in (400, 414, 422, *statuses)
    }
    return {200: {"model": kind}, **faults}


def api_routes(house: Site) -> APIRouter:
    """Everything that is read, and the questions that are posted."""
    router = APIRouter(prefix=ROOT, tags=["v1"])
    _claims(router, house)
    _verdicts(router, house)
    _signed(router, house)
    _questions(router, house)
    _documents(router, house)
    return router


def _claims(router: APIRouter, house: Site) -> None:
    @router.get("/claims.json", responses=told(shapes.ClaimList))
    def list_claims(
        *,
        limit: Limit = PAGE,
        cursor: Cursor = None,
        tag: Annotated[str | None, Query(max_length=40)] = None,
    ) -> Response:
        return plain(data.claims(house, tag=tag, limit=limit, cursor=cursor))

    @router.get("/claims/{claim}.json", responses=told(shapes.ClaimAnswer, 404))
    def read_claim(claim: str) -> Response:
        return plain(data.claim(house, claim))

    @router.get("/search", responses=told(shapes.SearchAnswer))
    def search_claims(q: Words, limit: FewLimit = 20) -> Response:
        return plain(data.search(house, q, limit=limit))

    @router.get("/tags.json", responses=told(shapes.TagList))
    def list_tags() -> Response:
        return plain(data.tags(house))

    @router.get("/methodology.json", responses=told(dict[str, Any]))
    def read_methodology() -> Response:
        return plain(data.methodology())


def _verdicts(router: APIRouter, house: Site) -> None:
    @router.get("/papers", responses=told(shapes.PaperList))
    @router.get("/papers.json", include_in_schema=False)
    def list_papers(limit: Limit = PAGE, cursor: Cursor = None) -> Response:
        return plain(data.papers(house, limit=limit, cursor=cursor))

    @router.get("/papers/{arxiv_id:path}", responses=told(dict[str, Any], 404))
    def read_paper(arxiv_id: str) -> Response:
        return plain(data.paper(house, arxiv_id.removesuffix(".json")))

    @router.get("/verdicts", responses=told(shapes.VerdictList))
    @router.get("/verdicts.json", include_in_schema=False)
    def list_verdicts(
        *,
        limit: Limit = PAGE,
        cursor: Cursor = None,
        status: Annotated[str | None, Query(max_length=40)] = None,
        arxiv_id: Annotated[str | None, Query(alias="arxivId", max_length=40)] = None,
    ) -> Response:
        wanted = Filter(status=status, arxiv_id=arxiv_id)
        return plain(data.verdicts(house, wanted=wanted, limit=limit, cursor=cursor))

    @router.get("/verdicts/{digest}.json", responses=told(dict[str, Any], 404))
    def read_verdict(digest: str) -> Response:
        return plain(data.verdict(house, digest))

    @router.get("/anchors", responses=told(dict[str, Any]))
    @router.get("/anchors.json", include_in_schema=False)
    def list_anchors(status: State | None = None, unit: Unit | None = None) -> Response:
        return plain(data.anchors(house, status=status, unit=unit))

    @router.get("/validator", responses=told(dict[str, Any]))
    def read_validator() -> Response:
        return plain(data.validator())


def _signed(router: APIRouter, house: Site) -> None:
    @router.get("/envelopes/{digest}.dsse.json", responses=told(dict[str, Any], 404))
    def read_envelope(digest: str) -> Response:
        return plain(house.envelope(digest))

    @router.get("/payloads/{digest}.json", responses=told(dict[str, Any], 404))
    def read_payload(digest: str) -> Response:
        return plain(house.payload(digest))


def _questions(router: APIRouter, house: Site) -> None:
    @router.post(
        "/verify",
        responses=told(shapes.VerifyAnswer, 413),
        openapi_extra=_asks(
            {
                "claim": {"type": "string", "minLength": 1, "maxLength": LONGEST_QUERY},
                "minConfidence": {"type": "number", "minimum": 0, "maximum": 1, "default": LEAST},
            },
            required=["claim"],
        ),
    )
    async def find_candidates(request: Request) -> Response:
        """Claims that read like a sentence. Whether one says the same is not judged."""
        sentence, least = _asked(await request.body())
        return plain(await run_in_threadpool(data.verify, house, sentence, least=least))


def _documents(router: APIRouter, house: Site) -> None:
    @router.post(
        "/validator",
        responses=told(dict[str, Any], 413),
        openapi_extra=_asks({"verdict": {"type": "object"}}, required=["verdict"], closed=False),
    )
    async def judge_verdict(request: Request) -> Response:
        """What the rules allow a verdict document to say, which is never more than it says."""
        content = await request.body()
        return plain(await run_in_threadpool(validating.validate_document, content))

    @router.post(
        "/verify-envelope",
        responses=told(shapes.EnvelopeAnswer, 413),
        openapi_extra=_asks(
            {
                "payload": {"type": "string"},
                "payloadType": {"type": "string"},
                "signatures": {"type": "array", "items": {"type": "object"}},
            },
            required=["payload", "payloadType", "signatures"],
        ),
    )
    async def check_envelope(request: Request) -> Response:
        """A signed record's form and signatures, and whether it is kept here. Nothing is kept."""
        content = await request.body()
        return plain(await run_in_threadpool(checking.check_envelope, house, content))


def _asked(body: bytes) -> tuple[str, float]:
    given = read_object(body, allowed={"claim": str, "minConfidence": (int, float)})
    sentence, least = given.get("claim") or "", given.get("minConfidence", LEAST)
    if not sentence.strip() or len(sentence) > LONGEST_QUERY:
        raise Problem(422, f"claim is wanted: a sentence of 1 to {LONGEST_QUERY} characters.")
    if least is None or not 0 <= least <= 1:
        raise Problem(422, "minConfidence is wanted between 0 and 1.")
    return sentence, float(least)


def _asks(
    properties: dict[str, Any], *, required: list[str], closed: bool = True
) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required}
    whole = {**schema, "additionalProperties": not closed}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": whole}}}}


SCHEMAS = {"ProblemBody": ProblemBody}
"""Named in the answers by reference."""
