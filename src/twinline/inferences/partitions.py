"""The ledger's days: one partition of inferences and one of outcomes for each.

Partitions are attached, not created in place, because attaching does not keep
others from recording meanwhile.
"""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import text

from twinline.db.session import Reading, Writing
from twinline.language.ids import first_id

BEHIND = timedelta(days=7)
AHEAD = timedelta(days=7)

_DAYS = text(
    "select right(child.relname, 8) from pg_inherits"
    " join pg_class child on child.oid = inhrelid"
    " where inhparent = 'inference'::regclass order by 1"
)


def ensure(tx: Writing, today: date) -> tuple[date, ...]:
    """Make the partitions from a week ago to a week ahead; which days were made."""
    tx.run(text("lock table inference, outcome in share update exclusive mode"))
    existing = set(days(tx))
    wanted = (today - BEHIND + timedelta(days=i) for i in range((BEHIND + AHEAD).days + 1))
    missing = tuple(day for day in wanted if day not in existing)
    for day in missing:
        _attach(tx, "inference", day)
        _attach(tx, "outcome", day)
    return missing


def open_since(tx: Writing, since: date, today: date, most: int) -> tuple[list[date], int]:
    """Make the days that are missing from ``since`` up to today, at most so many, the newest
    first; which were made, and how many are missing still."""
    tx.run(text("lock table inference, outcome in share update exclusive mode"))
    existing = set(days(tx))
    span = range((today - since).days + 1)
    missing = [day for i in span if (day := today - timedelta(days=i)) not in existing]
    for day in missing[:most]:
        _attach(tx, "inference", day)
        _attach(tx, "outcome", day)
    return missing[:most], len(missing[most:])


def days(tx: Reading) -> tuple[date, ...]:
    """The days that the ledger has, the oldest first."""
    return tuple(date.fromisoformat(day) for day in tx.values(_DAYS))


def oldest(tx: Reading) -> datetime:
    """The first moment that the ledger keeps."""
    first = days(tx)
    return _midnight(first[0]) if first else datetime.max.replace(tzinfo=UTC)


def _attach(tx: Writing, table: str, day: date) -> None:
    name = f"ledger_{table}_{day:%Y%m%d}"
    begin, end = first_id(_midnight(day)), first_id(_midnight(day + timedelta(days=1)))
    for statement in (
        f"create table {name} (like {table} including defaults including constraints)",
        f"alter table {table} attach partition {name} for values from ('{begin}') to ('{end}')",
        f"create trigger refuse_statement_change before truncate on {name}"
        " for each statement execute function refuse_change()",
        f"alter table {name} enable always trigger refuse_statement_change",
    ):
        tx.run(text(statement))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
