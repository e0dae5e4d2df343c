"""Evaluations over HTTP: results, comparisons, and what runners do."""

from typing import Annotated, Any

from fastapi import Path, Query, Response

from twinline.access.gate import Cursor, Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.evaluations import actions, requirements
from twinline.language.records import (
    CaseResult,
    ClaimedEvaluation,
    ClaimRequest,
    Evaluation,
    EvaluationComparison,
    FailureReport,
    MissingEvaluations,
    NewEvaluation,
    NewPendingEvaluation,
    NewWaiver,
    Page,
    PendingEvaluation,
    PendingState,
    RenewRequest,
    ResultReport,
    SuiteName,
    Waiver,
)
from twinline.language.refs import BundleRef, EvaluationRef, PromptVersionRef, SlotRef
from twinline.suites import pending

router = strict_router("evaluations", prefix="/evaluations")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.EVALUATIONS)]
Run = Annotated[Writing, writing(Permission.RUN)]
Waive = Annotated[Writing, writing(Permission.SUITES)]

PathNumber = Annotated[int, Path(ge=1, le=2**62, description="The evaluation's number.")]
PathPending = Annotated[int, Path(ge=1, le=2**62, description="The pending evaluation's number.")]
Subject = Annotated[
    str,
    Query(
        max_length=600,
        description="A prompt version, a model version (labels and aliases are looked up) or a "
        "bundle.",
        examples=[PromptVersionRef.example, BundleRef.example],
    ),
]
_AGAIN: dict[int | str, dict[str, Any]] = {
    200: {"model": Evaluation, "description": "This report was recorded before"}
}
_WAITS: dict[int | str, dict[str, Any]] = {
    200: {"model": PendingEvaluation, "description": "It waits or runs already"}
}


@router.post("", status_code=201, response_model=Evaluation)
def record(body: NewEvaluation, tx: Write, once: OnceOnly) -> Response:
    """Record how a bundle or one side scored on a suite; the newest result of a suite counts.

    The suite need not be defined; the result of one that is has to fit it.
    """
    return once(tx, lambda: (201, actions.record(tx, body)))


@router.get("")
def list_evaluations(
    tx: Read,
    subject: Annotated[
        str | None,
        Query(max_length=600, description="A version or a bundle, as for `newest`; none: all."),
    ] = None,
    suite: Annotated[
        str | None,
        Query(max_length=200, pattern=r"^[^\x00]*$", description="Only of this suite."),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Evaluation]:
    """Results, of a subject or of a suite or all, the newest first."""
    return actions.list_evaluations(tx, subject, suite, cursor=cursor, limit=limit)


@router.get("/newest")
def newest(tx: Read, subject: Subject) -> Page[Evaluation]:
    """The newest result of each suite for a bundle or version: the ones that count."""
    return actions.newest_of(tx, subject)


@router.get("/compare")
def compare(tx: Read, old: Subject, new: Subject) -> EvaluationComparison:
    """How two versions or bundles did, suite by suite, by the newest result of each.

    Where both results kept their cases: which were fixed and which were broken.
    """
    return actions.compare(tx, old, new)


@router.get("/missing")
def missing(
    tx: Read,
    slot: Annotated[
        str,
        Query(max_length=300, examples=["support@production"], description="ROUTE@ENVIRONMENT."),
    ],
    bundle: Annotated[
        str,
        Query(
            max_length=100,
            examples=[BundleRef.example],
            description="By 12 or more characters of its digest.",
        ),
    ],
) -> MissingEvaluations:
    """Which suites a bundle has to pass before it can be deployed to a slot."""
    return requirements.missing_of(tx, SlotRef.parse(slot), BundleRef.parse(bundle))


@router.post("/waivers", status_code=201, response_model=Waiver)
def waive(body: NewWaiver, tx: Waive, once: OnceOnly) -> Response:
    """Let a bundle be deployed somewhere without having passed a suite, and say why."""
    return once(tx, lambda: (201, requirements.waive(tx, body)))


@router.get("/waivers")
def waivers(tx: Read, cursor: Cursor = None, limit: Limit = 100) -> Page[Waiver]:
    """Who let which bundle off which suite, where and why; the newest first."""
    return requirements.waivers(tx, cursor=cursor, limit=limit)


@router.post("/pending", status_code=201, response_model=PendingEvaluation, responses=_WAITS)
def ask(body: NewPendingEvaluation, tx: Write, once: OnceOnly) -> Response:
    """Ask for a version or bundle to be evaluated; a runner of the suite will take it."""

    def act() -> tuple[int, PendingEvaluation]:
        made, fresh = actions.ask(tx, body)
        return (201 if fresh else 200), made

    return once(tx, act)


@router.get("/pending")
def list_pending(
    tx: Read,
    suite: Annotated[SuiteName | None, Query(description="Only of this suite.")] = None,
    state: Annotated[
        list[PendingState] | None, Query(description="Only these; may be said several times.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[PendingEvaluation]:
    """What waits for a runner, is being run, is done or was given up; the newest first."""
    return pending.list_pending(tx, suite, state, cursor=cursor, limit=limit)


@router.get("/pending/{number}")
def read_pending(tx: Read, number: PathPending) -> PendingEvaluation:
    """How far a pending evaluation is."""
    return pending.read(tx, number)


@router.post("/claims")
def claim(body: ClaimRequest, tx: Run) -> ClaimedEvaluation:
    """Lease the oldest evaluation that waits for one of these suites.

    Nobody else gets it before the lease is over. Sent again with the same token, it is the
    same claim.
    """
    return ClaimedEvaluation(pending=pending.claim(tx, body))


@router.post("/pending/{number}/renew")
def renew(number: PathPending, body: RenewRequest, tx: Run) -> PendingEvaluation:
    """Keep a lease for so many seconds from now on; 409 when it is another's by now."""
    return pending.renew(tx, number, body)


@router.post(
    "/pending/{number}/report", status_code=201, response_model=Evaluation, responses=_AGAIN
)
def report(number: PathPending, body: ResultReport, tx: Run, response: Response) -> Evaluation:
    """Record what a runner found under its lease, as an evaluation; 409 when the lease is
    another's by now. Sent again, it is answered alike."""
    made, fresh = actions.report(tx, number, body)
    response.status_code = 201 if fresh else 200
    return made


@router.post("/pending/{number}/fail")
def fail(number: PathPending, body: FailureReport, tx: Run) -> PendingEvaluation:
    """Give a lease up because the suite could not be run, and say why.

    After a pause somebody may try again, until the suite's attempts are used up.
    """
    return pending.fail(tx, number, body)


@router.get("/{number}")
def read(tx: Read, number: PathNumber) -> Evaluation:
    """One result, with where its evidence is."""
    return actions.read(tx, EvaluationRef(number))


@router.get("/{number}/cases")
def cases(
    tx: Read,
    number: PathNumber,
    failed: Annotated[bool, Query(description="Only those that failed.")] = False,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[CaseResult]:
    """The cases of a result, by id."""
    ref = EvaluationRef(number)
    return actions.cases(tx, ref, failed=failed, cursor=cursor, limit=limit)
