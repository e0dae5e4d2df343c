"""Links between slots and aliases in MLflow, over HTTP."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from twinline.access.gate import Cursor, Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.aliases import actions
from twinline.db.session import Reading, Writing
from twinline.deployments.api import Expected, PathSlot
from twinline.language.records import (
    AliasLink,
    Deployment,
    ForeignMove,
    NewAliasLink,
    Page,
    ProposalDecision,
)
from twinline.language.refs import SlotRef

router = strict_router("mlflow", prefix="/mlflow")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.DEPLOY)]
PathNumber = Annotated[int, Path(ge=1, le=2**62, description="The proposal's number.")]

NO_SERVER = "no MLflow server is configured: set TWINLINE_MLFLOW_URL and restart"


@router.get("/links")
def list_links(
    request: Request, tx: Read, cursor: Cursor = None, limit: Limit = 100
) -> Page[AliasLink]:
    """Every slot that an alias in MLflow goes with, and whether they agree."""
    found = actions.list_links(tx, cursor=cursor, limit=limit)
    shown = tuple(_shown(request, link) for link in found.items)
    return found.model_copy(update={"items": shown})


@router.get("/links/{slot:path}/moves")
def moves(tx: Read, slot: PathSlot, cursor: Cursor = None, limit: Limit = 100) -> Page[ForeignMove]:
    """What others did to the alias of a slot, and what came of it; the newest first."""
    return actions.moves(tx, slot, cursor=cursor, limit=limit)


@router.put("/links/{slot:path}", response_model=AliasLink)
def link(
    request: Request, tx: Write, slot: PathSlot, body: NewAliasLink, once: OnceOnly
) -> Response:
    """Have an alias in MLflow go with a slot.

    A link that writes sets the alias at once, wherever it is, on the model version that is
    live. Whoever may deploy may link, because a link can deploy.
    """
    return once(tx, lambda: (200, _shown(request, actions.link(tx, slot, body))))


@router.get("/links/{slot:path}")
def read(request: Request, tx: Read, slot: PathSlot) -> AliasLink:
    """The alias that goes with a slot, and whether they agree."""
    return _shown(request, actions.read(tx, slot))


@router.delete("/links/{slot:path}", response_model=AliasLink)
def unlink(tx: Write, slot: PathSlot, once: OnceOnly) -> Response:
    """Let a slot and its alias go their own ways; the alias stays where it is in MLflow."""
    return once(tx, lambda: (200, actions.unlink(tx, slot)))


@router.get("/proposals")
def proposals(
    tx: Read,
    slot: Annotated[
        str | None, Query(max_length=300, description="Only of this slot, ROUTE@ENVIRONMENT.")
    ] = None,
    waiting: Annotated[bool, Query(description="Only those that wait for a person.")] = False,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[ForeignMove]:
    """What the moves of others propose to deploy here; the newest first."""
    ref = SlotRef.parse(slot) if slot else None
    return actions.proposals(tx, ref, waiting=waiting, cursor=cursor, limit=limit)


@router.post("/proposals/{number}/accept", status_code=201, response_model=Deployment)
def accept(
    tx: Write, number: PathNumber, body: ProposalDecision, expected: Expected, once: OnceOnly
) -> Response:
    """Deploy what is proposed, in your name: the same prompt and parameters, that version.

    `If-Match` is the live deployment that you looked at, as for any deployment; the pair is
    checked as for any other.
    """
    return once(tx, lambda: (201, actions.accept(tx, number, expected, body.reason)))


@router.post("/proposals/{number}/decline", response_model=ForeignMove)
def decline(tx: Write, number: PathNumber, body: ProposalDecision, once: OnceOnly) -> Response:
    """Stay with what is live; a link that writes puts the alias back."""
    return once(tx, lambda: (200, actions.decline(tx, number, body.reason)))


def _shown(request: Request, link: AliasLink) -> AliasLink:
    """A link as this process knows it: without a server nobody looks after it."""
    if request.app.state.mirroring.servers:
        return link
    return link.model_copy(update={"state": "error", "why": NO_SERVER})
