"""Which ids are taken, which value of a measure counts, and what counts mean."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from math import ceil
from uuid import UUID

from twinline.language.ids import made_at
from twinline.language.records import Latency, Measured, NewOutcome, Outcome

AHEAD_MAX = timedelta(minutes=5)
"""How far in the future an id may be: clocks differ."""

BUCKET_GROWTH = 1.1
BUCKET_FIRST_MS = 0.1
"""Latency buckets, as in the SQL function ``latency_bucket``: bucket 0 up to 0.1 ms,
then each 10 % wider. A bucket's middle is within 4.8 % of everything in it."""


def refusal(id: UUID, now: datetime, oldest: datetime) -> str | None:
    """Why an inference's id is not taken; None when it is."""
    if id.version != 7:
        return f"the id {id} is no UUIDv7 (it is version {id.version}); leave it out to get one"
    at = made_at(id)
    if at > now + AHEAD_MAX:
        return f"the id {id} was made at {at.isoformat()}, which is in the future"
    if at < oldest:
        return (
            f"the id {id} was made at {at.isoformat()}, before the oldest day that the ledger "
            f"keeps ({oldest.date().isoformat()})"
        )
    return None


def newest(first: Measured, later: Iterable[Measured]) -> Measured:
    """Of each measure the newest value that is known."""
    values = first.model_dump(include=set(Measured.model_fields))
    for outcome in later:
        known = outcome.model_dump(include=set(Measured.model_fields), exclude_none=True)
        values |= known
    return Measured.model_validate(values)


def not_yet(known: Iterable[Outcome], sent: Iterable[NewOutcome]) -> list[NewOutcome]:
    """Of what was sent what is not known yet, each id once; what has no id is always new."""
    seen: set[UUID | None] = {one.id for one in known}
    found: list[NewOutcome] = []
    for one in sent:
        if one.id is None or one.id not in seen:
            seen.add(one.id)
            found.append(one)
    return found


def by_inference(outcomes: Iterable[Outcome]) -> dict[UUID, list[Outcome]]:
    """Outcomes by the inference that they belong to, in their order."""
    found: dict[UUID, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.inference.id, []).append(outcome)
    return found


def latency(counts: Sequence[int]) -> Latency | None:
    """Percentiles from bucket counts; None when nothing was measured."""
    total = sum(counts)
    if total == 0:
        return None
    return Latency(
        p50=_percentile(counts, total, 0.50),
        p95=_percentile(counts, total, 0.95),
        p99=_percentile(counts, total, 0.99),
    )


def _percentile(counts: Sequence[int], total: int, share: float) -> float:
    """The middle of the bucket that holds the value at rank ``ceil(share * total)``."""
    rank = ceil(share * total)
    return round(_middle(bisect_left(list(accumulate(counts)), rank)), 4)


def _middle(bucket: int) -> float:
    upper = BUCKET_FIRST_MS * BUCKET_GROWTH**bucket
    return upper if bucket == 0 else 2 * upper / (1 + BUCKET_GROWTH)
