"""Kill switches, in SQL."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import RowMapping, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from twinline.db.schema import kill
from twinline.db.session import Reading, Writing
from twinline.language.records import Kill


def add(tx: Writing, subject: str, reason: str) -> Kill | None:
    """Keep a kill switch; None when one is in force for the subject."""
    values = {"subject": subject, "reason": reason, "actor": tx.actor}
    row = tx.row(
        insert(kill)
        .values(at=func.clock_timestamp(), **values)
        .on_conflict_do_nothing(index_elements=["subject"], index_where=kill.c.lifted_at.is_(None))
        .returning(kill)
    )
    return _kill(row) if row else None


def find(tx: Reading, number: int) -> Kill | None:
    """A kill switch, in force or lifted."""
    row = tx.row(select(kill).where(kill.c.number == number))
    return _kill(row) if row else None


def lift(tx: Writing, number: int, reason: str) -> Kill | None:
    """Lift a kill switch; None when it is not in force."""
    row = tx.row(
        update(kill)
        .where(kill.c.number == number, kill.c.lifted_at.is_(None))
        .values(lifted_by=tx.actor, lifted_reason=reason, lifted_at=func.clock_timestamp())
        .returning(kill)
    )
    return _kill(row) if row else None


def in_force(tx: Reading, subjects: list[str] | None = None) -> tuple[Kill, ...]:
    """The kill switches in force, of these subjects or of all, the newest first."""
    query = select(kill).where(kill.c.lifted_at.is_(None)).order_by(kill.c.number.desc())
    if subjects is not None:
        query = query.where(kill.c.subject.in_(subjects))
    return tuple(_kill(row) for row in tx.rows(query))


def in_force_at(tx: Reading, at: datetime) -> set[str]:
    """The subjects of the kill switches that were in force at a moment."""
    still = kill.c.lifted_at.is_(None) | (kill.c.lifted_at > at)
    return set(tx.values(select(kill.c.subject).where(kill.c.at <= at, still)))


def between(
    tx: Reading, subjects: Collection[str], since: datetime, until: datetime, limit: int
) -> tuple[Kill, ...]:
    """Kill switches of these subjects thrown or lifted after ``since`` and up to ``until``."""
    moments = (kill.c.at, kill.c.lifted_at)
    then = or_(*(and_(moment > since, moment <= until) for moment in moments))
    query = select(kill).where(kill.c.subject.in_(subjects), then)
    rows = tx.rows(query.order_by(kill.c.number.desc()).limit(limit))
    return tuple(_kill(row) for row in rows)


def page(tx: Reading, *, before: int | None, limit: int) -> tuple[Kill, ...]:
    """All kill switches, the newest first."""
    query = select(kill).order_by(kill.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(kill.c.number < before)
    return tuple(_kill(row) for row in tx.rows(query))


def _kill(row: RowMapping) -> Kill:
    return Kill.model_validate(dict(row))
