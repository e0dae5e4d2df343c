"""Sessions of the pages, in SQL."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select

from twinline.db.schema import api_key, session
from twinline.db.session import Reading, Writing
from twinline.language.records import ApiKey


def add(tx: Writing, hash: str, key_hash: str, lasts: timedelta) -> None:
    """Keep a session of the key with that hash."""
    now = func.clock_timestamp()
    values = {"hash": hash, "key_hash": key_hash, "begun_at": now, "ends_at": now + lasts}
    tx.run(insert(session).values(values))


def holder(tx: Reading, hash: str) -> ApiKey | None:
    """The key, usable or not, whose session this is; None when it is over or unknown."""
    ours = (session.c.hash == hash) & (session.c.ends_at > func.clock_timestamp())
    row = tx.row(select(api_key).join(session, session.c.key_hash == api_key.c.hash).where(ours))
    return ApiKey.model_validate(dict(row)) if row else None


def end(tx: Writing, hash: str) -> None:
    """Drop a session."""
    tx.run(delete(session).where(session.c.hash == hash))


def standing(tx: Reading, hash: str) -> tuple[datetime, int] | None:
    """When a session ends, and how many sessions of its key there are with it; None when it is
    over or unknown."""
    now = func.clock_timestamp()
    ours = select(session.c.key_hash).where(session.c.hash == hash).scalar_subquery()
    same = select(func.count()).where(session.c.key_hash == ours, session.c.ends_at > now)
    query = select(session.c.ends_at, same.scalar_subquery().label("count"))
    row = tx.row(query.where(session.c.hash == hash, session.c.ends_at > now))
    return (row["ends_at"], row["count"]) if row else None


def end_all(tx: Writing, hash: str) -> None:
    """Drop every session of the key whose session this is."""
    ours = select(session.c.key_hash).where(session.c.hash == hash).scalar_subquery()
    tx.run(delete(session).where(session.c.key_hash == ours))


def forget(tx: Writing) -> None:
    """Drop the sessions that are over."""
    tx.run(delete(session).where(session.c.ends_at <= func.clock_timestamp()))
