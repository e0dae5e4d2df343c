"""Who did what, when, to what and why."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Response
from pydantic import Field

from twinline.access import actions
from twinline.access.actions import AuditLook
from twinline.access.rules import AuditFilter, Permission
from twinline.db.session import Reading
from twinline.language.errors import Invalid
from twinline.language.records import AuditEvent, ChainVerdict
from twinline.web import addresses, forms, rendering
from twinline.web.gate import Visitor, visitor
from twinline.web.page import Page
from twinline.web.problems import page_router
from twinline.web.selections import FieldText, When

router = page_router()
Auditor = Annotated[Visitor, visitor(Permission.AUDIT)]

EVENTS = 100
"""Events on a page."""

_LEAD_NOWHERE = ("key.", "ledger.", "mirror.", "model.name.", "label.protect", "label.unprotect")
"""Actions on what has no page: what they were done to is no link."""


@dataclass(frozen=True)
class Asked(When):
    """Which events are looked for, as it was typed."""

    actor: str = ""
    action: str = ""
    subject: str = ""

    def filter(self) -> AuditFilter:
        """What is meant.

        Raises:
            Invalid: a moment is none.
        """
        return AuditFilter(
            actor=self.actor.strip(),
            action=self.action.strip(),
            subject=self.subject.strip(),
            begin=forms.moment(self.begin, "from"),
            end=forms.moment(self.end, "to"),
        )


def _asked(
    actor: FieldText = "",
    action: FieldText = "",
    subject: FieldText = "",
    begin: Annotated[str, Query(alias="from", max_length=100)] = "",
    end: Annotated[str, Query(alias="to", max_length=100)] = "",
) -> Asked:
    return Asked(begin=begin, end=end, actor=actor, action=action, subject=subject)


class AuditPage(Page, template="audit.html"):
    """The audit log."""

    heading = "Audit"

    asked: Asked = Field(
        title="Filters",
        description="Who, by the whole name; how the action begins, as deployment or "
        "deployment.create; how the reference or name of what it was done to begins; from when and "
        "up to when, in UTC. Some thousands of events are looked through at once, and the page "
        "says which.",
    )
    refused: str = Field(description="What was wrong with the filters.")
    verdict: ChainVerdict | None = Field(
        description="Whether every event still has the hash that it was written with, when that "
        "was asked for."
    )
    look: AuditLook = Field(
        title="Events",
        description="What was done, the newest first: by whom, to what, why, and how it was "
        "before and after.",
    )
    older: str = Field(description="Leads to the events before these.")

    @staticmethod
    def address(event: AuditEvent) -> str:
        """Where there is more about what it was done to; empty where there is no page."""
        if event.action.startswith(_LEAD_NOWHERE) or not event.subject:
            return ""
        first = event.subject.partition(" ")[0]  # of what is about two things
        return addresses.of(first if ":/" in first else event.subject)


@router.get("/audit")
def audit(
    by: Auditor,
    asked: Annotated[Asked, Depends(_asked)],
    cursor: Annotated[int | None, Query(ge=1, le=(1 << 63) - 1)] = None,
    verify: bool = False,
) -> Response:
    """The log, or some of it, a page at a time."""
    refused, status = "", 200
    with by.reading() as tx:
        try:
            look = _look(tx, asked, cursor)
        except Invalid as error:
            look, refused, status = AuditLook((), 0, 0, None), error.detail, error.status
        verdict = actions.verify_log(tx) if verify else None
    page = AuditPage(
        asked=asked,
        refused=refused,
        verdict=verdict,
        look=look,
        older=addresses.asked("/audit", cursor=look.next, **asked.query) if look.next else "",
    )
    return rendering.answer(by, page, status)


def _look(tx: Reading, asked: Asked, before: int | None) -> AuditLook:
    return actions.look_through_log(tx, asked.filter(), before=before, limit=EVENTS)
