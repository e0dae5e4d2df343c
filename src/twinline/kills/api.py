"""Kill switches over HTTP. Those of slots and bundles are thrown at their own addresses."""

from typing import Annotated, Any

from fastapi import Path, Response

from twinline.access.gate import Cursor, Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.kills import actions
from twinline.language.records import Kill, KillRequest, LiftRequest, Page

router = strict_router("kills", prefix="/kills")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.KILL)]

THROWN: dict[int | str, dict[str, Any]] = {
    200: {"model": Kill, "description": "It was stopped already"}
}


@router.get("")
def list_kills(tx: Read, cursor: Cursor = None, limit: Limit = 100) -> Page[Kill]:
    """Every kill switch that was ever thrown, the newest first."""
    return actions.list_kills(tx, cursor=cursor, limit=limit)


@router.post("/everything", status_code=201, response_model=Kill, responses=THROWN)
def kill_everything(tx: Write, body: KillRequest, once: OnceOnly) -> Response:
    """Stop every slot of every environment, now."""
    return once(tx, lambda: answer(actions.kill(tx, actions.EVERYTHING, body.reason)))


@router.post("/{number}/lift", response_model=Kill)
def lift(
    tx: Write,
    number: Annotated[int, Path(ge=1, le=2**62, description="The kill's number.")],
    body: LiftRequest,
    once: OnceOnly,
) -> Response:
    """Let what was stopped go on."""
    return once(tx, lambda: (200, actions.lift(tx, number, body.reason)))


def answer(thrown: tuple[Kill, bool]) -> tuple[int, Kill]:
    """The status and the body for a kill switch, whether it is new or stood already."""
    kill, fresh = thrown
    return (201 if fresh else 200), kill
