"""Count and list the requests of a part of the ledger.

Counts come from the rollups, in constant time; lists come from the facts, newest first,
one day of the ledger after the other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.environments import actions as environments
from twinline.inferences import identities, rollups, store
from twinline.inferences.actions import read_all
from twinline.inferences.rollups import NO_TALLY as NO_TALLY
from twinline.inferences.selections import (
    DAY,
    FIRST,
    HOUR,
    LAST,
    Part,
    Scope,
    Selection,
    apart,
    day_of,
    hour_of,
    whole_hours,
)
from twinline.language import cursors
from twinline.language.errors import Invalid
from twinline.language.ids import AFTER_ALL, BEFORE_ALL, first_id, made_at
from twinline.language.nearest import not_found
from twinline.language.records import AffectedDecision, Inference, Page, RequestFilter, Tally
from twinline.language.refs import SlotRef

MANY = 100
"""Parts from which on it is worth looking at the last requests of all for theirs, before
each is asked for its newest."""


LOOKS = 2
"""How many times a glance looks."""

LOOKED_THROUGH = 2_000
"""Requests of a few parts among which those with a status or a score are looked for at a glance."""


class LookedFor(NamedTuple):
    """Requests, the newest first, as far as they were looked for: back to a moment (None: to
    the end, or as many as were wanted), from where the next page goes on."""

    page: Page[Inference]
    looked_to: datetime | None


@dataclass(frozen=True)
class Counts:
    """What a part of the ledger counts, from ``begin`` to ``end`` in whole hours (None: ever,
    and until now); slots and days, the busiest slot first (None: requests in no slot)."""

    begin: datetime | None
    end: datetime | None
    total: Tally
    days: dict[datetime, Tally]
    slots: dict[SlotRef | None, Tally]
    arms: dict[tuple[SlotRef, str, str], Tally]


def count(tx: Reading, scope: Scope, wanted: RequestFilter) -> Counts:
    """Requests, errors and what else the rollups hold, by whole hours.

    Raises:
        Invalid: the filter asks what came of single requests, or ends before it begins.
    """
    if wanted.by_measure:
        raise Invalid(
            "Counts take no status and no score: errors and scores are counted beside the "
            "requests. List the requests to filter by them.",
            field="status" if wanted.status else "score_min",
        )
    _refuse_backwards(wanted)
    bounded = wanted.begin is not None or wanted.end is not None
    hours = whole_hours(wanted.begin or FIRST, wanted.end or LAST) if bounded else None
    found = rollups.tallies(tx, select(tx, scope, wanted), hours)
    return Counts(
        begin=hours.begin if hours and wanted.begin else None,
        end=hours.end if hours and wanted.end else None,
        total=found.total,
        days=found.days,
        slots=found.slots,
        arms=found.arms,
    )


def page(
    tx: Reading,
    scope: Scope,
    wanted: RequestFilter,
    *,
    listing: str,
    cursor: str | None,
    limit: int,
) -> Page[Inference]:
    """The requests, the newest first; ``listing`` names the list.

    Raises:
        Invalid: the cursor is of another list, or the filter ends before it begins.
    """
    before = cursors.decode_id(listing, cursor)
    items = newest(tx, scope, wanted, before=before, limit=limit)
    return cursors.page(listing, items, limit, lambda one: str(one.id))


def glance(
    tx: Reading,
    scope: Scope,
    wanted: RequestFilter,
    *,
    listing: str,
    cursor: str | None,
    limit: int,
) -> LookedFor:
    """A page of the same list as `page`, for somebody who waits: a status or a score that is
    rare is looked for among the newest requests, then where the rollups say that there is
    one, and the next page goes on from there.

    Raises:
        Invalid: as for `page`.
    """
    if not wanted.by_measure:
        whole = page(tx, scope, wanted, listing=listing, cursor=cursor, limit=limit)
        return LookedFor(whole, None)
    _refuse_backwards(wanted)
    begin, before = _bounds(wanted, cursors.decode_id(listing, cursor))
    part = select(tx, scope, wanted)
    ids: list[UUID] = []
    further: UUID | None = before
    for _ in range(LOOKS):
        found, seen = _look(tx, part, wanted, begin, further, limit - len(ids))
        ids += found
        if len(ids) == limit:
            return LookedFor(Page(items=read_all(tx, ids), next=_at(listing, ids[-1])), None)
        further = _further(tx, part, wanted, begin, seen) if seen else None
        if further is None:
            return LookedFor(Page(items=read_all(tx, ids)), None)
    return LookedFor(Page(items=read_all(tx, ids), next=_at(listing, further)), made_at(further))


def _at(listing: str, id: UUID) -> str:
    return cursors.encode(listing, str(id))


def _look(
    tx: Reading, part: Selection, wanted: RequestFilter, begin: UUID, before: UUID, limit: int
) -> tuple[Sequence[UUID], UUID | None]:
    """Those requests among the newest, by id, and down to which id was looked (None: to the
    last)."""
    if _is_many(part):
        ids = store.newest_among_recent(tx, part, wanted, begin=begin, before=before, limit=limit)
        return ids, store.oldest_of_recent(tx, begin=begin, before=before)
    stretches = days(tx, part, wanted, begin, before)
    among = _each(tx, part, wanted.whatever_came(), stretches, LOOKED_THROUGH)
    seen = among[-1] if len(among) == LOOKED_THROUGH else None
    return store.measured(tx, among, wanted, limit), seen


def _further(
    tx: Reading, part: Selection, wanted: RequestFilter, begin: UUID, seen: UUID
) -> UUID | None:
    """Below which id it is worth looking on when everything down to ``seen`` was looked at:
    there, or at the end of the next hour that has such requests; None when none has."""
    last = hour_of(made_at(seen))
    for day in _days_before(tx, part, wanted, begin, day_of(last)):
        hours = (max(day, hour_of(made_at(begin))), min(day + DAY - HOUR, last))
        hour = rollups.newest_hour(tx, part, *hours, **_counted(wanted))
        if hour:
            return min(seen, first_id(hour + HOUR))
    return None


def newest(
    tx: Reading, scope: Scope, wanted: RequestFilter, *, before: UUID, limit: int
) -> tuple[Inference, ...]:
    """The newest requests whose id is below ``before``."""
    _refuse_backwards(wanted)
    part = select(tx, scope, wanted)
    begin, before = _bounds(wanted, before)
    if _is_many(part):
        recent = store.newest_among_recent(
            tx, part, wanted, begin=begin, before=before, limit=limit
        )
        if len(recent) == limit:
            return read_all(tx, recent)
    stretches = days(tx, part, wanted, begin, before)
    return read_all(tx, _each(tx, part, wanted, stretches, limit))


def _is_many(part: Selection) -> bool:
    return len(part.parts) > MANY and part.whole


def _each(
    tx: Reading,
    part: Selection,
    wanted: RequestFilter,
    stretches: Iterable[tuple[UUID, UUID]],
    limit: int,
) -> Sequence[UUID]:
    """The newest requests, by id, in one stretch after another until they are enough."""
    ids: list[UUID] = []
    for first, end in stretches:
        left = limit - len(ids)
        ids += store.newest_ids(tx, part, wanted, begin=first, before=end, limit=left)
        if len(ids) == limit:
            break
    return ids


def decisions(
    tx: Reading,
    scope: Scope,
    wanted: RequestFilter,
    *,
    listing: str,
    cursor: str | None,
    limit: int,
) -> Page[AffectedDecision]:
    """The decisions that the requests carry, each once, in the order of their references.

    Raises:
        Invalid: the cursor is of another list, or the filter ends before it begins.
    """
    _refuse_backwards(wanted)
    items = store.decisions(
        tx,
        select(tx, scope, wanted),
        wanted,
        begin=first_id(wanted.begin) if wanted.begin else BEFORE_ALL,
        before=first_id(wanted.end) if wanted.end else AFTER_ALL,
        after=cursors.decode(listing, cursor, str) or "",
        limit=limit,
    )
    return cursors.page(listing, items, limit, lambda one: one.decision)


def places(
    tx: Reading, scope: Scope, wanted: RequestFilter
) -> tuple[Selection, list[tuple[UUID, UUID]]]:
    """The part of the ledger that holds these requests, and its days, the newest first: the
    first id of each, and the first one after it.

    Raises:
        Invalid: the filter ends before it begins.
    """
    _refuse_backwards(wanted)
    part = select(tx, scope, wanted)
    return part, list(days(tx, part, wanted, *_bounds(wanted, AFTER_ALL)))


def everything(tx: Reading) -> Scope:
    """All that was ever served."""
    return Scope(bundles=tuple(identities.every_bundle(tx)))


def select(tx: Reading, scope: Scope, wanted: RequestFilter) -> Selection:
    """The part of the ledger that holds these requests."""
    parts = [Part(id) for id in scope.bundles]
    if scope.slots:
        slots = [identities.slot_id(tx, ref) or -1 for ref in scope.slots]
        parts += rollups.served_in(tx, slots, None)
    for one in scope.deployments:
        parts += rollups.served_in(tx, [identities.slot_id(tx, one.slot) or -1], [one.number])
    return Selection(apart(parts), _only(tx, wanted))


def _only(tx: Reading, wanted: RequestFilter) -> tuple[int, ...] | None:
    """The slots that a filter leaves; a wrong name is no slot, not none of its requests."""
    if wanted.environment is None and wanted.slot is None:
        return None
    if wanted.slot is not None:
        deployments.read_slot(tx, wanted.slot)
    only = identities.slot_ids(tx, wanted.environment, wanted.slot)
    known = environments.versions(tx)
    if not only and wanted.environment is not None and wanted.environment not in known:
        raise not_found("environment", wanted.environment, list(known))
    return tuple(only)


def days(
    tx: Reading, part: Selection, wanted: RequestFilter, begin: UUID, before: UUID
) -> Iterator[tuple[UUID, UUID]]:
    """Where such requests may be, day by day, the newest first: the first id of each
    stretch, and the first one after it.

    The newest day is looked at in any case, and the rollups are asked for the others when
    it did not hold enough.
    """
    newest = day_of(min(made_at(before), datetime.now(UTC)))
    yield max(first_id(newest), begin), before
    for day in _days_before(tx, part, wanted, begin, newest - DAY):
        first, end = max(first_id(day), begin), min(first_id(day + DAY), before)
        if first < end:
            yield first, end


def _days_before(
    tx: Reading, part: Selection, wanted: RequestFilter, begin: UUID, before: datetime
) -> Sequence[datetime]:
    """The days with such requests, by the rollups, ``before`` itself included, the newest first."""
    begun = day_of(made_at(begin))
    return rollups.days_before(tx, part, before=before, begin=begun, **_counted(wanted))


def _counted(wanted: RequestFilter) -> dict[str, bool]:
    """What the rollups can say of the status and score that are wanted."""
    return {
        "errors": wanted.status == "error",
        "scored": (wanted.score_min, wanted.score_max) != (None, None),
    }


def _bounds(wanted: RequestFilter, before: UUID) -> tuple[UUID, UUID]:
    begin = first_id(wanted.begin) if wanted.begin else BEFORE_ALL
    return begin, min(before, first_id(wanted.end)) if wanted.end else before


def _refuse_backwards(wanted: RequestFilter) -> None:
    if wanted.begin and wanted.end and wanted.begin >= wanted.end:
        raise Invalid(
            f"The time ends ({wanted.end.isoformat()}) before it begins "
            f"({wanted.begin.isoformat()}).",
            field="to",
            value=wanted.end.isoformat(),
        )
