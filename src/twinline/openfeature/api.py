"""OFREP 0.3.0 over HTTP.

An OFREP client has no word for environments: its base URL is ``/environments/NAME`` of
this server, or the server itself for production.
"""

import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field

from twinline.access.gate import BodyRefused, StrictRoute, admitted
from twinline.access.rules import Permission
from twinline.language.errors import NotFound, TwinlineError
from twinline.language.names import Environment
from twinline.language.records import Json, ResolveRequest
from twinline.language.records.base import Request as Sent
from twinline.openfeature import rules
from twinline.openfeature.records import EvaluatedFlag, EvaluatedFlags, RefusedFlag
from twinline.resolutions.resolver import Resolver


class _Route(StrictRoute):
    """Says in the words of OFREP what is wrong with a request."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            key = request.path_params.get("key")
            try:
                return await handle(request)
            except BodyRefused as error:
                status, content = rules.failed(key, error.error)
            except RequestValidationError as error:
                first = error.errors()[0]
                details = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
                status, content = rules.misread(key, first["loc"], details)
            return JSONResponse(content, status)

        return answer


_REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"model": RefusedFlag, "description": "No value"} for status in ("4XX", "5XX")
}
_ONE: dict[int | str, dict[str, Any]] = {200: {"model": EvaluatedFlag}}
_EVERY: dict[int | str, dict[str, Any]] = {
    200: {"model": EvaluatedFlags},
    304: {"description": "It is the one that you have"},
}
router = APIRouter(tags=["openfeature"], route_class=_Route, responses=_REFUSED)
ALLOWED = [admitted(Permission.RESOLVE)]
FLAGS = "/ofrep/v1/evaluate/flags"
IN_ENVIRONMENT = "/environments/{environment}"


class FlagContext(Sent):
    """What an OFREP client sends."""

    context: Annotated[Json, Field(default_factory=dict)]


def _resolver(request: Request) -> Resolver:
    return request.app.state.resolver


LiveResolver = Annotated[Resolver, Depends(_resolver)]
Key = Annotated[str, Path(min_length=1, max_length=200, description="A route.")]
Where = Annotated[Environment, Path()]


@router.post(f"{FLAGS}/{{key:path}}", dependencies=ALLOWED, responses=_ONE)
async def evaluate_flag(key: Key, body: FlagContext, resolver: LiveResolver) -> JSONResponse:
    """The bundle that answers a request to a route in production; it is recorded."""
    return await _one(resolver, "production", key, body)


@router.post(f"{IN_ENVIRONMENT}{FLAGS}/{{key:path}}", dependencies=ALLOWED, responses=_ONE)
async def evaluate_flag_in(
    environment: Where, key: Key, body: FlagContext, resolver: LiveResolver
) -> JSONResponse:
    """The bundle that answers a request to a route in an environment; it is recorded."""
    return await _one(resolver, environment, key, body)


@router.post(FLAGS, dependencies=ALLOWED, responses=_EVERY)
async def evaluate_flags(
    body: FlagContext,
    resolver: LiveResolver,
    if_none_match: Annotated[
        str | None, Header(description="The `ETag` that you have; 304 when there is nothing newer.")
    ] = None,
) -> Response:
    """The bundle of every route in production for a context; nothing is recorded."""
    return await _all(resolver, "production", body, if_none_match)


@router.post(f"{IN_ENVIRONMENT}{FLAGS}", dependencies=ALLOWED, responses=_EVERY)
async def evaluate_flags_in(
    environment: Where,
    body: FlagContext,
    resolver: LiveResolver,
    if_none_match: Annotated[
        str | None, Header(description="The `ETag` that you have; 304 when there is nothing newer.")
    ] = None,
) -> Response:
    """The bundle of every route in an environment for a context; nothing is recorded."""
    return await _all(resolver, environment, body, if_none_match)


async def _one(resolver: Resolver, environment: str, key: str, body: FlagContext) -> JSONResponse:
    status, answer = await _evaluate(resolver, environment, key, body.context, record=True)
    return JSONResponse(rules.aged(answer, resolver.feed.stale_seconds(environment)), status)


async def _all(
    resolver: Resolver, environment: str, body: FlagContext, known: str | None
) -> Response:
    try:
        held = await resolver.feed.newest(environment)
    except NotFound as error:
        status, content = rules.failed(None, error)
        return JSONResponse(content, status)
    flags: list[Json] = []
    for key in sorted(held.router.manifest.slots):
        _, answer = await _evaluate(resolver, environment, key, body.context, record=False)
        flags.append(answer)
    metadata = {"manifestVersion": held.version, "environment": environment}
    answer: Json = {"flags": flags, "metadata": metadata}
    etag = f'"{hashlib.sha256(json.dumps(answer).encode()).hexdigest()[:32]}"'
    if known == etag:
        return Response(status_code=304, headers={"ETag": etag})
    return JSONResponse(
        rules.aged(answer, resolver.feed.stale_seconds(environment)), headers={"ETag": etag}
    )


async def _evaluate(
    resolver: Resolver, environment: str, key: str, context: Json, *, record: bool
) -> tuple[int, Json]:
    try:
        wanted = ResolveRequest(route=key, environment=environment, context=context, record=record)
        return 200, rules.evaluated(key, json.loads(await resolver.resolve(wanted)))
    except TwinlineError as error:
        return rules.failed(key, error)
