"""Environments: what is live in each, and what was live in one at any moment."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple

from fastapi import Query, Response
from markupsafe import Markup
from pydantic import Field

from twinline.access import actions as access
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.environments import actions as environments
from twinline.kills import actions as kills
from twinline.language.errors import Invalid, NotFound
from twinline.language.records import Deployment, Kill, Slot
from twinline.language.refs import SlotRef
from twinline.routing.policy import read_policy
from twinline.suites import actions as suites
from twinline.timelines import timeline
from twinline.web import addresses, bands, forms, pictures, rendering
from twinline.web.gate import Reader
from twinline.web.page import Page
from twinline.web.problems import page_router
from twinline.withdrawals import actions as withdrawals

router = page_router()

SLOTS = 25
"""Slots on a page."""

DAYS = (1, 7, 28, 91, 364)
"""How many days can be drawn."""


class EnvironmentLine(NamedTuple):
    """An environment, and what is to be known of it at a glance."""

    name: str
    slots: int
    live: int
    stopped: int
    requires: tuple[str, ...]
    newest: Deployment | None
    changed_at: datetime | None


class EnvironmentsPage(Page, template="environments.html"):
    """All environments."""

    heading = "Environments"

    environments: tuple[EnvironmentLine, ...] = Field(
        description="Each environment in which there is a slot: how many slots it has, in how "
        "many something is live, how many are stopped by a kill switch, the suites that must be "
        "passed before anything goes live there, and its last deployment. A change is also a kill "
        "switch that was thrown or lifted."
    )
    everything: Kill | None = Field(
        title="Everything stopped",
        description="Who stopped every slot of every environment, and why; nothing when that is "
        "not so.",
    )


class LiveLine(NamedTuple):
    """A slot, what was live in it, whether it was stopped then, and whether what is live now is
    withdrawn."""

    slot: Slot
    stopped: str
    withdrawn: str
    other: float


class EnvironmentPage(Page, template="environment.html"):
    """What is live in an environment, or was."""

    environment: str = Field(description="Its name; the part of a slot after the @.")
    at: datetime = Field(
        title="The moment",
        description="What was live is told as of this moment: now, unless you choose another.",
    )
    chosen: str = Field(description="The moment as you typed it; empty is now.")
    refused: str = Field(description="What is wrong with the moment that you typed.")
    note: str = Field(description="What is to be said of this moment.")
    days: int = Field(description="How many days the picture shows, with the moment in them.")
    spans: tuple[tuple[int, str], ...] = Field(
        description="Lead to the same moment with more or fewer days around it."
    )
    picture: Markup = Field(
        description="For each slot which deployment was live when; the filled ones were live at "
        "the moment of the dashed line. A bar along the lower edge is as high as the share of "
        "the traffic that other bundles than the default one get."
    )
    shortened: bool = Field(
        description="Whether a slot has more deployments in these days than are drawn."
    )
    slots: tuple[LiveLine, ...] = Field(
        description="What was live in each slot at that moment: both sides of the default bundle, "
        "since when, by whom and why. What is live now although it is recalled or retired says so."
    )
    count: int = Field(
        title="Count", description="How many slots there were then, on all pages together."
    )
    route: str = Field(description="Only slots whose route holds these letters are shown.")
    before: str = Field(description="Leads to the slots before these.")
    after: str = Field(description="Leads to the slots after these.")

    @property
    def title(self) -> str:
        """The environment and, if it is not now, the moment."""
        return f"{self.environment} at {self.chosen}" if self.chosen else self.environment

    @property
    def field(self) -> str:
        """What the field of the moment holds: nothing for now, what was typed if it is none."""
        if self.refused:
            return self.chosen
        return forms.field_moment(self.at) if self.chosen else ""


@router.get("/environments")
def list_environments(by: Reader) -> Response:
    """All environments."""
    with by.reading() as tx:
        stopped = kills.switches(tx)
        page = EnvironmentsPage(
            environments=_lines(tx, stopped), everything=stopped.get(kills.EVERYTHING)
        )
    return rendering.answer(by, page)


@router.get("/environments/{environment:path}")
def show(
    by: Reader,
    environment: str,
    at: str = "",
    days: Annotated[int, Query(ge=1, le=3650)] = bands.DAYS,
    route: Annotated[str, Query(max_length=200)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """What is live in an environment, or was at a moment."""
    refused, status = "", 200
    with by.reading() as tx:
        now = access.now(tx)
        try:
            moment = forms.moment(at, "At")
        except Invalid as error:
            moment, refused, status = None, error.detail, error.status
        asked = _Asked(environment, at, moment or now, days, route, page)
        shown = _page(tx, asked, now, refused)
    return rendering.answer(by, shown, status)


class _Asked(NamedTuple):
    environment: str
    typed: str
    at: datetime
    days: int
    route: str
    page: int

    def address(self, **other: object) -> str:
        """The same page, but for something."""
        asked = {
            "at": self.typed,
            "days": self.days if self.days != bands.DAYS else None,
            "route": self.route,
            "page": None,
            **other,
        }
        return addresses.asked(addresses.environment(self.environment), **asked)


def _lines(tx: Reading, stopped: Collection[str]) -> tuple[EnvironmentLine, ...]:
    versions = environments.versions(tx)
    required: dict[str, list[str]] = {}
    for suite in suites.required_anywhere(tx):
        for one in suite.required_in:
            required.setdefault(one.place, []).append(suite.name)
    return tuple(
        EnvironmentLine(
            name=one.name,
            slots=one.slots,
            live=one.live,
            stopped=sum(
                1 for it in stopped if it.startswith("routes:/") and it.endswith(f"@{one.name}")
            ),
            requires=tuple(required.get(one.name, ())),
            newest=one.newest,
            changed_at=versions[one.name].changed_at if one.name in versions else None,
        )
        for one in deployments.environments_known(tx)
    )


def _page(tx: Reading, asked: _Asked, now: datetime, refused: str) -> EnvironmentPage:
    first = (asked.page - 1) * SLOTS
    live = timeline.live_page_at(
        tx, asked.environment, asked.at, asked.route, offset=first, limit=SLOTS
    )
    slots = live.slots
    if not slots and asked.page > 1:
        raise NotFound(
            f"There is no page {asked.page} of the slots of {asked.environment}; there are "
            f"{live.total} slots, {SLOTS} on a page."
        )
    stopped = kills.in_force_at(tx, asked.at)
    withdrawn = _withdrawn(tx, slots) if asked.at >= now else {}
    times = bands.times(
        tx,
        slots,
        title=f"What was live in {asked.environment} when",
        at=asked.at,
        days=asked.days,
        now=now,
    )
    to_come = asked.at > now + timedelta(minutes=1)
    return EnvironmentPage(
        environment=asked.environment,
        at=asked.at,
        chosen=asked.typed.strip(),
        refused=refused,
        note="That is still to come; this is what is live now." if to_come else (live.note or ""),
        days=asked.days,
        spans=tuple((days, asked.address(days=days)) for days in DAYS),
        picture=pictures.timelines(times),
        shortened=any(len(band.spans) == bands.SPANS_MOST for band in times.bands),
        slots=tuple(_line(one, stopped, withdrawn.get(one.ref, "")) for one in slots),
        count=live.total,
        route=asked.route,
        before=asked.address(page=asked.page - 1) if asked.page > 1 else "",
        after=asked.address(page=asked.page + 1) if live.total > first + SLOTS else "",
    )


def _withdrawn(tx: Reading, slots: Collection[Slot]) -> dict[SlotRef, str]:
    """The slots in which something is live although it is recalled or retired."""
    serves = {one.ref: read_policy(one.live.policy).bundles() for one in slots if one.live}
    found = withdrawals.against_any(tx, {ref for refs in serves.values() for ref in refs})
    kinds = {
        slot: {one.kind for ref in refs for one in found.get(ref, ())}
        for slot, refs in serves.items()
    }
    return {
        slot: f"{'recalled' if 'recalled' in of else 'retired'}, yet live"
        for slot, of in kinds.items()
        if of
    }


def _line(slot: Slot, stopped: Collection[str], withdrawn: str) -> LiveLine:
    live = slot.live
    if kills.EVERYTHING in stopped:
        why = "everything was stopped"
    elif str(slot.ref) in stopped:
        why = "stopped"
    elif live and str(live.bundle) in stopped:
        why = "bundle stopped"
    else:
        why = ""
    return LiveLine(slot, why, withdrawn, bands.other_share(live) if live else 0.0)
