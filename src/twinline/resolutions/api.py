"""Resolve over HTTP, for whatever the door in front does not serve by itself."""

from typing import Annotated

from fastapi import Depends, Request, Response

from twinline.access.gate import admitted, strict_router
from twinline.access.rules import Permission
from twinline.language.records import Resolution, ResolveRequest
from twinline.resolutions.resolver import Resolver

router = strict_router("inferences")


def _resolver(request: Request) -> Resolver:
    return request.app.state.resolver


@router.post("/resolve", response_model=Resolution, dependencies=[admitted(Permission.RESOLVE)])
async def resolve(
    body: ResolveRequest, resolver: Annotated[Resolver, Depends(_resolver)]
) -> Response:
    """Which bundle answers this request, with its prompt text and model.

    The inference is recorded before the answer leaves, unless ``record`` is false.
    The same ``inference_id`` again gets the same answer.
    """
    return Response(await resolver.resolve(body), media_type="application/json")
