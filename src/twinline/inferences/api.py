"""Record and read inferences over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Response

from twinline.access.gate import OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.inferences import actions
from twinline.language.records import (
    BatchResult,
    Inference,
    InferenceBatch,
    LedgerDays,
    LedgerSince,
    NewOutcome,
    Outcome,
)

router = strict_router("inferences")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.RECORD)]
InferenceId = Annotated[UUID, Path(description="The inference's id.")]


@router.post("/inferences")
def record(body: InferenceBatch, tx: Write) -> BatchResult:
    """Record up to 10,000 inferences; the answer says item by item what became of each.

    An ``id`` that was recorded before is a duplicate and changes nothing, so a batch
    can be sent again.
    """
    return actions.record(tx, body)


@router.post("/inferences/days")
def open_days(body: LedgerSince, tx: Write) -> LedgerDays:
    """Let the ledger take inferences since a day, up to 400 days ago.

    It keeps a place for each day from a week before its first start on; history from
    elsewhere needs older ones. Opens 31 days at once and says how many are missing.
    """
    return actions.open_days(tx, body.since)


@router.get("/inferences/{id}")
def read(id: InferenceId, tx: Read) -> Inference:
    """One inference, with the newest of its measures."""
    return actions.read(tx, id)


@router.post(
    "/inferences/{id}/outcomes",
    status_code=201,
    response_model=Outcome,
    responses={200: {"model": Outcome, "description": "The outcome was here already"}},
)
def add_outcome(id: InferenceId, body: NewOutcome, tx: Write, once: OnceOnly) -> Response:
    """Say what came of an inference; of each measure the newest known value counts."""

    def act() -> tuple[int, Outcome]:
        outcome, made = actions.add_outcome(tx, id, body)
        return (201 if made else 200), outcome

    return once(tx, act)
