"""The HTTP application: the one place that knows every part."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

import twinline
from twinline import health, metrics
from twinline.access import actions as access_actions
from twinline.access import api as access
from twinline.access import sessions
from twinline.access.gate import BodyRefused
from twinline.access.keyring import KeyRing
from twinline.aliases import api as aliases
from twinline.aliases import gauges as alias_gauges
from twinline.aliases.keeper import LOOK_SECONDS, Keeper
from twinline.bundles import api as bundles
from twinline.db.glances import Glance
from twinline.db.listening import Announcements
from twinline.db.session import Database, Writing
from twinline.deployments import api as deployments
from twinline.deployments import policies_api as policies
from twinline.evaluations import api as evaluations
from twinline.experiments import api as experiments
from twinline.exports import api as exports
from twinline.frame import Frame, LastResort, problem
from twinline.inferences import actions as inference_actions
from twinline.inferences import api as inferences
from twinline.kills import api as kills
from twinline.langfuse import api as langfuse
from twinline.language.errors import Invalid, TwinlineError, Unavailable
from twinline.lineage import api as lineage
from twinline.lineage import graph_api as graph
from twinline.manifests import actions as manifest_actions
from twinline.manifests import api as manifests
from twinline.manifests.feed import Feed
from twinline.mirror import api as mirror
from twinline.mirror import changes_api as mlflow_changes
from twinline.mirror import hooks_api
from twinline.mirror import inbox as mirror_inbox
from twinline.mirror.mirroring import Mirroring
from twinline.models import api as models
from twinline.openfeature import api as openfeature
from twinline.otel import actions as otel_actions
from twinline.otel import api as otel
from twinline.otel.counts import Counts
from twinline.plain import api as plain
from twinline.prompts import api as prompts
from twinline.prompts import diffs_api as diffs
from twinline.prompts import exchange_api as exchange
from twinline.prompts import inclusion_api as inclusions
from twinline.prompts import labels_api as labels
from twinline.prompts import reads as prompt_reads
from twinline.prompts import reads_api as reads
from twinline.prompts.access_log import AccessLog
from twinline.prompts.memory import Memory
from twinline.recalls import api as recalls
from twinline.resolutions import api as resolutions
from twinline.resolutions.answers import make_answer
from twinline.resolutions.front import Front
from twinline.resolutions.recorder import Recorder
from twinline.resolutions.resolver import Resolver
from twinline.rollbacks import api as rollbacks
from twinline.suites import api as suites
from twinline.timelines import api as timelines
from twinline.web import docs, pages, problems
from twinline.web.openapi import REFUSALS, Api, operation_id

CHORES_SECONDS = 3600
Chore = Callable[[Writing], object]
_CHORES: tuple[Chore, ...] = (
    inference_actions.keep_days,
    access_actions.forget,
    sessions.forget,
    manifest_actions.ensure_key,
    manifest_actions.forget_reports,
    mirror_inbox.forget,
    prompt_reads.fold,
)
"""What is done in a transaction each; `otel_actions.settle` makes its own."""

WORKERS = 200
"""Threads that may serve at once: more than the pool has connections, so that whoever
finds none free is refused in time instead of waiting for a thread."""

_log = logging.getLogger("twinline")

DESCRIPTION = """
The lineage catalog for the pair behind every AI answer: a model version and a prompt version.

