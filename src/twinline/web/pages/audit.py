"""Who did what, when, to what and why."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from twinline.access import actions
from twinline.access.rules import Permission
from twinline.language.records import AuditEvent, ChainVerdict
from twinline.web import addresses, rendering
from twinline.web.gate import Visitor, visitor
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()
Auditor = Annotated[Visitor, visitor(Permission.AUDIT)]

EVENTS = 100
"""Events on a page."""


class AuditPage(Page, template="audit.html"):
    """The audit log."""

    heading = "Audit"

    verdict: ChainVerdict | None = Field(
        description="Whether every event still has the hash that it was written with, when that "
        "was asked for."
    )
    events: tuple[AuditEvent, ...] = Field(
        description="What was done, the newest first: by whom, to what, why, and how it was "
        "before and after."
    )
    older: str = Field(description="Leads to the events before these.")


@router.get("/audit")
def audit(
    by: Auditor,
    cursor: Annotated[int | None, Query(ge=1, le=(1 << 63) - 1)] = None,
    verify: bool = False,
) -> Response:
    """The log, a page at a time."""
    with by.reading() as tx:
        found = actions.audit_log(tx, before=cursor, limit=EVENTS)
        verdict = actions.verify_log(tx) if verify else None
    older = addresses.asked("/audit", cursor=found.next) if found.next else ""
    return rendering.answer(by, AuditPage(verdict=verdict, events=found.items, older=older))
