"""Rollbacks over HTTP."""

from typing import Annotated

from fastapi import Query, Response

from twinline.access.gate import OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.deployments.api import Expected, PathSlot
from twinline.language.records import Deployment, RollbackPreview, RollbackRequest, Side
from twinline.rollbacks import actions

router = strict_router("slots", prefix="/slots")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.DEPLOY)]


@router.get("/{slot:path}/rollback/preview")
def preview(
    tx: Read,
    slot: PathSlot,
    side: Annotated[Side, Query(description="What would go back.")],
    to: Annotated[
        str | None,
        Query(max_length=500, description="A version of that side; default: the previous one."),
    ] = None,
) -> RollbackPreview:
    """What a rollback of a side would do, and what is known about the resulting pair."""
    return actions.preview(tx, slot, side, actions.version(side, to))


@router.post("/{slot:path}/rollback", status_code=201, response_model=Deployment)
def roll_back(
    tx: Write, slot: PathSlot, body: RollbackRequest, expected: Expected, once: OnceOnly
) -> Response:
    """Put one side of a slot back, or both, by one more deployment.

    A resulting pair that is `untested` needs `accept_untested`; one that is `blocked`
    is refused. A `to` that was never live here has to pass what the slot requires.
    """
    return once(tx, lambda: (201, actions.roll_back(tx, slot, body, expected)))
