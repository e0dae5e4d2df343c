"""Record and read inferences over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query, Response
from fastapi.responses import StreamingResponse

from twinline.access.gate import OnceOnly, Reader, reader, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.inferences import actions, affected, columnar, streams
from twinline.language.names import Environment
from twinline.language.records import (
    BatchResult,
    Inference,
    InferenceBatch,
    Instant,
    LedgerDays,
    LedgerSince,
    NewOutcome,
    Outcome,
    RequestFilter,
    Status,
)
from twinline.language.refs import SlotRef

router = strict_router("inferences")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.RECORD)]
ReadLong = Annotated[Reader, reader(Permission.READ)]
InferenceId = Annotated[UUID, Path(description="The inference's id.")]
OnlyEnvironment = Annotated[Environment | None, Query(description="Only in this environment.")]
OnlySlot = Annotated[
    str | None, Query(max_length=500, description="ROUTE@ENVIRONMENT, one slot alone.")
]
ScoreMin = Annotated[
    float | None, Query(ge=0, le=1, description="Only with a score of this or more.")
]
ScoreMax = Annotated[
    float | None, Query(ge=0, le=1, description="Only with a score of this or less.")
]
ARROW: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {columnar.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        "description": "One row a request",
    },
    501: {"description": "The server runs without pyarrow"},
}


def _filter(
    environment: OnlyEnvironment = None,
    slot: OnlySlot = None,
    begin: Annotated[Instant | None, Query(alias="from", description="From then on.")] = None,
    end: Annotated[
        Instant | None, Query(alias="to", description="Up to, not including, then.")
    ] = None,
) -> RequestFilter:
    return RequestFilter(
        environment=environment,
        slot=SlotRef.parse(slot) if slot else None,
        begin=begin,
        end=end,
    )


def _request_filter(
    where: Annotated[RequestFilter, Depends(_filter)],
    status: Annotated[Status | None, Query(description="Only with this status.")] = None,
    score_min: ScoreMin = None,
    score_max: ScoreMax = None,
) -> RequestFilter:
    measures = {"status": status, "score_min": score_min, "score_max": score_max}
    return where.model_copy(update=measures)


Filter = Annotated[RequestFilter, Depends(_filter)]
FullFilter = Annotated[RequestFilter, Depends(_request_filter)]


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


@router.get("/inferences.arrow", response_class=StreamingResponse, responses=ARROW)
def arrow(long: ReadLong, wanted: FullFilter) -> StreamingResponse:
    """Every request that was served as an Arrow IPC stream, the newest first, as
    `/impact.arrow` has those of a node."""
    return StreamingResponse(
        streams.arrow(long.reading, affected.everything, wanted), media_type=columnar.MEDIA_TYPE
    )


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
