"""Keys, audit events and remembered answers, in SQL."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    RowMapping,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from twinline.access.rules import GENESIS, AuditFilter, ChainEnd
from twinline.db.schema import api_key, audit_event, idempotency
from twinline.db.session import Reading, Writing
from twinline.language.records import ApiKey, AuditEvent

_ONE_CHAIN = 0x7477_6175  # an advisory lock of our own: "twau"
_CHAIN_PAGE = 5_000
_NEWEST_UNTIL = text("""
with recursive halving(low, high) as (
    select 0::bigint, (select coalesce(max(seq), 0) from audit_event)
    union all
    select case when before then middle else low end,
        case when before then high else middle - 1 end
    from halving
    cross join lateral (select (low + high + 1) / 2 as middle) half
    cross join lateral (
        select (select at from audit_event where seq = middle) <= :at as before) seen
    where low < high
)
select low from halving where low = high
""")


def now(tx: Reading) -> datetime:
    """The database's clock, which is the one that history is kept by."""
    return tx.value(select(func.clock_timestamp()))


def key_by_hash(tx: Reading, hash: str) -> ApiKey | None:
    """The key with this hash, usable or not."""
    row = tx.row(select(api_key).where(api_key.c.hash == hash))
    return _key(row) if row else None


def keys(tx: Reading) -> tuple[ApiKey, ...]:
    """All keys, the newest first."""
    rows = tx.rows(select(api_key).order_by(api_key.c.created_at.desc(), api_key.c.prefix))
    return tuple(_key(row) for row in rows)


def keys_by_hash(tx: Reading) -> dict[str, ApiKey]:
    """All keys by their hashes."""
    return {row["hash"]: _key(row) for row in tx.rows(select(api_key))}


def lock_keys(tx: Writing) -> None:
    """Let nobody else make a key until this transaction ends."""
    tx.run(text("lock table api_key in share row exclusive mode"))


def events_between(
    tx: Reading,
    actions: Collection[str],
    prefixes: Collection[str],
    first: int,
    last: int,
    limit: int,
) -> tuple[AuditEvent, ...]:
    """Events numbered ``first`` to ``last`` of these actions, the newest first, whose
    subject begins with one of ``prefixes``."""
    subject = or_(*(audit_event.c.subject.startswith(one, autoescape=True) for one in prefixes))
    of_them = audit_event.c.action.in_(actions) & subject
    query = select(audit_event).where(audit_event.c.seq.between(first, last), of_them)
    rows = tx.rows(query.order_by(audit_event.c.seq.desc()).limit(limit))
    return tuple(AuditEvent.model_validate(dict(row)) for row in rows)


def newest_events(
    tx: Reading, actions: Collection[str], within: int, limit: int
) -> tuple[AuditEvent, ...]:
    """Events of these actions among the newest ``within`` of all, the newest first."""
    last = select(func.max(audit_event.c.seq)).scalar_subquery()
    query = select(audit_event).where(
        audit_event.c.seq > last - within, audit_event.c.action.in_(actions)
    )
    rows = tx.rows(query.order_by(audit_event.c.seq.desc()).limit(limit))
    return tuple(AuditEvent.model_validate(dict(row)) for row in rows)


def events_about(
    tx: Reading, actions: Collection[str], prefix: str, limit: int
) -> tuple[AuditEvent, ...]:
    """The newest events of these actions whose subject begins with ``prefix``, the newest
    first. Only of actions on models there is an index by subject."""
    about = audit_event.c.subject.startswith(prefix, autoescape=True)
    query = select(audit_event).where(audit_event.c.action.in_(actions), about)
    rows = tx.rows(query.order_by(audit_event.c.seq.desc()).limit(limit))
    return tuple(AuditEvent.model_validate(dict(row)) for row in rows)


def events_until(tx: Reading, at: datetime) -> int:
    """The number of the newest event up to ``at``, 0 for none.

    Events are numbered in the order of their times, so it is found by halving: there is
    no index on times.
    """
    return tx.value(_NEWEST_UNTIL, {"at": at})


def add_key(tx: Writing, hash: str, values: dict[str, Any]) -> ApiKey:
    """Keep a new key by its hash."""
    made = {"hash": hash, "created_by": tx.actor, "created_at": func.clock_timestamp(), **values}
    row = tx.row(insert(api_key).values(made).returning(api_key))
    assert row is not None
    return _key(row)


