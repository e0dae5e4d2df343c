"""Bundles and pairings over HTTP."""

from typing import Annotated

from fastapi import Path, Response

from twinline.access.gate import Cursor, Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.bundles import actions
from twinline.db.session import Reading, Writing
from twinline.kills import actions as kills
from twinline.kills.api import THROWN, answer
from twinline.language.records import (
    Bundle,
    Kill,
    KillRequest,
    NewBundle,
    NewPairing,
    Page,
    Pairing,
)
from twinline.language.refs import BundleRef

router = strict_router("bundles")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.BUNDLES)]
Stop = Annotated[Writing, writing(Permission.KILL)]
Digest = Annotated[
    str,
    Path(
        pattern=r"^[0-9a-f]{12,64}$",
        examples=["9f86d081884c"],
        description="12 or more characters of the bundle's digest.",
    ),
]


@router.post(
    "/bundles",
    status_code=201,
    response_model=Bundle,
    responses={200: {"model": Bundle, "description": "The pair was a bundle already"}},
)
def pair(body: NewBundle, tx: Write, once: OnceOnly) -> Response:
    """Make a bundle of a model version and a prompt version.

    Labels and aliases are resolved to versions now. The same pair with the same
    parameters is the same bundle: sending it again answers 200. A new one is not made of
    what is retired.
    """

    def act() -> tuple[int, Bundle]:
        bundle, made = actions.propose(tx, body)
        return (201 if made else 200), bundle

    return once(tx, act)


@router.get("/bundles")
def list_bundles(
    tx: Read,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Bundle]:
    """Bundles, the newest first."""
    return actions.list_bundles(tx, cursor=cursor, limit=limit)


@router.get("/bundles/{digest}")
def read(digest: Digest, tx: Read) -> Bundle:
    """A bundle by its digest, or by the first 12 or more characters of it."""
    return actions.read(tx, BundleRef(digest))


@router.post("/bundles/{digest}/kill", status_code=201, response_model=Kill, responses=THROWN)
def kill(digest: Digest, body: KillRequest, tx: Stop, once: OnceOnly) -> Response:
    """Stop a bundle, now: whatever serves it goes on with its policy's fallback."""
    ref = actions.read(tx, BundleRef(digest)).ref
    return once(tx, lambda: answer(kills.kill(tx, ref, body.reason)))


@router.put("/pairings", response_model=Pairing)
def state_pairing(body: NewPairing, tx: Write, once: OnceOnly) -> Response:
    """Say how a prompt version and a model version go together; the newest word counts."""
    return once(tx, lambda: (200, actions.state_pairing(tx, body)))
