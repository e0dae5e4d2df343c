"""Langfuse's addresses over HTTP."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from twinline.access.gate import BodyRefused, StrictRoute, reading, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.langfuse import actions, rules
from twinline.langfuse.basic import IN_WORDS, with_our_key
from twinline.langfuse.records import (
    EventsTaken,
    NewLabels,
    NewPrompt,
    Projects,
    PromptMetas,
    PromptRow,
    SentEvents,
)
from twinline.langfuse.store import Filter
from twinline.language.errors import Invalid, TwinlineError
from twinline.language.names import Label
from twinline.language.records import Instant, Number
from twinline.language.refs import PromptVersionRef
from twinline.otel import api as otel
from twinline.otel.counts import Counts
from twinline.prompts.memory import Reads, Told
from twinline.prompts.paths import Meant, PathName, meant
from twinline.prompts.reader import marked, reads
from twinline.prompts.reads_api import note

PROMPTS = "/v2/prompts"
Labelled = Annotated[Meant, meant("production")]
"""The version that is meant; what `production` is on when nothing says which."""


class _Route(StrictRoute):
    """Takes Langfuse's pair of keys, and says in the words of its SDKs what is wrong."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(Request(with_our_key(request.scope), request.receive))
            except (TwinlineError, BodyRefused) as refused:
                return _failed(refused.error if isinstance(refused, BodyRefused) else refused)
            except RequestValidationError as error:
                found = ((".".join(map(str, one["loc"])), one["msg"]) for one in error.errors())
                return _failed(Invalid("; ".join(f"{field}: {why}" for field, why in found)))

        return answer


class _ExportRoute(otel.ExportRoute):
    """Takes Langfuse's pair of keys for traces."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            return await handle(Request(with_our_key(request.scope), request.receive))

        return answer


def _failed(error: TwinlineError) -> Response:
    status, content = rules.failed(error)
    headers = {"Retry-After": "1"} if status == 503 else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Basic"
    return JSONResponse(content, status, headers)


router = APIRouter(
    prefix="/api/public", tags=["langfuse"], route_class=_Route, dependencies=[IN_WORDS]
)
traces = APIRouter(
    prefix="/api/public/otel", tags=["langfuse"], route_class=_ExportRoute, dependencies=[IN_WORDS]
)
traces.add_api_route(otel.PATH, otel.take, methods=["POST"], **otel.EXPORT)

Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.PROMPTS)]
Labelling = Annotated[Writing, writing(Permission.LABELS)]
Lasting = Annotated[Reads, reads(Permission.READ)]


def _text(length_max: int, description: str) -> Any:
    return Query(max_length=length_max, pattern=r"^[^\x00]*$", description=description)


@router.get("/projects")
def read_projects(_tx: Read) -> Projects:
    """The one project that this catalog is; Langfuse's SDKs check their keys by it."""
    return Projects()


@router.post("/ingestion", status_code=207)
def take_events(
    by: otel.Exporter, body: SentEvents, counted: Annotated[Counts, Depends(otel.counts)]
) -> EventsTaken:
    """Take a batch of events, as SDKs before version 3 send traces.

    A generation becomes an inference when it has ended, or an hour after it began; the
    prompt, model and measures may be told in any of its events. Other events are
    acknowledged and let go. Sending events again changes nothing.
    """
    answer, counts = actions.take_events(by.writing, body.batch)
    counted.took(counts)
    return answer


@router.post(PROMPTS, status_code=201)
def create_prompt(body: NewPrompt, tx: Write) -> PromptRow:
    """Make the first version of a prompt or its next one, and move labels to it.

    Identical content is one version: sending it again gives the version that exists.
    """
    return actions.create(tx, body).aged(None)


@router.get(PROMPTS)
def list_prompts(
    tx: Read,
    name: Annotated[str | None, _text(200, "Only the prompt of this name.")] = None,
    label: Annotated[str | None, _text(100, "Only versions with this label.")] = None,
    tag: Annotated[
        str | None, _text(200, "Only prompts with this tag, as `team=a` where it has a value.")
    ] = None,
    page: Annotated[int, Query(ge=1, le=1_000_000, description="From 1.")] = 1,
    limit: Annotated[int, Query(ge=1, le=500, description="Prompts on a page.")] = 50,
    since: Annotated[
        Instant | None,
        Query(alias="fromUpdatedAt", description="Only versions made then or later."),
    ] = None,
    until: Annotated[
        Instant | None, Query(alias="toUpdatedAt", description="Only versions made before.")
    ] = None,
) -> PromptMetas:
    """Prompts by name, each with its versions that fit the filters, page by page."""
    which = Filter(name, label, tag, since, until)
    return actions.listing(tx, which, page=page, limit=limit)


# Before the routes below, because a name may hold slashes.
@router.patch(f"{PROMPTS}/{{name:path}}/versions/{{version}}")
def add_labels(name: PathName, version: Number, body: NewLabels, tx: Labelling) -> PromptRow:
    """Move labels to a version. Those that it has stay; all move, or none does."""
    return actions.add_labels(tx, PromptVersionRef(name, version), body.new_labels).aged(None)


@router.delete(f"{PROMPTS}/{{name:path}}", status_code=204)
def remove_labels(
    name: PathName,
    tx: Labelling,
    version: Annotated[Number | None, Query(description="Only labels on this version.")] = None,
    label: Annotated[Label | None, Query(description="Only this label.")] = None,
) -> None:
    """Take labels off: the one that is named, those of a version, or all of the prompt's.

    Versions are never deleted: they stay, found by their numbers and as `latest`.
    """
    actions.remove_labels(tx, name, version, label)


@router.get(f"{PROMPTS}/{{name:path}}")
def read_prompt(
    ref: Labelled,
    by: Lasting,
    request: Request,
    response: Response,
    resolve: Annotated[
        bool, Query(description="Changes nothing: what a version includes was put in already.")
    ] = True,
) -> PromptRow:
    """One version, by number or label; `production` when neither is given.

    While the database is away, what was read before is told again, with its age in
    `config.twinline.stale_seconds` and in the header `X-Twinline-Stale-Seconds`.
    """
    del resolve
    told: Told[PromptRow] = by.read(ref.name, ("langfuse", ref), lambda tx: actions.read(tx, ref))
    note(request, by.by, PromptVersionRef(ref.name, told.answer.version), "langfuse")
    return marked(told, response).aged(told.stale_seconds)
