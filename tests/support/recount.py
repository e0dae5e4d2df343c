"""Count the ledger's facts again, from nothing but the facts, and compare with the rollups."""

import math
from collections import Counter
from typing import Any

from sqlalchemy import text

from twinline.db.session import Database

_NEWEST = "(select o.{0} from outcome o where o.inference_id = i.id and o.{0} is not null" + (
    " order by o.number desc limit 1)"
)
_MEASURES = ", ".join(
    f"coalesce({_NEWEST.format(name)}, i.{name}) as {name}"
    for name in ("status", "latency_ms", "input_tokens", "output_tokens", "cost_usd", "score")
)
_FACTS = f"""
select i.bundle_id, coalesce(i.slot_id, 0) as slot_id, coalesce(i.deployment, 0) as deployment,
    coalesce(i.rule, '') as rule, coalesce(i.arm, '') as arm, i.role,
    date_trunc('{{0}}', i.at, 'UTC') as period, i.at, i.decision, {_MEASURES}
from inference i
"""
_COUNTS = """
select bundle_id, slot_id, deployment, rule, arm, role, period, count(*) as requests,
    count(*) filter (where status = 1) as errors, count(decision) as decision_requests,
    coalesce(sum(input_tokens), 0) as input_tokens,
    coalesce(sum(output_tokens), 0) as output_tokens,
    coalesce(sum(cost_usd::numeric), 0) as cost_usd, count(score) as scored,
    coalesce(sum(score::numeric), 0) as score_sum,
    coalesce(sum(power(score::numeric, 2)), 0) as score_squares,
    min(at) as first_at, max(at) as last_at
from ({0}) facts group by 1, 2, 3, 4, 5, 6, 7
"""
_KEY = ("bundle_id", "slot_id", "deployment", "rule", "arm", "role", "period")
_LAST_BUCKET = 216


def rollups_equal_facts(database: Database) -> int:
    """Every column of every row of both rollups; how many facts there were."""
    with database.reading() as tx:
        for period in ("hour", "day"):
            facts = tx.rows(text(_FACTS.format(period)))
            counted = _by_key(tx.rows(text(_COUNTS.format(_FACTS.format(period)))))
            rows = tx.rows(text(f"select *, {period} as period from rollup_{period}"))
            kept = _by_key(
                {name: row[name] for name in row if name not in (period, "latencies")}
                for row in rows
            )
            assert kept == counted, period
            latencies = {tuple(row[name] for name in _KEY): _filled(row) for row in rows}
            assert latencies == _latencies(facts), period
        return len(facts)


def bucket(ms: float) -> int:
    """Where a latency is counted: each bucket 10 % wider than the one before."""
    return 0 if ms <= 0.1 else min(_LAST_BUCKET, math.ceil(math.log(ms / 0.1) / math.log(1.1)))


def _by_key(rows: Any) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(row[name] for name in _KEY): dict(row) for row in rows}


def _filled(row: Any) -> Counter[int]:
    return +Counter(dict(enumerate(row["latencies"])))


def _latencies(facts: Any) -> dict[tuple[Any, ...], Counter[int]]:
    found: dict[tuple[Any, ...], Counter[int]] = {}
    for fact in facts:
        counts = found.setdefault(tuple(fact[name] for name in _KEY), Counter())
        if fact["latency_ms"] is not None:
            counts[bucket(fact["latency_ms"])] += 1
    return found
