"""Evaluations over HTTP."""

from typing import Annotated

from fastapi import Query, Response

from twinline.access.gate import OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.evaluations import actions
from twinline.language.records import Evaluation, NewEvaluation, Page
from twinline.language.refs import BundleRef

router = strict_router("evaluations", prefix="/evaluations")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.EVALUATIONS)]


@router.post("", status_code=201, response_model=Evaluation)
def record(body: NewEvaluation, tx: Write, once: OnceOnly) -> Response:
    """Record how a bundle scored on a suite; the newest result of a suite counts."""
    return once(tx, lambda: (201, actions.record(tx, body)))


@router.get("")
def newest(
    subject: Annotated[str, Query(max_length=100, examples=[BundleRef.example])], tx: Read
) -> Page[Evaluation]:
    """The newest result of each suite for a bundle."""
    return actions.newest(tx, BundleRef.parse(subject))
