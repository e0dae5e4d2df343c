"""Recalls over HTTP."""

from typing import Annotated, Any

from fastapi import Path, Response

from twinline.access.gate import Cursor, Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.records import (
    ExecuteRecall,
    LiftRequest,
    NewRecall,
    Page,
    Recall,
    RecallDetails,
    RecallPlan,
    RecallVerdict,
)
from twinline.recalls import actions, executing

router = strict_router("recalls", prefix="/recalls")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.DEPLOY)]
PathNumber = Annotated[int, Path(ge=1, le=2**62, description="The recall's number.")]

_STANDS: dict[int | str, dict[str, Any]] = {
    200: {"model": RecallDetails, "description": "It was recalled already"}
}


@router.post("", status_code=201, response_model=RecallDetails, responses=_STANDS)
def recall(tx: Write, body: NewRecall, once: OnceOnly) -> Response:
    """Declare a node bad, everywhere: nothing downstream of it can go live any more.

    What is live stays live until the plan is executed.
    """

    def act() -> tuple[int, RecallDetails]:
        made, fresh = actions.recall(tx, body)
        return (201 if fresh else 200), made

    return once(tx, act)


@router.get("")
def list_recalls(tx: Read, cursor: Cursor = None, limit: Limit = 100) -> Page[Recall]:
    """Every recall, in force or lifted, the newest first."""
    return actions.list_recalls(tx, cursor=cursor, limit=limit)


@router.get("/{number}")
def read(tx: Read, number: PathNumber) -> RecallDetails:
    """A recall with its report, what was done about it, and where it is still live."""
    return actions.read(tx, number)


@router.get("/{number}/plan")
def plan(tx: Read, number: PathNumber) -> RecallPlan:
    """What executing would do about each slot where something downstream is live."""
    return actions.plan(tx, number)


@router.post("/{number}/execute", response_model=RecallDetails)
def execute(tx: Write, number: PathNumber, body: ExecuteRecall, once: OnceOnly) -> Response:
    """Carry the plan out, for all slots at once or for none.

    When the plan is another by now than the one whose digest is sent: 412.
    """
    return once(tx, lambda: (200, executing.execute(tx, number, body)))


@router.get("/{number}/verify")
def verify(tx: Read, number: PathNumber) -> RecallVerdict:
    """Count what the report counted anew, from the facts that it counted, and compare."""
    return actions.verify(tx, number)


@router.post("/{number}/lift", response_model=RecallDetails)
def lift(tx: Write, number: PathNumber, body: LiftRequest, once: OnceOnly) -> Response:
    """End a recall; history keeps it."""
    return once(tx, lambda: (200, actions.lift(tx, number, body.reason)))
