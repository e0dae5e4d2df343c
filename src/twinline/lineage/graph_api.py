"""Nodes and edges of people's own, retirements and owners over HTTP."""

from typing import Annotated, TypeVar

from fastapi import Path, Query, Response

from twinline.access.gate import Cursor, Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.deployments import owners
from twinline.deployments.api import PathSlot
from twinline.language.names import Label, Name
from twinline.language.records import (
    CustomNode,
    Edge,
    EdgeEnd,
    LiftRequest,
    LineageTaken,
    NewCustomNode,
    NewEdge,
    Owner,
    Ownership,
    Page,
    PromptRetirement,
    RetireRequest,
    Withdrawal,
)
from twinline.language.refs import CustomRef
from twinline.lineage import customs, openlineage, retirements
from twinline.lineage.openlineage import LineageEvent
from twinline.prompts.paths import PathName
from twinline.withdrawals import actions as withdrawals

router = strict_router("lineage")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.LINEAGE)]
Deploy = Annotated[Writing, writing(Permission.DEPLOY)]
Made = TypeVar("Made", CustomNode, Edge, Withdrawal)


@router.post("/lineage", status_code=201, response_model=LineageTaken)
def take_event(tx: Write, body: LineageEvent, once: OnceOnly) -> Response:
    """Take an OpenLineage event: the address that its HTTP transport sends to by default.

    The jobs and datasets that fed a training run become part of the lineage.
    """
    return once(tx, lambda: (201, openlineage.take(tx, body)))


@router.post("/nodes", status_code=201, response_model=CustomNode)
def add(tx: Write, body: NewCustomNode, once: OnceOnly) -> Response:
    """Add something of your own to the lineage, or say anew what it is (200)."""
    return once(tx, lambda: _made(customs.add(tx, body)))


@router.get("/nodes")
def list_nodes(
    tx: Read,
    type: Annotated[Label | None, Query(description="Only of this type.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[CustomNode]:
    """What people added, by type and name."""
    return customs.list_nodes(tx, type, cursor=cursor, limit=limit)


@router.get("/nodes/{type}/{name:path}")
def read(
    tx: Read,
    type: Annotated[str, Path(max_length=100, description="Its type, a word of yours.")],
    name: Annotated[str, Path(max_length=500, description="Its name; folders by slash.")],
) -> CustomNode:
    """Something that people added."""
    return customs.read(tx, CustomRef.parse(f"nodes:/{type}/{name}"))


@router.post("/edges", status_code=201, response_model=Edge)
def connect(tx: Write, body: NewEdge, once: OnceOnly) -> Response:
    """Say that a node came from another one, or uses it (200: that is said already)."""
    return once(tx, lambda: _made(customs.connect(tx, body)))


@router.post("/edges/end", response_model=Edge)
def disconnect(tx: Write, body: EdgeEnd, once: OnceOnly) -> Response:
    """Say that an edge of yours holds no longer; that it did is kept."""
    return once(tx, lambda: (200, customs.disconnect(tx, body)))


@router.post("/retirements", status_code=201, response_model=Withdrawal)
def retire(tx: Deploy, body: RetireRequest, once: OnceOnly) -> Response:
    """Retire a version: nothing that is built on it goes live any more."""
    return once(tx, lambda: _made(retirements.retire(tx, body)))


@router.post("/prompts/{name:path}/retire", status_code=201, response_model=Page[Withdrawal])
def retire_prompt(tx: Deploy, name: PathName, body: PromptRetirement, once: OnceOnly) -> Response:
    """Retire every version of a prompt (200: all of them are): nothing that is built on it
    goes live any more, and lists show it only when asked. A version that is made later is not
    retired."""

    def act() -> tuple[int, Page[Withdrawal]]:
        retired, made = retirements.retire_prompt(tx, name, body.reason)
        return (201 if made else 200), retired

    return once(tx, act)


@router.post("/prompts/{name:path}/unretire", response_model=Page[Withdrawal])
def unretire_prompt(tx: Deploy, name: PathName, body: PromptRetirement, once: OnceOnly) -> Response:
    """Let people build on a prompt again: on its versions that were retired with the whole."""
    return once(tx, lambda: (200, retirements.unretire_prompt(tx, name, body.reason)))


@router.get("/retirements")
def list_retirements(tx: Read, cursor: Cursor = None, limit: Limit = 100) -> Page[Withdrawal]:
    """Every retirement, the newest first."""
    return withdrawals.list_withdrawals(tx, "retired", cursor=cursor, limit=limit)


@router.post("/retirements/{number}/lift", response_model=Withdrawal)
def lift(
    tx: Deploy,
    number: Annotated[int, Path(ge=1, le=2**62, description="The retirement's number.")],
    body: LiftRequest,
    once: OnceOnly,
) -> Response:
    """Let people build on it again."""
    return once(tx, lambda: (200, withdrawals.lift(tx, "retired", number, body.reason)))


@router.put("/slots/{slot:path}/owner", response_model=Ownership)
def own_slot(tx: Deploy, slot: PathSlot, body: Owner) -> Ownership:
    """Say whom to tell about a slot."""
    return owners.own(tx, slot.short, body)


@router.put("/routes/{route:path}/owner", response_model=Ownership)
def own_route(tx: Deploy, route: Annotated[Name, Path()], body: Owner) -> Ownership:
    """Say whom to tell about a route, in whatever environment."""
    return owners.own(tx, route, body)


def _made(made: tuple[Made, bool]) -> tuple[int, Made]:
    record, fresh = made
    return (201 if fresh else 200), record
