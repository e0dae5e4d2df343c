"""What was observed, and when what was declared, in SQL."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, text

from twinline.db.session import Reading
from twinline.language.ids import first_id
from twinline.language.refs import SlotRef
from twinline.timelines.observed import Piece, Seen

_MILLISECOND = timedelta(milliseconds=1)

_WITHIN = """(cast(:environment as text) is null or slot.environment = :environment)
    and (cast(:route as text) is null or slot.route = :route)"""
_AMONG = """(slot.route, slot.environment) in (
        select * from unnest(cast(:routes as text[]), cast(:environments as text[])))"""

_GROUPS = """
select r.slot_id as slot, r.deployment, r.bundle_id as bundle, sum(r.requests) as requests,
    min(r.first_at) as first_at, max(r.last_at) as last_at
from rollup_hour r join slot on slot.id = r.slot_id
where r.role = 0 and r.hour >= date_trunc('hour', cast(:since as timestamptz), 'UTC')
    and r.last_at >= :since and {which}
group by r.slot_id, r.deployment, r.bundle_id
"""
_GROUPS_WITHIN = text(_GROUPS.format(which=_WITHIN))
_GROUPS_AMONG = text(_GROUPS.format(which=_AMONG))
_HOURS = text("""
select r.slot_id as slot, r.deployment, r.bundle_id as bundle, sum(r.requests) as requests,
    min(r.first_at) as first_at, max(r.last_at) as last_at
from unnest(cast(:slots as bigint[]), cast(:deployments as integer[]), cast(:bundles as bigint[]))
    as wanted(slot, deployment, bundle)
join rollup_hour r on r.slot_id = wanted.slot and r.deployment = wanted.deployment
    and r.bundle_id = wanted.bundle
where r.role = 0 and r.hour >= date_trunc('hour', cast(:since as timestamptz), 'UTC')
    and r.last_at >= :since
group by r.slot_id, r.deployment, r.bundle_id, r.hour
""")
_FACTS = text("""
select wanted.place, count(*) as requests, min(found.at) as first_at, max(found.at) as last_at
from unnest(
    cast(:slots as bigint[]), cast(:deployments as integer[]), cast(:bundles as bigint[]),
    cast(:begins as timestamptz[]), cast(:ends as timestamptz[]),
    cast(:first_ids as uuid[]), cast(:last_ids as uuid[])
) with ordinality as wanted(slot, deployment, bundle, begins, ends, first_id, last_id, place)
cross join lateral (
    select i.at from inference i
    where i.bundle_id = wanted.bundle and i.id >= wanted.first_id and i.id < wanted.last_id
        and i.slot_id = wanted.slot and coalesce(i.deployment, 0) = wanted.deployment
        and i.role = 0 and i.at >= wanted.begins and i.at < wanted.ends
) found
group by wanted.place
""")
_NAMED = text("""
select made.slot_id as slot, made.number, made.at as begins, next.at as ends, made.digest
from unnest(cast(:slots as bigint[]), cast(:numbers as integer[])) as wanted(slot, number)
join deployment made on made.slot_id = wanted.slot and made.number = wanted.number
left join deployment next on next.slot_id = made.slot_id and next.number = made.number + 1
""")
_SINCE = text("""
select made.slot_id as slot, made.number, made.at as begins, made.digest
from unnest(cast(:slots as bigint[]), cast(:froms as timestamptz[])) as wanted(slot, begins)
cross join lateral (
    select coalesce(max(d.at), wanted.begins) as at from deployment d
    where d.slot_id = wanted.slot and d.at <= wanted.begins
) live
join deployment made on made.slot_id = wanted.slot and made.at >= live.at
order by made.slot_id, made.number
""")
_POLICIES = text("""
select distinct on (d.digest) d.digest, d.policy
from unnest(cast(:slots as bigint[]), cast(:numbers as integer[])) as wanted(slot, number)
join deployment d on d.slot_id = wanted.slot and d.number = wanted.number
order by d.digest
""")
_UNSEEN = """
select slot.route, slot.environment, live.number, first.at as live_since, seen.last_at
from slot
join deployment first on first.slot_id = slot.id and first.number = 1
cross join lateral (
    select max(number) as number from deployment where slot_id = slot.id
) live
cross join lateral (
    select max(last_at) as last_at from rollup_day r
    where r.slot_id = slot.id and r.role = 0 and r.day = (
        select max(day) from rollup_day where slot_id = slot.id and role = 0)
) seen
where coalesce(greatest(seen.last_at, first.at), first.at) < :before and {which}
order by slot.environment, slot.route
"""
_UNSEEN_WITHIN = text(_UNSEEN.format(which=_WITHIN))
_UNSEEN_AMONG = text(_UNSEEN.format(which=_AMONG))
_NAMES = text("""
select slot.id, slot.route, slot.environment from slot where slot.id = any(:slots)
""")
_DIGESTS = text("select node_id, digest from bundle where node_id = any(:bundles)")


def groups(tx: Reading, environment: str | None, route: str | None, since: datetime) -> list[Seen]:
    """What was served in the hours since, by slot, deployment (0: none) and bundle; None:
    in whichever environment, under whichever route."""
    values = {"environment": environment, "route": route, "since": since}
    rows = tx.rows(_GROUPS_WITHIN, values)
    return [_seen(row) for row in rows]


def groups_of(tx: Reading, slots: Collection[SlotRef], since: datetime) -> list[Seen]:
    """Likewise in these slots."""
    return [_seen(row) for row in tx.rows(_GROUPS_AMONG, _places(slots) | {"since": since})]


def hours(tx: Reading, wanted: Sequence[Seen], since: datetime) -> list[Seen]:
    """The same groups, each hour for itself."""
    rows = tx.rows(_HOURS, _columns(wanted) | {"since": since}) if wanted else ()
    return [_seen(row) for row in rows]


def count_facts(tx: Reading, pieces: Sequence[Piece]) -> dict[int, tuple[int, datetime, datetime]]:
    """By place of the piece: how many requests, the first and the last; only those with any."""
    if not pieces:
        return {}
    bounds = {
        "begins": [piece.begin for piece in pieces],
        "ends": [piece.end for piece in pieces],
        "first_ids": [first_id(piece.begin) for piece in pieces],
        "last_ids": [first_id(piece.end + _MILLISECOND) for piece in pieces],
    }
    rows = tx.rows(_FACTS, _columns([piece.seen for piece in pieces]) | bounds)
    return {row["place"] - 1: (row["requests"], row["first_at"], row["last_at"]) for row in rows}


def named(tx: Reading, wanted: Sequence[tuple[int, int]]) -> Sequence[RowMapping]:
    """These deployments (slot and number): when each was live, and its policy's digest."""
    return tx.rows(_NAMED, _pairs(wanted)) if wanted else ()