Send your API key as `X-API-Key` or as `Authorization: Bearer`. Errors are problem details
(RFC 9457). A write takes an `Idempotency-Key`; a change of a slot takes `If-Match` with the
number of the live deployment that you looked at.
"""

# Routes whose paths end in a fixed word come before those that take any name, because a
# name may hold slashes.
_NATIVE = (
    rollbacks.router,
    graph.router,
    timelines.router,
    deployments.router,
    policies.router,
    exchange.router,
    inclusions.router,
    labels.router,
    diffs.router,
    reads.router,
    prompts.router,
    models.router,
    mirror.router,
    mlflow_changes.router,
    aliases.router,
    hooks_api.router,
    bundles.router,
    suites.router,
    evaluations.router,
    resolutions.router,
    inferences.router,
    manifests.router,
    experiments.router,
    kills.router,
    recalls.router,
    lineage.router,
    exports.router,
    access.router,
)


def make_app(
    database: Database,
    mirroring: Mirroring | None = None,
    *,
    alias_look_seconds: float = LOOK_SECONDS,
) -> FastAPI:
    """The application over a migrated database."""
    app = Api(
        title="Twinline",
        version=twinline.__version__,
        description=DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        telemetry={"exclude": otel.is_export},
        responses=REFUSALS,
    )
    app.state.otlp = Counts()
    app.state.check = health.check
    app.state.alias_figures = Glance(lambda tx: tuple(alias_gauges.figures(tx)))
    app.state.alias_look_seconds = alias_look_seconds
    app.state.mirroring = mirroring or Mirroring()
    serve(app, database)
    native = APIRouter(prefix="/api/v1")
    for router in _NATIVE:
        native.include_router(router)
    outside = (
        langfuse.router,
        langfuse.traces,
        plain.router,
        openfeature.router,
        otel.router,
        health.router,
        metrics.router,
        docs.router,
        exports.schemas,
        pages.router(),
    )
    for router in (native, *outside):
        app.include_router(router)
    app.add_exception_handler(TwinlineError, _answer_ours)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_middleware(LastResort)
    return app


def door(app: FastAPI) -> ASGIApp:
    """The application as a server is to serve it: what most requests need comes first, and
    never passes through the web framework."""
    return Frame(LastResort(Front(app, app.state)))


def serve(app: FastAPI, database: Database) -> None:
    """Let the application answer from this database."""
    announcements = Announcements(database)
    keyring = KeyRing()
    announcements.subscribe(keyring.take_note)
    feed = Feed(database, announcements, make_answer)
    state = app.state
    state.database, state.announcements, state.keyring = database, announcements, keyring
    state.feed = feed
    state.access_log = AccessLog(database)
    state.prompt_memory = Memory(database, announcements)
    state.lane = database.lane()
    state.recorder = Recorder(lambda rows: inference_actions.record_resolved(state.lane, rows))
    state.resolver = Resolver(database, feed, state.recorder)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    to_thread.current_default_thread_limiter().total_tokens = WORKERS
    state = app.state
    await _try_chores(state.database)
    chores = asyncio.create_task(_keep_house(state.database))
    keeper = Keeper(
        state.database,
        state.announcements,
        state.mirroring.servers,
        look_seconds=state.alias_look_seconds,
    )
    try:
        async with (
            state.feed.kept_fresh(),
            state.prompt_memory.kept_fresh(),
            state.announcements.heard(),
            state.access_log.at_work(),
            keeper.at_work(),
            state.mirroring.at_work(state.database, state.announcements),
        ):
            yield
    finally:
        await state.recorder.close()
        await state.lane.close()
        chores.cancel()
        with suppress(asyncio.CancelledError):
            await chores


async def _keep_house(database: Database) -> None:
    while True:
        await asyncio.sleep(CHORES_SECONDS)
        await _try_chores(database)


async def _try_chores(database: Database) -> None:
    """Do each in a transaction of its own, so that none holds up another.

    Without them the server still serves; `/readyz` says what is missing.
    """

    def begin() -> AbstractContextManager[Writing]:
        return database.writing(access_actions.SYSTEM)

    def in_one(chore: Chore) -> None:
        with begin() as tx:
            chore(tx)

    for chore in _CHORES:
        await run_in_threadpool(_try_chore, chore, lambda chore=chore: in_one(chore))
    await run_in_threadpool(_try_chore, otel_actions.settle, lambda: otel_actions.settle(begin))


def _try_chore(chore: Callable[..., object], act: Callable[[], object]) -> None:
    name = f"{chore.__module__}.{chore.__qualname__}"
    try:
        act()
    except Unavailable as error:
        _log.warning("the chore %s waits for the next hour: %s", name, error.detail)
    except Exception:  # noqa: BLE001 -- the others have to be done, whatever one row holds
        _log.exception("the chore %s fails, and is tried again in the next hour", name)


async def _answer_ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TwinlineError)
    return problem(error)


async def _answer_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [_finding(item) for item in error.errors()]
    detail = "; ".join(f"{item['field']}: {item['message']}" for item in found)
    return problem(Invalid(detail, errors=found))


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, BodyRefused):
        return problem(error.error)
    code = error.status_code
    page = await run_in_threadpool(problems.not_a_page, request, code)
    if page is not None:
        page.headers.update(error.headers or {})
        return page
    members = {
        "type": "about:blank",
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": f"{error.detail}: {request.method} {request.url.path}",
    }
    return JSONResponse(
        members, code, headers=dict(error.headers or {}), media_type="application/problem+json"
    )


def _finding(item: dict[str, Any]) -> dict[str, Any]:
    field = ".".join(map(str, item["loc"]))
    return {"field": field, "message": item["msg"], "value": repr(item.get("input"))[:200]}
