"""The rollups: counts by bundle, slot, deployment, rule, arm, role and hour or day.

They are exact at every commit.

Everything that changes them goes through one piece of SQL, which adds rows that carry
a sign: a new inference is added once, and an outcome takes its inference out as it was
and adds it as it is. Rows are added in the order of their key, so writers that meet
wait for each other instead of deadlocking.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import RowMapping, text

from twinline.db.session import Reading
from twinline.inferences import rules
from twinline.language.records import Service

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
    ", latency_sum(latencies) as latencies, min(first_at) as first_at, max(last_at) as last_at"
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

_WITHIN = """bundle_id = any(:bundles) and role = 0
    and (cast(:slot as bigint) is null or slot_id = :slot)
    and (cast(:deployment as integer) is null or deployment = :deployment)"""
_SERVED = text(f"select {_AGGREGATES} from rollup_day where {_WITHIN}")
_BY_SLOT = text(
    f"select slot_id, {_AGGREGATES} from rollup_day where {_WITHIN}"
    " group by slot_id order by sum(requests) desc, slot_id"
)
_BY_DAY = text(
    "select day, sum(requests) as requests, sum(errors) as errors from rollup_day"
    f" where {_WITHIN} group by day order by day"
)
_BY_ARM = text(
    f"select arm, array_agg(distinct bundle_id) as bundle_ids, {_AGGREGATES} from rollup_day"
    " where slot_id = :slot and rule = :rule and deployment = any(:deployments)"
    " and arm <> '' and role = 0 group by arm"
)


NOTHING = Service(
    requests=0,
    errors=0,
    decision_requests=0,
    latency_ms=None,
    input_tokens=0,
    output_tokens=0,
    cost_usd=0.0,
    scored=0,
    score=None,
    first_at=None,
    last_at=None,
)
"""What was served where nothing was."""


@dataclass(frozen=True)
class Selection:
    """Which part of the ledger: bundles, and perhaps one slot, or one deployment in it."""

    bundles: list[int]
    slot: int | None = None
    deployment: int | None = None


def served(tx: Reading, part: Selection) -> Service:
    """What a part of the ledger served."""
    row = tx.row(_SERVED, asdict(part))
    assert row is not None
    return service(row)


def by_slot(tx: Reading, part: Selection) -> list[tuple[int, Service]]:
    """What was served in each slot (0: in none), the busiest first."""
    return [(row["slot_id"], service(row)) for row in tx.rows(_BY_SLOT, asdict(part))]


def by_day(tx: Reading, part: Selection) -> list[RowMapping]:
    """Requests and errors on each day."""
    return list(tx.rows(_BY_DAY, asdict(part)))


def by_arm(tx: Reading, slot: int, rule: str, deployments: Sequence[int]) -> Sequence[RowMapping]:
    """The counts of each arm of a rule, with the bundles that it served."""
    values = {"slot": slot, "rule": rule, "deployments": list(deployments)}
    return tx.rows(_BY_ARM, values)


def service(row: RowMapping) -> Service:
    """The counts in an aggregated row of a rollup."""
    scored = int(row["scored"] or 0)
    return Service(
        requests=int(row["requests"] or 0),
        errors=int(row["errors"] or 0),
        decision_requests=int(row["decision_requests"] or 0),
        latency_ms=rules.latency(row["latencies"] or ()),
        input_tokens=int(row["input_tokens"] or 0),
        output_tokens=int(row["output_tokens"] or 0),
        cost_usd=float(row["cost_usd"] or 0),
        scored=scored,
        score=float(row["score_sum"] / scored) if scored else None,
        first_at=row["first_at"],
        last_at=row["last_at"],
    )
