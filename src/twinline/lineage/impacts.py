"""Count and list what a node touched, and foresee what a change would touch."""

from collections.abc import Sequence
from datetime import timedelta

from twinline.access import actions as access
from twinline.db.session import Reading
from twinline.deployments import owners
from twinline.inferences import affected
from twinline.inferences import arrivals as incoming
from twinline.inferences.affected import Counts, LookedFor
from twinline.inferences.selections import Scope
from twinline.language.errors import Invalid
from twinline.language.records import (
    AffectedDecision,
    ArmImpact,
    Arrivals,
    DayImpact,
    Impact,
    Inference,
    Page,
    RequestFilter,
    SlotImpact,
)
from twinline.language.refs import SlotRef
from twinline.lineage.reaches import Reach, reach
from twinline.lineage.store import Window

LATELY = timedelta(hours=24)


def impact(tx: Reading, text: str, wanted: RequestFilter) -> Impact:
    """Everything downstream of a node, counted from the rollups in constant time.

    Raises:
        InvalidReference: ``text`` is no reference.
        NotFound: there is no such node.
        Invalid: the filter asks what came of single requests, or ends before it begins.
    """
    found = reach(tx, text, Window(wanted.begin, wanted.end))
    counts = affected.count(tx, found.scope, wanted)
    live = tuple(slot for slot in found.live if _meant(slot, wanted))
    touched = [slot for slot in counts.slots if slot is not None]
    places = dict.fromkeys([*live, *touched])
    return Impact(
        root=str(found.root),
        begin=counts.begin,
        end=counts.end,
        bundles=len(found.bundles),
        deployments=len(found.deployments),
        service=counts.total,
        routes=tuple(sorted({slot.route for slot in places})),
        environments=tuple(sorted({slot.environment for slot in places})),
        slots=_slots(counts, live),
        live=live,
        days=tuple(
            DayImpact(day=day, requests=tally.requests, errors=tally.errors)
            for day, tally in counts.days.items()
        ),
        arms=tuple(
            ArmImpact(slot=slot, rule=rule, arm=arm, service=tally)
            for (slot, rule, arm), tally in counts.arms.items()
        ),
        owners=owners.of(tx, places),
    )


def scope(tx: Reading, text: str, wanted: RequestFilter) -> Scope:
    """The part of the ledger that is downstream of a node.

    Raises:
        InvalidReference: ``text`` is no reference.
        NotFound: there is no such node.
    """
    return reach(tx, text, Window(wanted.begin, wanted.end)).scope


def requests(
    tx: Reading, text: str, wanted: RequestFilter, *, cursor: str | None, limit: int
) -> Page[Inference]:
    """The requests downstream of a node, the newest first.

    Raises:
        InvalidReference: ``text`` is no reference.
        NotFound: there is no such node.
        Invalid: the cursor is of another list, or the filter ends before it begins.
    """
    found = reach(tx, text, Window(wanted.begin, wanted.end))
    listing = _listing("inferences", found, wanted)
    return affected.page(tx, found.scope, wanted, listing=listing, cursor=cursor, limit=limit)


def scope_of_all(tx: Reading, nodes: Sequence[str], wanted: RequestFilter) -> Scope:
    """The part of the ledger that is downstream of each of these nodes; without any, all that
    was served, or all that the slot of the filter served.

    Raises:
        InvalidReference: one is no reference.
        NotFound: there is no such node.
        Invalid: of several, one leads to slots or deployments.
    """
    match nodes:
        case []:
            return Scope(slots=(wanted.slot,)) if wanted.slot else affected.everything(tx)
        case [node]:
            return scope(tx, node, wanted)
        case _:
            return Scope(bundles=_bundles_of_all(tx, nodes))


