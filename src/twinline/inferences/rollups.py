"""The rollups: counts by bundle, slot, deployment, rule, arm, role and hour or day.

They are exact at every commit.

Everything that changes them goes through one piece of SQL, which adds rows that carry
a sign: a new inference is added once, and an outcome takes its inference out as it was
and adds it as it is. Rows are added in the order of their key, so writers that meet
wait for each other instead of deadlocking.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import RowMapping, TextClause, text

from twinline.db.session import Reading
from twinline.inferences import rules
from twinline.inferences.selections import PARTS, Hours, Part, Selection, day_of
from twinline.language.records import Service, Tally
from twinline.language.refs import SlotRef

_KEY = "bundle_id, slot_id, deployment, rule, arm, role"
_SUMS = (
    "requests",
    "errors",
    "decision_requests",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "scored",
    "score_sum",
    "score_squares",
)
_COLUMNS = f"{', '.join(_SUMS)}, latencies, first_at, last_at"
_AGGREGATES = ", ".join(f"sum({name}) as {name}" for name in _SUMS) + (
    ", min(first_at) as first_at, max(last_at) as last_at, latency_sum(latencies) as latencies"
)
_WHOLE_SUMS = ("requests", "errors", "decision_requests", "input_tokens", "output_tokens", "scored")
_TALLIES = ", ".join(f"sum({name})::bigint as {name}" for name in _WHOLE_SUMS) + (
    ", sum(cost_usd)::double precision as cost_usd, sum(score_sum) as score_sum"
    ", min(first_at) as first_at, max(last_at) as last_at"
)


def _add(period: str) -> str:
    table = f"rollup_{period}"
    sums = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in _SUMS)
    return f"""insert into {table} ({_KEY}, {period}, {_COLUMNS})
    select {_KEY}, {period}, {_COLUMNS} from {period}s order by {_KEY}, {period}
    on conflict ({_KEY}, {period}) do update set {sums},
        latencies = latency_add({table}.latencies, excluded.latencies),
        first_at = least({table}.first_at, excluded.first_at),
        last_at = greatest({table}.last_at, excluded.last_at)"""


ADD_SIGNED = f"""
measured as (
    select bundle_id, coalesce(slot_id, 0) as slot_id, coalesce(deployment, 0) as deployment,
        coalesce(rule, '') as rule, coalesce(arm, '') as arm, role,
        date_trunc('hour', at, 'UTC') as hour, latency_bucket(latency_ms) as bucket,
        sum(sign) as requests,
        coalesce(sum(sign) filter (where status = 1), 0) as errors,
        coalesce(sum(sign) filter (where decision is not null), 0) as decision_requests,
        coalesce(sum(sign * input_tokens), 0) as input_tokens,
        coalesce(sum(sign * output_tokens), 0) as output_tokens,
        coalesce(sum(sign * cost_usd::numeric), 0) as cost_usd,
        coalesce(sum(sign) filter (where score is not null), 0) as scored,
        coalesce(sum(sign * score::numeric), 0) as score_sum,
        coalesce(sum(sign * power(score::numeric, 2)), 0) as score_squares,
        min(at) as first_at, max(at) as last_at
    from signed group by 1, 2, 3, 4, 5, 6, 7, 8
),
hours as (
    select {_KEY}, hour, {", ".join(f"sum({name}) as {name}" for name in _SUMS)},
        latency_counts(
            array_agg(bucket) filter (where bucket is not null),
            array_agg(requests) filter (where bucket is not null)
        ) as latencies,
        min(first_at) as first_at, max(last_at) as last_at
    from measured group by {_KEY}, hour
),
days as (
    select {_KEY}, date_trunc('day', hour, 'UTC') as day, {_AGGREGATES}
    from hours group by {_KEY}, 7
),
into_hours as ({_add("hour")}),
into_days as ({_add("day")})
"""
"""Common table expressions that add the rows of a preceding ``signed`` to both rollups.
``signed`` has sign (+1 or -1), bundle_id, slot_id, deployment, rule, arm, role, at,
decision and the measures."""

_IN_A_PART = f"""exists (
        select 1 from {PARTS}
        where part.bundle = counted.bundle_id and part.slot in (0, counted.slot_id)
            and part.deployment in (0, counted.deployment))"""
_WITHIN = """bundle_id = any(:bundles) and role = 0
    and (cast(:only as bigint[]) is null or slot_id = any(:only))"""
_DAYS = f"select *, day as on_day from rollup_day where {_WITHIN}"
_HOURS = f"""
    select {_KEY}, {_COLUMNS}, day as on_day from rollup_day
    where {_WITHIN} and day >= :days_begin and day < :days_end
    union all
    select {_KEY}, {_COLUMNS}, date_trunc('day', hour, 'UTC') from rollup_hour
    where {_WITHIN} and (hour >= :begin and hour < :days_begin
        or hour >= :days_end and hour < :end)"""


def _tally(rows: str, filters: str) -> TextClause:
    return text(f"""
