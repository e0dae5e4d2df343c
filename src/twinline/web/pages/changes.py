"""Everything that changed in and around a slot between two moments."""

from datetime import datetime, timedelta
from typing import Annotated, NamedTuple

from fastapi import Query, Response
from pydantic import Field

from twinline.access import actions as access
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.language.errors import Invalid, TwinlineError
from twinline.language.records import Changes, RankedChange, ValueChange
from twinline.language.refs import SlotRef
from twinline.timelines import changes
from twinline.web import addresses, forms, rendering
from twinline.web.differences import DiffLine, diff_lines
from twinline.web.gate import Reader
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()

RANKED_MOST, LINES_MOST, SLOTS_MOST = 100, 400, 500
DAY = timedelta(days=1)


class Preset(NamedTuple):
    """A usual span of time."""

    name: str
    address: str


class ChangesPage(Page, template="changes.html"):
    """What changed between two moments."""

    heading = "Changes"

    slot: str = Field(description="The slot that is looked at: a route in an environment.")
    since: str = Field(title="From", description="When it was still well.")
    until: str = Field(title="To", description="When it was strange; empty is now.")
    refused: str = Field(description="What is wrong with what you asked for.")
    slots: tuple[SlotRef, ...] = Field(description="The slots to choose from.")
    presets: tuple[Preset, ...] = Field(
        description="Lead to usual spans of time: the last 24 hours, since before the last "
        "deployment, the last 7 days."
    )
    found: Changes | None = Field(
        title="The two ends",
        description="What was live at both ends and how it did: requests that name that "
        "deployment. Where one deployment was live at both ends, its requests up to the hour of "
        "the first end against those from that hour on.",
    )
    ranked: tuple[RankedChange, ...] = Field(
        title="What changed",
        description="Everything that changed, in the order in which it is worth looking at: what "
        "requests were served otherwise by comes first, a bigger share of the traffic before a "
        "smaller, the later before the earlier.",
    )
    more: int = Field(description="How many changes are not shown.")
    lines: tuple[DiffLine, ...] = Field(
        title="The prompt",
        description="What differs between the prompt at the first end and at the second.",
    )
    values: tuple[ValueChange, ...] = Field(
        description="Parameters, and of the model: where it came from, its parameters, metrics "
        "and datasets, as they differ between the two ends."
    )
    compare: str = Field(description="Leads to the two prompt versions word by word.")

    @property
    def title(self) -> str:
        """What is looked at."""
        return f"Changes in {self.slot}" if self.slot else self.heading


class _Asked(NamedTuple):
    slot: str
    since: str
    until: str


@router.get("/changes")
def show(
    by: Reader,
    slot: Annotated[str, Query(max_length=1000)] = "",
    since: Annotated[str, Query(alias="from", max_length=100)] = "",
    until: Annotated[str, Query(alias="to", max_length=100)] = "",
) -> Response:
    """What changed; without a slot a form to choose one."""
    asked, status, refused, found = _Asked(slot.strip(), since, until), 200, "", None
    with by.reading() as tx:
        now = access.now(tx)
        try:
            found = _found(tx, asked, now) if asked.slot else None
        except TwinlineError as error:
            status, refused = error.status, error.detail
        page = _page(tx, asked, found, refused, now)
    return rendering.answer(by, page, status)


def _found(tx: Reading, asked: _Asked, now: datetime) -> Changes:
    ref = SlotRef.parse(asked.slot)
    until = forms.moment(asked.until, "To") or now
    since = forms.moment(asked.since, "From") or forms.moved(until, -DAY)
    if since >= until:
        raise Invalid(
            f"From, {rendering.minute(since)}, is not before To, {rendering.minute(until)}: give "
            "the moment when it was still well first.",
            field="from",
        )
    return changes.between(tx, ref, since, until)


def _page(
    tx: Reading, asked: _Asked, found: Changes | None, refused: str, now: datetime
) -> ChangesPage:
    known = deployments.list_slots(tx, None, cursor=None, limit=SLOTS_MOST).items
    prompt, model = (found.prompt, found.model) if found else (None, None)
    compare = ""
    if prompt and prompt.before and prompt.after and prompt.before.name == prompt.after.name:
        ends = {"old": prompt.before.number, "new": prompt.after.number}
        compare = addresses.asked("/compare", prompt=prompt.after.name, **ends)
    of_model = (*model.facts, *model.params, *model.metrics, *model.datasets) if model else ()
    return ChangesPage(
        slot=asked.slot,
        since=forms.field_moment(found.since) if found else asked.since,
        until=forms.field_end(found.until) if found and asked.until else asked.until,
        refused=refused,
        slots=tuple(one.ref for one in known),
        presets=_presets(tx, found, now) if found else (),
        found=found,
        ranked=found.ranked[:RANKED_MOST] if found else (),
        more=max(0, len(found.ranked) - RANKED_MOST) if found else 0,
        lines=diff_lines(prompt.lines[:LINES_MOST]) if prompt else (),
        values=(*found.parameters, *(prompt.parameters if prompt else ()), *of_model)
        if found
        else (),
        compare=compare,
    )


def _presets(tx: Reading, found: Changes, now: datetime) -> tuple[Preset, ...]:
    live = deployments.live_or_none(tx, found.slot, now)
    deployed = [Preset("since the last deployment", addresses.changed_since(live))] if live else []
    return (
        Preset("the last 24 h", addresses.changed(found.slot, now - DAY)),
        *deployed,
        Preset("the last 7 days", addresses.changed(found.slot, now - 7 * DAY)),
    )
