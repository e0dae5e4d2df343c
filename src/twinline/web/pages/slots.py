"""A slot: what is live in it, what it does, and how it came to that."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple

from fastapi import Query, Response
from markupsafe import Markup
from pydantic import Field

from twinline.access import actions as access
from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.deployments import owners
from twinline.evaluations import actions as evaluations
from twinline.evaluations import requirements
from twinline.inferences import actions as inferences
from twinline.language.errors import Invalid
from twinline.language.records import (
    Bundle,
    Deployment,
    Divergence,
    Evaluation,
    MissingEvaluation,
    Ownership,
    Pairing,
    Service,
    Slot,
    Suspect,
    TimelineEntry,
    Withdrawal,
)
from twinline.language.refs import BundleRef, SlotRef
from twinline.routing.policy import Policy, read_policy
from twinline.timelines import blame, divergences, timeline
from twinline.timelines.divergences import UNSEEN_HOURS, Asked
from twinline.web import addresses, bands, forms, pictures, policies, proposals, rendering, stops
from twinline.web.gate import Reader
from twinline.web.page import Page
from twinline.web.policies import Line
from twinline.web.problems import page_router
from twinline.web.stops import Stopped
from twinline.withdrawals import actions as withdrawals

router = page_router()

ENTRIES = 25
"""Deployments on a page."""

DIVERGENCES = 20
SUSPECTS = 6
LOOK_BACK = 100
"""Deployments in which it is looked for what changed last."""

DAY = timedelta(days=1)


class Moment(NamedTuple):
    """What was live at a moment that was asked for."""

    at: datetime
    live: Deployment | None
    note: str


class Evidence(NamedTuple):
    """What is known of the pair that is live."""

    bundle: Bundle
    pairing: Pairing | None
    evaluations: tuple[Evaluation, ...]
    missing: tuple[MissingEvaluation, ...]


class Entry(NamedTuple):
    """A deployment, and where it leads to deploy its bundle or its policy again; empty: its
    policy is what is live, or a newer deployment leads there."""

    entry: TimelineEntry
    back: str


class SlotPage(Page, template="slot.html"):
    """A slot."""

    slot: Slot = Field(description="A route in an environment, and what is live there.")
    owner: Ownership | None = Field(description="Whom to tell about this slot.")
    stopped: tuple[Stopped, ...] = Field(
        description="The kill switches in force that reach this slot."
    )
    withdrawn: tuple[Withdrawal, ...] = Field(
        description="What is recalled or retired of what is live here, or of what that came from."
    )
    chosen: str = Field(description="The moment that you typed; empty is now.")
    refused: str = Field(description="What is wrong with the moment that you typed.")
    then: Moment | None = Field(description="What was live at the moment that you chose.")
    lines: tuple[Line, ...] = Field(
        title="Who gets what",
        description="The live policy in words. Its lines are tried from above; the first that is "
        "meant serves.",
    )
    day: Service = Field(
        title="The last 24 hours",
        description="What this slot served since 24 hours ago, counted from the beginning of that "
        "hour. Latencies are within 5 %; cost and score are of the requests that told them.",
    )
    known: Evidence | None = Field(
        title="Evidence",
        description="What is known of the pair that is live: whether it was declared to go "
        "together, how it and its sides were evaluated, and which suites this slot requires that "
        "it has not passed.",
    )
    divergences: tuple[Divergence, ...] = Field(
        description="Requests of the last 24 hours that were not served as declared, and whether "
        "anybody asks this slot at all."
    )
    suspects: tuple[Suspect, ...] = Field(
        title="What changed last",
        description="The newest change on each side before now; what reaches requests comes first.",
    )
    not_looked_at: str = Field(description="Where it was not looked for what changed last.")
    entries: tuple[Entry, ...] = Field(
        title="Deployments",
        description="The slot's history, the newest first: what each changed against the one "
        "before, how long it was live, and the requests that name it.",
    )
    picture: Markup = Field(
        description="What was live when, in the 28 days with the moment in them; the filled one "
        "was live at the moment of the dashed line."
    )
    older: str = Field(description="Leads to the deployments before these.")
    changed_since: str = Field(
        title="Since the last deployment",
        description="Leads to all that changed since before the last deployment.",
    )

    @property
    def title(self) -> str:
        """The slot's name."""
        return self.slot.ref.short

    @property
    def field(self) -> str:
        """What the field of the moment holds."""
        return forms.field_moment(self.then.at) if self.then else self.chosen