select summed.*, slot.route, slot.environment from (
    select grouping(on_day) = 0 as is_day, grouping(slot_id) = 0 as is_slot,
        grouping(arm) = 0 as is_arm, on_day as day, slot_id, rule, arm, {_TALLIES}
    from ({rows}) counted where {filters}
    group by grouping sets ((), (on_day), (slot_id), (slot_id, rule, arm))
    having count(*) > 0
) summed left join slot on slot.id = slot_id
order by day, requests desc, slot_id, rule, arm""")


# Whole bundles need no look at each row: that a row is of one of them is all there is.
_TALLY, _TALLY_BETWEEN = _tally(_DAYS, _IN_A_PART), _tally(_HOURS, _IN_A_PART)
_TALLY_WHOLE, _TALLY_WHOLE_BETWEEN = _tally(_DAYS, "true"), _tally(_HOURS, "true")
_SERVED = text(f"select {_AGGREGATES} from rollup_day counted where {_WITHIN} and {_IN_A_PART}")

_SERVED_EACH = text(f"""
select part.bundle, part.slot, {_AGGREGATES} from {PARTS}
join rollup_day on bundle_id = part.bundle and slot_id = part.slot and role = 0
group by 1, 2""")


def _days_before(filters: str) -> TextClause:
    return text(f"""
select distinct day from rollup_day counted
where {_WITHIN} and day <= :before and day >= :begin and {filters}
    and (not :errors or errors > 0) and (not :scored or scored > 0)
order by day desc""")


def _newest_hour(filters: str) -> TextClause:
    """Back along the index of each slot, because there is none of all the hours of a day."""
    return text(f"""
select max(newest.hour) from (select id from slot union all select 0) place(id)
cross join lateral (
    select hour from rollup_hour counted
    where slot_id = place.id and hour >= :begin and hour <= :last and {_WITHIN} and {filters}
        and (not :errors or errors > 0) and (not :scored or scored > 0)
    order by hour desc limit 1
) newest""")


_NEWEST_HOUR, _NEWEST_HOUR_WHOLE = _newest_hour(_IN_A_PART), _newest_hour("true")
_DAYS_BEFORE, _DAYS_BEFORE_WHOLE = _days_before(_IN_A_PART), _days_before("true")
_SERVED_IN = text("""
select distinct bundle_id, slot_id, case when :by_deployment then deployment else 0 end
    as deployment
from rollup_day where slot_id = any(:slots) and role = 0
    and (not :by_deployment or deployment = any(:deployments))""")
_BY_ARM = text(
    f"select arm, array_agg(distinct bundle_id) as bundle_ids, {_AGGREGATES} from rollup_day"
    " where slot_id = :slot and rule = :rule and deployment = any(:deployments)"
    " and arm <> '' and role = 0 group by arm"
)
_BY_DEPLOYMENT = text(
    f"select deployment, {_AGGREGATES} from rollup_day"
    " where slot_id = :slot and deployment = any(:deployments) and role = 0 group by deployment"
)
_ARMS_BY_DAY = text(
    f"select arm, day, {_AGGREGATES} from rollup_day"
    " where slot_id = :slot and rule = :rule and deployment = any(:deployments)"
    " and arm <> '' and role = 0 and day >= :since group by arm, day order by day"
)
_BY_DAY = text(
    f"select day, {_AGGREGATES} from rollup_day"
    " where slot_id = :slot and role = 0 and day >= :since group by day order by day"
)
_RECENT = text("""
select slot.route, slot.environment, sum(r.requests) as requests, sum(r.errors) as errors
from slot join rollup_hour r on r.slot_id = slot.id
where slot.id = any(:slots) and r.role = 0
    and r.hour >= date_trunc('hour', cast(:since as timestamptz), 'UTC')