def requests_of_all(
    tx: Reading, nodes: Sequence[str], wanted: RequestFilter, *, cursor: str | None, limit: int
) -> LookedFor:
    """The requests that are downstream of each of these nodes, the newest first; all requests
    without any. At a glance: `LookedFor` says how far was looked.

    Raises:
        InvalidReference: one is no reference.
        NotFound: there is no such node, slot or environment.
        Invalid: of several, one leads to slots or deployments; the cursor is of another list,
            or the filter ends before it begins.
    """
    part = scope_of_all(tx, nodes, wanted)
    asked = f"{' and '.join(nodes)} {wanted.model_dump_json(exclude_none=True)}"
    listing = f"inferences of all of {asked}"
    return affected.glance(tx, part, wanted, listing=listing, cursor=cursor, limit=limit)


def arrivals(
    tx: Reading,
    nodes: Sequence[str],
    wanted: RequestFilter,
    late: timedelta,
    *,
    cursor: str | None,
    last: int,
    limit: int,
) -> Arrivals:
    """What arrived since the cursor of bundles that are downstream of all these nodes.

    Raises:
        InvalidReference: one is no reference.
        NotFound: there is no such node, slot or environment.
        Invalid: one leads to slots or deployments, or the cursor is none of ours or too old.
    """
    bundles = set(_bundles_of_all(tx, nodes)) if nodes else None
    question = incoming.Wanted(wanted, bundles, late)
    return incoming.arrivals(tx, question, cursor=cursor, last=last, limit=limit)


def _bundles_of_all(tx: Reading, nodes: Sequence[str]) -> tuple[int, ...]:
    each = [set(_bundles_alone(tx, node)) for node in nodes]
    return tuple(sorted(each[0].intersection(*each)))


def _bundles_alone(tx: Reading, node: str) -> tuple[int, ...]:
    found = reach(tx, node)
    if places := [*found.scope.slots, *found.scope.deployments]:
        raise Invalid(
            f"{node!r} stands for all that {places[0]} served, and arrivals are selected by "
            "bundles: ask for a slot with slot=ROUTE@ENVIRONMENT instead of a node, or list "
            "what is here already with /impact/inferences.",
            field="node",
            value=node,
        )
    return found.bundles


def decisions(
    tx: Reading, text: str, wanted: RequestFilter, *, cursor: str | None, limit: int
) -> Page[AffectedDecision]:
    """The decisions downstream of a node, each once, by their references.

    Raises:
        InvalidReference: ``text`` is no reference.
        NotFound: there is no such node.
        Invalid: the cursor is of another list, or the filter ends before it begins.
    """
    found = reach(tx, text, Window(wanted.begin, wanted.end))
    listing = _listing("decisions", found, wanted)
    return affected.decisions(tx, found.scope, wanted, listing=listing, cursor=cursor, limit=limit)


def lately(tx: Reading, found: Reach) -> tuple[SlotImpact, ...]:
    """What was served in the slots where it is live, in the last 24 hours."""
    since = access.now(tx) - LATELY
    counts = affected.count(tx, found.scope, RequestFilter(begin=since))
    return tuple(one for one in _slots(counts, found.live) if one.live)


def _slots(counts: Counts, live: tuple[SlotRef, ...]) -> tuple[SlotImpact, ...]:
    silent = [slot for slot in live if slot not in counts.slots]
    live_now = set[SlotRef | None](live)
    served = [
        SlotImpact(slot=slot, live=slot in live_now, service=tally)
        for slot, tally in counts.slots.items()
    ]
    unseen = [SlotImpact(slot=slot, live=True, service=affected.NO_TALLY) for slot in silent]
    return (*served, *unseen)


def _listing(what: str, found: Reach, wanted: RequestFilter) -> str:
    """The name of a list: a cursor belongs to one node and one filter."""
    return f"{what} affected by {found.root} {wanted.model_dump_json(exclude_none=True)}"


def _meant(slot: SlotRef, wanted: RequestFilter) -> bool:
    return wanted.environment in (None, slot.environment) and wanted.slot in (None, slot)