@router.get("/slots/{slot:path}")
def show(
    by: Reader,
    slot: str,
    at: str = "",
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> Response:
    """A slot."""
    ref, refused, status = SlotRef.parse(slot), "", 200
    with by.reading() as tx:
        found, then = deployments.read_slot(tx, ref), None
        try:
            moment = forms.moment(at, "At")
            then = _moment(tx, found, moment) if moment else None
        except Invalid as error:
            refused, status = error.detail, error.status
        page = _page(tx, found, cursor, chosen=at.strip(), refused=refused, then=then)
    return rendering.answer(by, page, status)


def _page(
    tx: Reading, slot: Slot, cursor: str | None, *, chosen: str, refused: str, then: Moment | None
) -> SlotPage:
    live, ref, now = slot.live, slot.ref, access.now(tx)
    found = timeline.page(tx, ref, cursor=cursor, limit=ENTRIES)
    policy = read_policy(live.policy) if live else None
    blamed = blame.before(tx, live, now, LOOK_BACK) if live else None
    return SlotPage(
        slot=slot,
        owner=next(iter(owners.of(tx, [ref])), None),
        stopped=tuple(stops.reaching(tx, ref, live)),
        withdrawn=tuple(_withdrawn(tx, policy)) if policy else (),
        chosen=chosen,
        refused=refused,
        then=then,
        lines=policies.lines(policy, timeline.named_by(tx, [live])) if policy and live else (),
        day=inferences.served_since(tx, ref, now - DAY),
        known=_known(tx, live) if live else None,
        divergences=_divergences(tx, ref, now),
        suspects=blamed.suspects[:SUSPECTS] if blamed else (),
        not_looked_at=(blamed.left_out or "") if blamed else "",
        entries=tuple(_entries(found.items, live)),
        picture=pictures.timelines(
            bands.times(
                tx,
                [slot],
                title=f"What was live in {ref.short} when",
                at=then.at if then else now,
                days=bands.DAYS,
                now=now,
            )
        ),
        older=addresses.asked(addresses.slot(ref.short), cursor=found.next) if found.next else "",
        changed_since=addresses.changed_since(live) if live else "",
    )


def _moment(tx: Reading, slot: Slot, at: datetime) -> Moment:
    now = access.now(tx)
    live = deployments.live_or_none(tx, slot.ref, at)
    if at > now:
        return Moment(at, live, "That is still to come; this is what is live now.")
    if live:
        return Moment(at, live, "")
    if at < slot.created_at:
        return Moment(at, None, f"The slot is there since {rendering.minute(slot.created_at)}.")
    return Moment(at, None, "Nothing was live then.")


def _withdrawn(tx: Reading, policy: Policy) -> Iterator[Withdrawal]:
    """Each once, however many of the policy's bundles came from it."""
    found = withdrawals.against_any(tx, policy.bundles())
    every = {one.number: one for why in found.values() for one in why}
    yield from (one for _, one in sorted(every.items()))


def _known(tx: Reading, live: Deployment) -> Evidence:
    bundle = bundles.read(tx, live.bundle)
    return Evidence(
        bundle=bundle,
        pairing=bundles.pairing(tx, live.model, live.prompt),
        evaluations=evaluations.newest_of_all(tx, [bundle.ref, live.prompt, live.model]),
        missing=requirements.missing_of_all(tx, live.slot, read_policy(live.policy).bundles()),
    )


def _divergences(tx: Reading, ref: SlotRef, now: datetime) -> tuple[Divergence, ...]:
    """Since a whole hour, so that counts by the hour are enough."""
    since = (now - DAY).replace(minute=0, second=0, microsecond=0)
    asked = Asked(ref.environment, since, UNSEEN_HOURS, route=ref.route)
    return divergences.find(tx, asked, DIVERGENCES).items


def _entries(found: Iterable[TimelineEntry], live: Deployment | None) -> Iterator[Entry]:
    """A way back to each bundle that is not the live default, and to each other policy with
    the one that is, at the newest deployment of it."""
    seen = set[BundleRef | str]()
    for one in found:
        made = one.deployment
        same = live is not None and made.bundle == live.bundle
        what = made.digest if same else made.bundle
        back = proposals.again(live, made) if live and what not in seen else ""
        seen.add(what)
        yield Entry(one, back)
