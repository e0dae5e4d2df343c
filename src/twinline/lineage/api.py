"""Lineage, impact and explanations over HTTP."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Annotated

from fastapi import Query
from fastapi.responses import StreamingResponse

from twinline.access.gate import Cursor, Limit, Reader, reader, reading, strict_router
from twinline.access.rules import Permission
from twinline.db.session import Reading
from twinline.inferences import columnar, streams
from twinline.inferences.api import (
    ARROW,
    Filter,
    FullFilter,
    InferenceId,
    OnlyEnvironment,
    OnlySlot,
)
from twinline.language.records import (
    AffectedDecision,
    Arrivals,
    Direction,
    Explanation,
    Impact,
    Inference,
    Instant,
    Lineage,
    NodeKind,
    Page,
    Prospect,
    ProspectKind,
    Replay,
    ReplayRequest,
    RequestFilter,
    Status,
)
from twinline.language.refs import SlotRef
from twinline.lineage import explanations, impacts, prospects, spreadsheet, walks

router = strict_router("lineage")
Read = Annotated[Reading, reading(Permission.READ)]
ReadLong = Annotated[Reader, reader(Permission.READ)]
NodeRef = Annotated[
    str,
    Query(
        max_length=1000,
        description="A reference: `prompts:/support/answer/7`, `models:/churn/3`, "
        "`datasets:/NAME/DIGEST`, `runs:/ID`, `bundles:/DIGEST`, `routes:/ROUTE@ENVIRONMENT`, "
        "`deployments:/ROUTE@ENVIRONMENT/NUMBER`, `evaluations:/NUMBER`, `nodes:/TYPE/NAME`; a "
        "label or an alias stands for what it names now.",
        examples=["prompts:/support/answer/7"],
    ),
]


@router.get("/lineage")
def walk(
    node: NodeRef,
    tx: Read,
    direction: Annotated[
        Direction, Query(description="To what it came from, to what came from it, or both.")
    ] = "both",
    depth: Annotated[int, Query(ge=1, le=100, description="1: direct neighbours.")] = 10,
    limit: Annotated[int, Query(ge=1, le=5000, description="Nodes that are shown.")] = 500,
    kinds: Annotated[
        list[NodeKind], Query(max_length=20, description="Only these; none: all.")
    ] = [],  # noqa: B006 -- FastAPI copies it
    as_of: Annotated[Instant | None, Query(description="As it was known then.")] = None,
) -> Lineage:
    """What a node came from and what came from it; what is not shown is counted."""
    return walks.walk(
        tx, node, direction=direction, depth=depth, limit=limit, kinds=kinds, as_of=as_of
    )


@router.get("/impact")
def impact(node: NodeRef, tx: Read, wanted: Filter) -> Impact:
    """Everything downstream of a node, counted: requests, errors, cost; slots, days, arms;
    where it is live now, and whom to tell.

    Times are widened to whole hours.
    """
    return impacts.impact(tx, node, wanted)


@router.get("/impact/inferences")
def requests(
    node: NodeRef, tx: Read, wanted: FullFilter, cursor: Cursor = None, limit: Limit = 100
) -> Page[Inference]:
    """The requests downstream of a node, the newest first."""
    return impacts.requests(tx, node, wanted, cursor=cursor, limit=limit)


@router.get("/impact/decisions")
def decisions(
    node: NodeRef, tx: Read, wanted: FullFilter, cursor: Cursor = None, limit: Limit = 100
) -> Page[AffectedDecision]:
    """The decisions downstream of a node, each once, by their references."""
    return impacts.decisions(tx, node, wanted, cursor=cursor, limit=limit)


@router.get(
    "/impact.csv",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"text/csv": {"schema": {"type": "string"}}},
            "description": "One line a request",
        }
    },
)
def csv(node: NodeRef, long: ReadLong, wanted: FullFilter) -> StreamingResponse:
    """Every request downstream of a node, the newest first, however many there are."""
    scope = partial(impacts.scope, text=node, wanted=wanted)
    lines: Iterator[str] = spreadsheet.lines(long.reading, scope, wanted)
    first = next(lines)  # what is wrong with the question is said before the answer begins
    headers = {"Content-Disposition": 'attachment; filename="impact.csv"'}
    return StreamingResponse(
        spreadsheet.after(first, lines), media_type="text/csv; charset=utf-8", headers=headers
    )


@router.get("/impact.arrow", response_class=StreamingResponse, responses=ARROW)
def arrow(node: NodeRef, long: ReadLong, wanted: FullFilter) -> StreamingResponse:
    """Every request downstream of a node as an Arrow IPC stream, the newest first, however
    many there are.

    A stream that broke off has no end-of-stream marker: read it as whole only with one.
    """
    scope = partial(impacts.scope, text=node, wanted=wanted)
    return StreamingResponse(
        streams.arrow(long.reading, scope, wanted), media_type=columnar.MEDIA_TYPE
    )


@router.get("/arrivals")
def arrivals(
    tx: Read,
    node: Annotated[
        list[str],
        Query(
            max_length=5,
            description="Only of bundles downstream of all of these: references of versions, "
            "runs, datasets or bundles; a slot has a parameter of its own.",
            examples=[["prompts:/support/answer/7"]],
        ),
    ] = [],  # noqa: B006 -- FastAPI copies it
    environment: OnlyEnvironment = None,
    slot: OnlySlot = None,
    status: Annotated[Status | None, Query(description="Only with this status by now.")] = None,
    late_seconds: Annotated[
        int,
        Query(ge=1, le=7 * 86400, description="How long after it was made one may still come."),
    ] = 3600,
    last: Annotated[
        int, Query(ge=0, le=500, description="Without a cursor: so many that are here.")
    ] = 10,
    cursor: Annotated[
        str | None,
        Query(max_length=20_000, description="`next` of the answer before, for seven days."),
    ] = None,
    limit: Limit = 100,
) -> Arrivals:
    """The inferences that arrived since a cursor, each exactly once; ask again and again to
    follow them. Without a cursor it begins with the last ones that are here."""
    wanted = RequestFilter(
        environment=environment, slot=SlotRef.parse(slot) if slot else None, status=status
    )
    return impacts.arrivals(
        tx, node, wanted, timedelta(seconds=late_seconds), cursor=cursor, last=last, limit=limit
    )


@router.get("/impact/prospect")
def prospect(
    node: NodeRef,
    tx: Read,
    change: Annotated[ProspectKind, Query(description="What would be done.")],
) -> Prospect:
    """What a change would touch that nobody has made yet: moving a label away from this
    version, a new version after it, or its retirement."""
    return prospects.foresee(tx, change, node)


@router.get("/inferences")
def find(
    tx: Read,
    trace_id: Annotated[
        str | None,
        Query(min_length=1, max_length=500, description="The trace that they were made in."),
    ] = None,
    decision: Annotated[
        str | None,
        Query(min_length=1, max_length=500, description="Your own reference that they carry."),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Inference]:
    """The requests of a trace or of a decision, the newest first."""
    return explanations.find(tx, trace_id=trace_id, decision=decision, cursor=cursor, limit=limit)


@router.get("/inferences/{id}/lineage")
def explain(id: InferenceId, tx: Read) -> Explanation:
    """The whole story of one request as things were at its time: who deployed what, the
    prompt, the model, its run and datasets, and what came of it."""
    return explanations.explain(tx, id)


@router.post("/inferences/{id}/replay")
def replay(id: InferenceId, tx: Read, body: ReplayRequest) -> Replay:
    """Evaluate the policy of a request again, and say whether it gives the same bundle."""
    return explanations.replay(tx, id, body.context)
