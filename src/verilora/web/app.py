"""The application: routes, and around them the limits and the headers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from verilora import __version__
from verilora.errors import RegistryError
from verilora.web import site
from verilora.web.api import ROOT, SCHEMAS, api_routes
from verilora.web.finding import Site
from verilora.web.headers import Headers, is_open
from verilora.web.limits import Limits
from verilora.web.pages import html, page_routes
from verilora.web.problems import KIND, Problem
from verilora.web.quick import Quick
from verilora.web.sharing_routes import sharing_routes
from verilora.web.twins import twin_routes

THREADS = 2
"""That answer what is not quick (see Quick), in a process that reads a file."""
ADVICE = {404: "There is nothing at this address.", 405: "This address is asked in another way."}


def create_app(house: Site) -> FastAPI:
    """The application that serves a registry. Opens and closes nothing itself."""

    @contextlib.asynccontextmanager
    async def serving(_: FastAPI) -> AsyncIterator[None]:
        if house.registry.is_file:
            # More threads would only take the processor from each other, and all end late.
            current_default_thread_limiter().total_tokens = THREADS
        yield

    app = FastAPI(
        lifespan=serving,
        title="verilora",
        version=__version__,
        description="Signed claims and verdicts, to be read by anybody. Likeness is no proof.",
        openapi_url=f"{ROOT}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(api_routes(house))
    app.include_router(twin_routes(house))
    app.include_router(sharing_routes(house))
    app.include_router(page_routes(house))
    _answer_faults(app, house)
    _describe(app)
    app.add_middleware(Quick, house=house)
    app.add_middleware(Limits)
    app.add_middleware(Headers)
    return app


def _answer_faults(app: FastAPI, house: Site) -> None:
    @app.exception_handler(Problem)
    async def problem(request: Request, fault: Problem) -> Response:
        return _told(fault, request, house=house)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, fault: HTTPException) -> Response:
        detail = ADVICE.get(fault.status_code, str(fault.detail))
        answer = _told(Problem(fault.status_code, detail), request, house=house)
        answer.headers.update(fault.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, fault: RequestValidationError) -> Response:
        faults = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in fault.errors()]
        told = Problem(422, f"The request is not understood: {'; '.join(faults)}.", faults=faults)
        return _told(told, request, house=house)

    @app.exception_handler(RegistryError)
    async def broken(request: Request, fault: RegistryError) -> Response:
        told = Problem(503, "The registry cannot be read just now.")
        return _told(told, request, house=house)


def _told(fault: Problem, request: Request, *, house: Site) -> Response:
    path = request.url.path
    if is_open(path) and not path.startswith("/embed/"):
        return Response(fault.content(), status_code=fault.status, media_type=KIND)
    return html(site.problem(house, fault), status=fault.status)


def _describe(app: FastAPI) -> None:
    whole = app.openapi()
    schemas = whole.setdefault("components", {}).setdefault("schemas", {})
    for name, kind in SCHEMAS.items():
        schemas[name] = kind.model_json_schema(ref_template="#/components/schemas/{model}")