group by slot.id
""")
_BY_PROMPT = text(f"""
select number, {_AGGREGATES} from (
    select prompt_version.number, rollup_day.* from prompt
    join prompt_version on prompt_version.prompt_id = prompt.id
    join bundle on bundle.prompt_version = prompt_version.node_id
    join rollup_day on rollup_day.bundle_id = bundle.node_id
    where prompt.name = :name and prompt_version.number = any(:numbers)
        and rollup_day.role = 0 and rollup_day.day >= :since
) counted group by number""")
_AROUND = text(
    f"select hour >= date_trunc('hour', cast(:at as timestamptz), 'UTC') as after, {_AGGREGATES}"
    " from rollup_hour where slot_id = :slot and deployment = :deployment and role = 0 group by 1"
)
_SINCE = text(
    f"select {_AGGREGATES} from rollup_hour"
    " where slot_id = :slot and hour >= date_trunc('hour', cast(:at as timestamptz), 'UTC')"
    " and role = 0"
)

NO_TALLY = Tally(
    requests=0,
    errors=0,
    decision_requests=0,
    input_tokens=0,
    output_tokens=0,
    cost_usd=0.0,
    scored=0,
    score=None,
    first_at=None,
    last_at=None,
)
NOTHING = Service(**dict(NO_TALLY), latency_ms=None)
"""What was served where nothing was."""


@dataclass(frozen=True)
class Tallies:
    """What a part of the ledger counts: in all, by day, by slot (None: requests in none), and
    by arm; the busiest slot first."""

    total: Tally
    days: dict[datetime, Tally]
    slots: dict[SlotRef | None, Tally]
    arms: dict[tuple[SlotRef, str, str], Tally]


def served(tx: Reading, part: Selection) -> Service:
    """What a part of the ledger served."""
    row = tx.row(_SERVED, part.values)
    assert row is not None
    return service(row)


def served_each(tx: Reading, part: Selection) -> dict[tuple[int, int], Service]:
    """What each part of the ledger served, by the ids of its bundle and slot; those that
    served nothing are left out."""
    rows = tx.rows(_SERVED_EACH, part.values)
    return {(row["bundle"], row["slot"]): service(row) for row in rows}


def tallies(tx: Reading, part: Selection, hours: Hours | None) -> Tallies:
    """What a part of the ledger counts in these hours, or ever."""
    if hours is None:
        rows = tx.rows(_TALLY_WHOLE if part.whole else _TALLY, part.values)
    else:
        query = _TALLY_WHOLE_BETWEEN if part.whole else _TALLY_BETWEEN
        rows = tx.rows(query, part.values | hours._asdict())
    found = Tallies(total=NO_TALLY, days={}, slots={}, arms={})
    for row in rows:
        slot = SlotRef(row["route"], row["environment"]) if row["route"] else None
        match row["is_day"], row["is_slot"], row["is_arm"]:
            case True, _, _:
                found.days[row["day"]] = tally(row)
            case _, True, True:
                if slot and row["arm"]:
                    found.arms[slot, row["rule"], row["arm"]] = tally(row)
            case _, True, _:
                found.slots[slot] = tally(row)
            case _:
                found = replace(found, total=tally(row))
    return found


def days_before(
    tx: Reading, part: Selection, before: datetime, begin: datetime, *, errors: bool, scored: bool
) -> list[datetime]:
    """The days up to ``before`` on which something was served, the newest first; those
    with errors, or with scores, alone."""
    values = {"before": before, "begin": begin, "errors": errors, "scored": scored}
    query = _DAYS_BEFORE_WHOLE if part.whole else _DAYS_BEFORE
    return tx.values(query, part.values | values)


def newest_hour(
    tx: Reading, part: Selection, begin: datetime, last: datetime, *, errors: bool, scored: bool
) -> datetime | None:
    """The newest hour from ``begin`` to ``last`` in which something was served, an error or
    something with a score where these are asked for."""
    values = {"begin": begin, "last": last, "errors": errors, "scored": scored}
    query = _NEWEST_HOUR_WHOLE if part.whole else _NEWEST_HOUR
    return tx.value(query, part.values | values)


def served_in(tx: Reading, slots: Sequence[int], deployments: Sequence[int] | None) -> list[Part]:
    """The parts of the ledger that these slots served, or these deployments of them."""
    values = {
        "slots": list(slots),
        "by_deployment": deployments is not None,
        "deployments": list(deployments or ()),
    }
    return [
        Part(row["bundle_id"], row["slot_id"], row["deployment"])
        for row in tx.rows(_SERVED_IN, values)
    ]


def by_arm(tx: Reading, slot: int, rule: str, deployments: Sequence[int]) -> Sequence[RowMapping]:
    """The counts of each arm of a rule, with the bundles that it served."""
    values = {"slot": slot, "rule": rule, "deployments": list(deployments)}
    return tx.rows(_BY_ARM, values)


def by_deployment(tx: Reading, slot: int, deployments: Sequence[int]) -> dict[int, Service]:
    """What was served under each of these deployments of a slot that served anything."""
    rows = tx.rows(_BY_DEPLOYMENT, {"slot": slot, "deployments": list(deployments)})
    return {row["deployment"]: service(row) for row in rows}


def arms_by_day(
    tx: Reading, slot: int, rule: str, deployments: Sequence[int], since: datetime
) -> dict[str, dict[datetime, Service]]:
    """What each arm of a rule served on each day since."""
    values = {"slot": slot, "rule": rule, "deployments": list(deployments), "since": since}
    found: dict[str, dict[datetime, Service]] = {}
    for row in tx.rows(_ARMS_BY_DAY, values):
        found.setdefault(row["arm"], {})[row["day"]] = service(row)
    return found


def by_day(tx: Reading, slot: int, since: datetime) -> dict[datetime, Service]:
    """What a slot served on each day since, in order; days without requests are left out."""
    rows = tx.rows(_BY_DAY, {"slot": slot, "since": since})
    return {row["day"]: service(row) for row in rows}


def recent(tx: Reading, slots: Sequence[int], since: datetime) -> dict[SlotRef, tuple[int, int]]:
    """Requests and errors of these slots from the hour of ``since`` on; those without any are
    left out."""
    rows = tx.rows(_RECENT, {"slots": list(slots), "since": since})
    return {
        SlotRef(row["route"], row["environment"]): (int(row["requests"]), int(row["errors"]))
        for row in rows
    }


def by_prompt(
    tx: Reading, name: str, numbers: Sequence[int], since: datetime
) -> dict[int, Service]:
    """What these versions of a prompt served since the day of ``since``, by number; those that
    served nothing are left out."""
    day = day_of(since.astimezone(UTC))
    values = {"name": name, "numbers": list(numbers), "since": day}
    return {row["number"]: service(row) for row in tx.rows(_BY_PROMPT, values)}


def around(tx: Reading, slot: int, deployment: int, at: datetime) -> tuple[Service, Service]:
    """What a deployment served before the hour of ``at``, and from that hour on."""
    rows = tx.rows(_AROUND, {"slot": slot, "deployment": deployment, "at": at})
    found = {row["after"]: service(row) for row in rows}
    return found.get(False, NOTHING), found.get(True, NOTHING)


def since(tx: Reading, slot: int, at: datetime) -> Service:
    """What a slot served from the hour of ``at`` on."""
    row = tx.row(_SINCE, {"slot": slot, "at": at})
    assert row is not None
    return service(row)


def service(row: RowMapping) -> Service:
    """The counts in an aggregated row of a rollup, with its latencies."""
    return Service(**dict(tally(row)), latency_ms=rules.latency(row["latencies"] or ()))


def tally(row: RowMapping) -> Tally:
    """The counts in an aggregated row of a rollup."""
    scored = int(row["scored"] or 0)
    return Tally(
        requests=int(row["requests"] or 0),
        errors=int(row["errors"] or 0),
        decision_requests=int(row["decision_requests"] or 0),
        input_tokens=int(row["input_tokens"] or 0),
        output_tokens=int(row["output_tokens"] or 0),
        cost_usd=float(row["cost_usd"] or 0),
        scored=scored,
        score=float(row["score_sum"] / scored) if scored else None,
        first_at=row["first_at"],
        last_at=row["last_at"],
    )
