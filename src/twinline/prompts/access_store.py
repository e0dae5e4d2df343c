"""Who read which version, in SQL."""

import json
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, distinct, func, select, text, true, tuple_

from twinline.db.schema import bundle, prompt, prompt_access, prompt_version, rollup_day
from twinline.db.session import Reading, Writing
from twinline.language.records import PromptAccess, VersionUse

# Ordered, lest two processes that keep the same rows wait for each other.
_KEEP = text("""
insert into prompt_access
    (prompt_version, principal, door, day, count, first_at, last_at)
select prompt_version.node_id, sent.principal, sent.door, sent.day, sent.count, sent.first_at,
    sent.last_at
from json_to_recordset(:sent) as sent(name text, number integer, principal text, door text,
    day date, count bigint, first_at timestamptz, last_at timestamptz)
join prompt on prompt.name = sent.name
join prompt_version on prompt_version.prompt_id = prompt.id
    and prompt_version.number = sent.number
order by prompt_version.node_id, sent.day, sent.principal, sent.door
on conflict (prompt_version, day, principal, door) do update set
    count = prompt_access.count + excluded.count,
    first_at = least(prompt_access.first_at, excluded.first_at),
    last_at = greatest(prompt_access.last_at, excluded.last_at)
""")

SERVED = 0
"""The role of a bundle that answered, in the ledger's counts."""

# Rows of months that are over for long become one row for the month, on its first day.
_FOLD = text("""
with gone as (
    delete from prompt_access
    where date_trunc('month', day) + interval '1 month' < now() at time zone 'utc' - :age
    and day <> date_trunc('month', day)
    returning *
)
insert into prompt_access
    (prompt_version, principal, door, day, count, first_at, last_at)
select prompt_version, principal, door, date_trunc('month', day)::date, sum(count),
    min(first_at), max(last_at)
from gone group by 1, 2, 3, 4 order by 1, 4, 2, 3
on conflict (prompt_version, day, principal, door) do update set
    count = prompt_access.count + excluded.count,
    first_at = least(prompt_access.first_at, excluded.first_at),
    last_at = greatest(prompt_access.last_at, excluded.last_at)
""")

Place = tuple[date, int, str, str]
"""Where a page ended: day, version, principal, door."""


def keep(tx: Writing, reads: Iterable[dict[str, Any]]) -> None:
    """Add counted reads to those of their day."""
    tx.run(_KEEP, {"sent": json.dumps(list(reads), default=str)})


def fold(tx: Writing, age: timedelta) -> None:
    """Make one row of the days of each month that is over for ``age``."""
    tx.run(_FOLD, {"age": age})


def accesses(
    tx: Reading, name: str, *, number: int | None, before: Place | None, limit: int
) -> tuple[PromptAccess, ...]:
    """Who read a prompt's versions, the newest day first and in it the highest version."""
    found = prompt_access.c
    query = (
        select(prompt_access, prompt_version.c.number)
        .join(prompt_version, prompt_version.c.node_id == found.prompt_version)
        .join(prompt, prompt.c.id == prompt_version.c.prompt_id)
        .where(prompt.c.name == name)
    )
    order = (found.day, prompt_version.c.number, found.principal, found.door)
    if number is not None:
        query = query.where(prompt_version.c.number == number)
    if before is not None:
        query = query.where(tuple_(*order) < before)
    rows = tx.rows(query.order_by(*(column.desc() for column in order)).limit(limit))
    return tuple(PromptAccess.model_validate(dict(row)) for row in rows)


def uses(tx: Reading, name: str, *, before: int | None, limit: int) -> tuple[VersionUse, ...]:
    """When each version of a prompt was read or served last, the newest version first."""
    wanted = (
        select(prompt_version.c.node_id, prompt_version.c.number)
        .join(prompt, prompt.c.id == prompt_version.c.prompt_id)
        .where(prompt.c.name == name)
        .order_by(prompt_version.c.number.desc())
        .limit(limit)
    )
    if before is not None:
        wanted = wanted.where(prompt_version.c.number < before)
    page = wanted.subquery("page")  # chosen first, so that only its uses are summed
    read, served = _read(page.c.node_id), _served(page.c.node_id)
    query = (
        select(
            page.c.number,
            func.coalesce(read.c.count, 0).label("count"),
            read.c.principals,
            func.coalesce(served.c.requests, 0).label("requests"),
            func.greatest(read.c.last_at, served.c.last_at).label("last_used_at"),
        )
        .select_from(page)
        .join(read, true())
        .join(served, true())
    )
    rows = tx.rows(query.order_by(page.c.number.desc()))
    return tuple(VersionUse.model_validate(dict(row)) for row in rows)


def _read(version: ColumnElement[int]) -> FromClause:
    return (
        select(
            func.sum(prompt_access.c.count).label("count"),
            func.count(distinct(prompt_access.c.principal)).label("principals"),
            func.max(prompt_access.c.last_at).label("last_at"),
        )
        .where(prompt_access.c.prompt_version == version)
        .lateral("read")
    )


def _served(version: ColumnElement[int]) -> FromClause:
    """Of the ledger's own counts: what applications resolve in their own process is read
    nowhere else."""
    return (
        select(
            func.sum(rollup_day.c.requests).label("requests"),
            func.max(rollup_day.c.last_at).label("last_at"),
        )
        .join(bundle, bundle.c.node_id == rollup_day.c.bundle_id)
        .where(bundle.c.prompt_version == version, rollup_day.c.role == SERVED)
        .lateral("served")
    )