def revoke_key(tx: Writing, prefix: str) -> ApiKey | None:
    """Revoke a key now, or leave it revoked as it was; None when there is no such key."""
    row = tx.row(
        update(api_key)
        .where(api_key.c.prefix == prefix)
        .values(revoked_at=func.coalesce(api_key.c.revoked_at, func.clock_timestamp()))
        .returning(api_key)
    )
    return _key(row) if row else None


def lock_chain(tx: Writing) -> None:
    """Wait for the end of the audit chain; it is ours until this transaction ends."""
    tx.run(select(func.pg_advisory_xact_lock(_ONE_CHAIN)))


def end_of_chain(tx: Reading) -> ChainEnd:
    """The end of the audit chain, and the time by the database's clock."""
    last = select(audit_event.c.seq, audit_event.c.hash).order_by(audit_event.c.seq.desc())
    newest = last.limit(1).subquery()
    row = tx.row(
        select(
            func.coalesce(newest.c.seq, 0).label("seq"),
            func.coalesce(newest.c.hash, GENESIS).label("hash"),
            func.clock_timestamp().label("at"),
        ).select_from(select(literal(1)).subquery().outerjoin(newest, true()))
    )
    assert row is not None
    return ChainEnd(**row)


def add_events(tx: Writing, events: Iterable[AuditEvent]) -> None:
    """Append to the audit chain."""
    tx.run_many(insert(audit_event), [event.model_dump() for event in events])


def events(tx: Reading, *, before: int | None, limit: int) -> tuple[AuditEvent, ...]:
    """Audit events, the newest first, those with a lower number than ``before``."""
    query = select(audit_event).order_by(audit_event.c.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(audit_event.c.seq < before)
    return tuple(AuditEvent.model_validate(dict(row)) for row in tx.rows(query))


def events_like(
    tx: Reading, wanted: AuditFilter, first: int, last: int, limit: int
) -> tuple[AuditEvent, ...]:
    """Events numbered ``first`` to ``last`` that fit, the newest first."""
    query = select(audit_event).where(audit_event.c.seq.between(first, last))
    if wanted.actor:
        query = query.where(audit_event.c.actor == wanted.actor)
    if wanted.action:
        query = query.where(audit_event.c.action.startswith(wanted.action, autoescape=True))
    if wanted.subject:
        query = query.where(audit_event.c.subject.startswith(wanted.subject, autoescape=True))
    rows = tx.rows(query.order_by(audit_event.c.seq.desc()).limit(limit))
    return tuple(AuditEvent.model_validate(dict(row)) for row in rows)


def chain(tx: Reading) -> Iterator[AuditEvent]:
    """All audit events, the oldest first, read page by page."""
    last = 0
    while True:
        query = select(audit_event).where(audit_event.c.seq > last).order_by(audit_event.c.seq)
        page = tx.rows(query.limit(_CHAIN_PAGE))
        yield from (AuditEvent.model_validate(dict(row)) for row in page)
        if len(page) < _CHAIN_PAGE:
            return
        last = page[-1]["seq"]


def claim_key(tx: Writing, principal: str, key: str, fingerprint: str) -> bool:
    """Claim an idempotency key; False when it is taken (after waiting for its holder)."""
    statement = (
        upsert(idempotency)
        .values(principal=principal, key=key, fingerprint=fingerprint, at=func.clock_timestamp())
        .on_conflict_do_nothing()
        .returning(idempotency.c.key)
    )
    return tx.value(statement) is not None


def remembered(tx: Reading, principal: str, key: str) -> RowMapping:
    """The fingerprint, status and answer that an idempotency key stands for."""
    row = tx.row(
        select(idempotency).where(idempotency.c.principal == principal, idempotency.c.key == key)
    )
    assert row is not None
    return row


def remember(tx: Writing, principal: str, key: str, status: int, answer: object) -> None:
    """Keep the answer that an idempotency key stands for."""
    tx.run(
        update(idempotency)
        .where(idempotency.c.principal == principal, idempotency.c.key == key)
        .values(status=status, answer=answer)
    )


def forget(tx: Writing, older_than: timedelta) -> None:
    """Drop remembered answers of that age."""
    tx.run(delete(idempotency).where(idempotency.c.at < func.clock_timestamp() - older_than))


def _key(row: RowMapping) -> ApiKey:
    return ApiKey.model_validate(dict(row))
