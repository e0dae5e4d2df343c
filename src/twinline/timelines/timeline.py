"""A slot's history, with what each deployment changed and served."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from twinline.access import actions as access
from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.inferences import actions as inferences
from twinline.language import cursors
from twinline.language.errors import NotFound
from twinline.language.records import (
    Bundle,
    Deployment,
    LiveAt,
    Page,
    Slot,
    TimelineEntry,
)
from twinline.language.refs import BundleRef, DeploymentRef, SlotRef
from twinline.routing.policy import read_policy
from twinline.timelines import rules
from twinline.timelines.rules import State


class LivePage(NamedTuple):
    """Some of the slots that were asked for, how many there are in all, and what is to be said
    of an environment in which nothing was live."""

    slots: tuple[Slot, ...]
    total: int
    note: str | None


def live_at(tx: Reading, environment: str, at: datetime | None) -> LiveAt:
    """What was live in every slot of an environment at a moment; default: now.

    Raises:
        NotFound: no slot is in an environment of that name.
    """
    moment = at or access.now(tx)
    slots = deployments.slots_at(tx, environment, moment)
    note = None
    if not any(slot.live for slot in slots):
        note = _note(environment, deployments.live_since(tx, environment))
    return LiveAt(environment=environment, at=moment, slots=slots, note=note)


def live_page_at(
    tx: Reading, environment: str, at: datetime, part: str, *, offset: int, limit: int
) -> LivePage:
    """As `live_at`, of up to ``limit`` slots whose route holds ``part`` after the first
    ``offset`` of them.

    Raises:
        NotFound: no slot is in an environment of that name.
    """
    slots = deployments.slots_page_at(tx, environment, at, part, offset=offset, limit=limit)
    note = None
    if not any(slot.live for slot in slots):
        first = deployments.live_since(tx, environment)
        note = _note(environment, first) if first is None or first > at else None
    total = deployments.count_at(tx, environment, at, part)
    return LivePage(slots=slots, total=total, note=note)


def page(tx: Reading, ref: SlotRef, *, cursor: str | None, limit: int) -> Page[TimelineEntry]:
    """A slot's deployments with what each changed and served, the newest first.

    Raises:
        NotFound: there is no such slot.
    """
    listing = f"timeline of {ref.short}"
    before = cursors.decode(listing, cursor, int)
    found = deployments.entries(tx, ref, before=before, limit=limit + 1)
    if not found:
        deployments.read_slot(tx, ref)
    entries = _entries(tx, ref, found, limit)
    return cursors.page(listing, entries, limit, lambda last: last.deployment.number)


def entry(tx: Reading, ref: DeploymentRef) -> TimelineEntry:
    """One deployment with what it changed and served.

    Raises:
        NotFound: there is no such slot, or no deployment of this number in it.
    """
    found = deployments.entries(tx, ref.slot, before=ref.number + 1, limit=2)
    if not found or found[0].number != ref.number:
        newest = deployments.read_slot(tx, ref.slot).live
        there = f"its newest is {newest.number}" if newest else "nothing was ever deployed to it"
        raise NotFound(
            f"{ref.slot.short} has no deployment {ref.number}; {there}.",
            kind="deployment",
            name=str(ref),
        )
    return _entries(tx, ref.slot, found, 1)[0]


def state(deployment: Deployment, known: Mapping[BundleRef, Bundle]) -> State:
    """What a slot served by default under a deployment."""
    return State(
        policy=read_policy(deployment.policy),
        prompt=deployment.prompt,
        model=deployment.model,
        parameters=known[deployment.bundle].parameters,
    )


def named_by(tx: Reading, found: Iterable[Deployment]) -> dict[BundleRef, Bundle]:
    """Every bundle that the policies of these deployments name."""
    policies = {one.digest: one.policy for one in found}
    refs = {ref for policy in policies.values() for ref in read_policy(policy).bundles()}
    return bundles.read_all(tx, refs)


def _note(environment: str, first: datetime | None) -> str:
    if first is None:
        return f"Nothing was ever live in {environment}."
    said = f"{first:%Y-%m-%d %H:%M:%S}Z"
    return f"Nothing was live in {environment} then; the first deployment is of {said}."


def _entries(
    tx: Reading, ref: SlotRef, found: Sequence[Deployment], limit: int
) -> list[TimelineEntry]:
    """Entries of the first ``limit`` deployments; one more tells what the last changed."""
    if not found:
        return []
    shown = found[:limit]
    known = bundles.read_all(tx, {one.bundle for one in found})
    states = [state(one, known) for one in found]
    older = [*states[1:], None]
    service = inferences.served_by_deployment(tx, ref, [one.number for one in shown])
    newer = deployments.find(tx, DeploymentRef(ref, found[0].number + 1))
    ends = [newer.at if newer else None, *(one.at for one in shown)]
    return [
        TimelineEntry(
            deployment=one,
            until=end,
            live_seconds=(end - one.at).total_seconds() if end else None,
            changed=rules.deployments(older[place], states[place]),
            service=service[one.number],
        )
        for place, (one, end) in enumerate(zip(shown, ends, strict=False))
    ]
