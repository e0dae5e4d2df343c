"""Where what was observed is not what was declared.

Counts come from the rollups by hour; facts are counted only in the hours in which a
border lies: the beginning of the time asked for, or the end of a deployment. So every
count is that of the facts.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import RowMapping

from twinline.access import actions as access
from twinline.db.session import Reading
from twinline.language.records import Divergence, DivergenceKind, Divergences
from twinline.language.refs import BundleRef, DeploymentRef, SlotRef
from twinline.routing.policy import read_policy
from twinline.timelines import observed, store
from twinline.timelines.observed import ALWAYS, Found, Piece, Seen, Span, Wrong

DAY = timedelta(days=1)
GRACE_SECONDS = 60.0
"""How long requests may still name a deployment that was replaced: it has to reach every
process first. Before it as well, because clocks differ."""

UNSEEN_HOURS = 24.0
GLANCE = timedelta(hours=1)
"""How far before this hour a glance reaches."""


@dataclass(frozen=True)
class Asked:
    """Where to look, from when on, and what is tolerated."""

    environment: str | None = None
    since: datetime | None = None
    hours: float = UNSEEN_HOURS
    grace_seconds: float = GRACE_SECONDS
    route: str | None = None


@dataclass(frozen=True)
class Histories:
    """What was declared: the deployments that requests name, and those of a time."""

    named: Mapping[tuple[int, int], Span]
    of_slot: Mapping[int, Sequence[Span]]
    digests: Mapping[int, BundleRef]


def find(tx: Reading, asked: Asked, limit: int) -> Divergences:
    """What diverges since a moment (default: a day ago), with exact counts."""
    now = access.now(tx)
    since = asked.since or now - DAY
    found = observed.together(_found(tx, asked, since))
    before = now - timedelta(hours=asked.hours)
    unseen = _unseen(store.unseen(tx, asked.environment, asked.route, before), now)
    items = (*_told(tx, found, asked.grace_seconds), *unseen)
    counts: dict[DivergenceKind, int] = {**observed.counts(found)}
    if unseen:
        counts["not-seen"] = len(unseen)
    return Divergences(
        environment=asked.environment,
        since=since,
        until=now,
        grace_seconds=asked.grace_seconds,
        hours=asked.hours,
        counts=counts,
        items=items[:limit],
        left_out=max(0, len(items) - limit),
    )


def glance(tx: Reading, slots: Collection[SlotRef]) -> tuple[Divergence, ...]:
    """What the counts of this hour and the last tell of these slots, without a look at any
    request: groups that are not as declared as a whole. `find` counts also those that a
    deployment cut."""
    since = access.now(tx).replace(minute=0, second=0, microsecond=0) - GLANCE
    groups = store.groups_of(tx, slots, since)
    histories = _histories(tx, groups, since)
    grace = timedelta(seconds=GRACE_SECONDS)
    found = [
        one
        for seen in groups
        for one in observed.judge(seen, _wrongs(histories, seen, grace), since)
        if isinstance(one, Found)
    ]
    return tuple(_told(tx, observed.together(found), GRACE_SECONDS))


def unseen(tx: Reading, slots: Collection[SlotRef]) -> tuple[Divergence, ...]:
    """Those of these slots in which something is live since a day ago, and that nobody asked
    for so long."""
    now = access.now(tx)
    return _unseen(store.unseen_of(tx, slots, now - timedelta(hours=UNSEEN_HOURS)), now)


def _found(tx: Reading, asked: Asked, since: datetime) -> Iterator[Found]:
    """Whole groups first; of those that are cut, hours; of hours that are cut, the facts."""
    groups = store.groups(tx, asked.environment, asked.route, since)
    histories = _histories(tx, groups, since)
    grace = timedelta(seconds=asked.grace_seconds)
    cut: list[Seen] = []
    for seen in groups:
        judged = list(observed.judge(seen, _wrongs(histories, seen, grace), since))
        if any(isinstance(one, Piece) for one in judged):
            cut.append(seen)
        else:
            yield from (one for one in judged if isinstance(one, Found))
    pieces: list[Piece] = []
    for seen in store.hours(tx, cut, since):
        for one in observed.judge(seen, _wrongs(histories, seen, grace), since):
            if isinstance(one, Found):
                yield one
            else:
                pieces.append(one)
    yield from _counted(tx, pieces)


def _counted(tx: Reading, pieces: Sequence[Piece]) -> Iterator[Found]:
    for place, (requests, first_at, last_at) in store.count_facts(tx, pieces).items():
        piece = pieces[place]
        counted = replace(piece.seen, requests=requests, first_at=first_at, last_at=last_at)
        yield Found(counted, piece.wrong)


def _wrongs(histories: Histories, seen: Seen, grace: timedelta) -> Iterator[Wrong]:
    bundle = histories.digests[seen.bundle]
    if seen.deployment:
        span = histories.named[seen.slot, seen.deployment]
        return observed.wrong_under(span, bundle, grace)
    return observed.wrong_within(histories.of_slot.get(seen.slot, ()), bundle)


def _histories(tx: Reading, groups: Sequence[Seen], since: datetime) -> Histories:
    """The deployments that these groups are held against."""
    begins: dict[int, datetime] = {}
    for seen in groups:
        if not seen.deployment:
            first = max(since, seen.first_at)
            begins[seen.slot] = min(first, begins.get(seen.slot, first))
    named = store.named(
        tx, sorted({(one.slot, one.deployment) for one in groups if one.deployment})
    )
    of_time = store.since(tx, list(begins.items()))
    one_of_each = {row["digest"]: (row["slot"], row["number"]) for row in (*named, *of_time)}
    serves = {
        digest: observed.serves(read_policy(document))
        for digest, document in store.policies(tx, list(one_of_each.values())).items()
    }
    starts: dict[int, list[tuple[int, datetime, frozenset[BundleRef]]]] = {}
    for row in of_time:
        start = (row["number"], row["begins"], serves[row["digest"]])
        starts.setdefault(row["slot"], []).append(start)
    return Histories(
        named={
            (row["slot"], row["number"]): Span(
                row["number"], row["begins"], row["ends"] or ALWAYS[1], serves[row["digest"]]
            )
            for row in named
        },
        of_slot={slot: observed.spans(each) for slot, each in starts.items()},
        digests=_bundles(tx, groups),
    )


def _bundles(tx: Reading, groups: Iterable[Seen]) -> dict[int, BundleRef]:
    found = store.digests(tx, sorted({one.bundle for one in groups}))
    return {id: BundleRef(digest) for id, digest in found.items()}


def _told(tx: Reading, found: Sequence[Found], grace_seconds: float) -> Iterator[Divergence]:
    rows = store.slots(tx, sorted({one.seen.slot for one in found}))
    slots = {row["id"]: SlotRef(row["route"], row["environment"]) for row in rows}
    bundles = _bundles(tx, (one.seen for one in found))
    for one in found:
        slot, number = slots[one.seen.slot], one.wrong.against
        yield Divergence(
            kind=one.wrong.kind,
            slot=slot,
            deployment=DeploymentRef(slot, number) if number else None,
            bundle=bundles[one.seen.bundle],
            requests=one.seen.requests,
            first_at=one.seen.first_at,
            last_at=one.seen.last_at,
            off_seconds=observed.off_seconds(one),
            detail=observed.detail(one, grace_seconds),
        )


def _unseen(rows: Iterable[RowMapping], now: datetime) -> tuple[Divergence, ...]:
    return tuple(
        Divergence(
            kind="not-seen",
            slot=slot,
            deployment=DeploymentRef(slot, row["number"]),
            bundle=None,
            requests=0,
            first_at=None,
            last_at=row["last_at"],
            off_seconds=(now - (row["last_at"] or row["live_since"])).total_seconds(),
            detail="something is live, and no request came",
        )
        for row in rows
        for slot in [SlotRef(row["route"], row["environment"])]
    )