def since(tx: Reading, wanted: Sequence[tuple[int, datetime]]) -> Sequence[RowMapping]:
    """The deployment live at a moment in each slot, and all that came after it."""
    if not wanted:
        return ()
    values = {"slots": [slot for slot, _ in wanted], "froms": [at for _, at in wanted]}
    return tx.rows(_SINCE, values)


def policies(tx: Reading, wanted: Sequence[tuple[int, int]]) -> dict[str, dict[str, Any]]:
    """The policies of these deployments, by digest."""
    rows = tx.rows(_POLICIES, _pairs(wanted)) if wanted else ()
    return {row["digest"]: row["policy"] for row in rows}


def unseen(
    tx: Reading, environment: str | None, route: str | None, before: datetime
) -> Sequence[RowMapping]:
    """Slots in which something is live since before a moment, and nothing was seen since."""
    values = {"environment": environment, "route": route, "before": before}
    return tx.rows(_UNSEEN_WITHIN, values)


def unseen_of(tx: Reading, slots: Collection[SlotRef], before: datetime) -> Sequence[RowMapping]:
    """Likewise among these slots."""
    return tx.rows(_UNSEEN_AMONG, _places(slots) | {"before": before})


def slots(tx: Reading, ids: Sequence[int]) -> Sequence[RowMapping]:
    """Slots by their ids."""
    return tx.rows(_NAMES, {"slots": list(ids)})


def digests(tx: Reading, ids: Sequence[int]) -> dict[int, str]:
    """The digests of bundles by their ids."""
    rows = tx.rows(_DIGESTS, {"bundles": list(ids)})
    return {row["node_id"]: row["digest"] for row in rows}


def _seen(row: RowMapping) -> Seen:
    return Seen(
        slot=row["slot"],
        deployment=row["deployment"],
        bundle=row["bundle"],
        requests=int(row["requests"]),
        first_at=row["first_at"],
        last_at=row["last_at"],
    )


def _columns(wanted: Sequence[Seen]) -> dict[str, Any]:
    return {
        "slots": [one.slot for one in wanted],
        "deployments": [one.deployment for one in wanted],
        "bundles": [one.bundle for one in wanted],
    }


def _places(slots: Collection[SlotRef]) -> dict[str, Any]:
    return {
        "routes": [one.route for one in slots],
        "environments": [one.environment for one in slots],
    }


def _pairs(wanted: Sequence[tuple[int, int]]) -> dict[str, Any]:
    return {"slots": [slot for slot, _ in wanted], "numbers": [number for _, number in wanted]}
