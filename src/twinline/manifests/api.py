"""Manifests over HTTP: read one, wait for the next, report how far one is."""

import json
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from twinline.access.gate import admitted, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.names import Environment
from twinline.language.records import ClientReport, Fleet, Manifest, ManifestKey
from twinline.manifests import actions
from twinline.manifests.feed import Feed, Held

router = strict_router("manifests")
Resolve = Annotated[Writing, writing(Permission.RESOLVE)]
ReadKey = Annotated[Reading, reading(Permission.RESOLVE)]
Read = Annotated[Reading, reading(Permission.READ)]

SIGNATURE = "X-Twinline-Signature"
HEARTBEAT_SECONDS = 15.0


def _feed(request: Request) -> Feed[Any]:
    return request.app.state.feed


LiveFeed = Annotated[Feed[Any], Depends(_feed)]
Where = Annotated[Environment, Query()]


@router.get(
    "/manifest",
    response_model=Manifest,
    dependencies=[admitted(Permission.RESOLVE)],
    responses={304: {"description": "It is the one that you have"}},
)
async def manifest(
    feed: LiveFeed,
    environment: Where,
    wait: Annotated[float, Query(ge=0, le=60, description="Seconds to wait for another.")] = 0,
    if_none_match: Annotated[
        str | None, Header(description="The `ETag` that you have; 304 when there is nothing newer.")
    ] = None,
) -> Response:
    """Everything that is live in an environment, to resolve from in one's own process.

    `X-Twinline-Signature` is the Ed25519 signature of the exact bytes, in base64. With
    the `ETag` of the last one as `If-None-Match`, and `wait`, the answer comes as soon
    as something changes.
    """
    known = if_none_match.strip().removeprefix("W/").strip('"') if if_none_match else None
    held = await (feed.changed(environment, known, wait) if wait else feed.newest(environment))
    headers = {"ETag": f'"{held.etag}"', SIGNATURE: held.signed.signature}
    if held.etag == known:
        return Response(status_code=304, headers=headers)
    return Response(held.signed.content, headers=headers, media_type="application/json")


@router.get(
    "/stream",
    response_class=StreamingResponse,
    dependencies=[admitted(Permission.RESOLVE)],
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
            "description": "Server-sent events",
        }
    },
)
async def stream(feed: LiveFeed, environment: Where) -> StreamingResponse:
    """Say `version` with its number, now and whenever something changes (server-sent events).

    A comment comes every 15 seconds, so that a dead connection is noticed.
    """
    first = await feed.newest(environment)
    return StreamingResponse(
        _events(feed, environment, first),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.get("/manifest/key")
def manifest_key(tx: ReadKey) -> ManifestKey:
    """The public key that manifests are signed with."""
    return actions.public_key(tx)


@router.post("/clients", status_code=204)
def report(tx: Resolve, body: ClientReport) -> None:
    """Say how an application that resolves in its own process stands."""
    actions.report(tx, body)


@router.get("/clients")
def clients(tx: Read, environment: Where) -> Fleet:
    """Which applications resolve in their own process, and how far behind each is."""
    return actions.fleet(tx, environment)


async def _events(feed: Feed[Any], environment: str, held: Held[Any]) -> AsyncGenerator[str]:
    while not feed.ended:
        said = {"environment": environment, "version": held.version, "etag": held.etag}
        yield f"event: version\nid: {held.version}\ndata: {json.dumps(said)}\n\n"
        before = held
        while held.etag == before.etag and not feed.ended:
            held = await feed.changed(environment, before.etag, HEARTBEAT_SECONDS)
            if held.etag == before.etag:
                yield ": still here\n\n"
