"""OFREP 0.3.0 over HTTP.

An OFREP client has no word for environments: its base URL is ``/environments/NAME`` of
this server, or the server itself for production.
"""

import hashlib
import json
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from twinline.access.gate import admitted, strict_router
from twinline.access.rules import Permission
from twinline.language.errors import TwinlineError
from twinline.language.names import Environment
from twinline.language.records import Json, ResolveRequest
from twinline.language.records.base import Request as Sent
from twinline.openfeature import rules
from twinline.resolutions.resolver import Resolver

router = strict_router("openfeature")
ALLOWED = [admitted(Permission.RESOLVE)]
FLAGS = "/ofrep/v1/evaluate/flags"
IN_ENVIRONMENT = "/environments/{environment}"


class Evaluation(Sent):
    """What an OFREP client sends."""

    context: Annotated[Json, Field(default_factory=dict)]


def _resolver(request: Request) -> Resolver:
    return request.app.state.resolver


LiveResolver = Annotated[Resolver, Depends(_resolver)]
Key = Annotated[str, Path(max_length=200, description="A route.")]
Where = Annotated[Environment, Path()]


@router.post(f"{FLAGS}/{{key:path}}", dependencies=ALLOWED)
async def evaluate_flag(key: Key, body: Evaluation, resolver: LiveResolver) -> JSONResponse:
    """The bundle that answers a request to a route in production; it is recorded."""
    return await _one(resolver, "production", key, body)


@router.post(f"{IN_ENVIRONMENT}{FLAGS}/{{key:path}}", dependencies=ALLOWED)
async def evaluate_flag_in(
    environment: Where, key: Key, body: Evaluation, resolver: LiveResolver
) -> JSONResponse:
    """The bundle that answers a request to a route in an environment; it is recorded."""
    return await _one(resolver, environment, key, body)


@router.post(FLAGS, dependencies=ALLOWED)
async def evaluate_flags(
    body: Evaluation,
    resolver: LiveResolver,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The bundle of every route in production for a context; nothing is recorded."""
    return await _all(resolver, "production", body, if_none_match)


@router.post(f"{IN_ENVIRONMENT}{FLAGS}", dependencies=ALLOWED)
async def evaluate_flags_in(
    environment: Where,
    body: Evaluation,
    resolver: LiveResolver,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The bundle of every route in an environment for a context; nothing is recorded."""
    return await _all(resolver, environment, body, if_none_match)


async def _one(resolver: Resolver, environment: str, key: str, body: Evaluation) -> JSONResponse:
    status, answer = await _evaluate(resolver, environment, key, body.context, record=True)
    return JSONResponse(answer, status)


async def _all(
    resolver: Resolver, environment: str, body: Evaluation, known: str | None
) -> Response:
    held = await resolver.feed.newest(environment)
    flags: list[dict[str, Any]] = []
    for key in sorted(held.router.manifest.slots):
        _, answer = await _evaluate(resolver, environment, key, body.context, record=False)
        flags.append(answer)
    metadata = {"manifestVersion": held.version, "environment": environment}
    content = json.dumps({"flags": flags, "metadata": metadata}).encode()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    if known == etag:
        return Response(status_code=304, headers={"ETag": etag})
    return Response(content, headers={"ETag": etag}, media_type="application/json")


async def _evaluate(
    resolver: Resolver, environment: str, key: str, context: Json, *, record: bool
) -> tuple[int, dict[str, Any]]:
    try:
        wanted = ResolveRequest(route=key, environment=environment, context=context, record=record)
        return 200, rules.evaluated(key, json.loads(await resolver.resolve(wanted)))
    except TwinlineError as error:
        return rules.failed(key, error)
