"""Withdrawals, in SQL."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    RowMapping,
    Select,
    any_,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from twinline.db.graph import INTO, PASSES_ON
from twinline.db.schema import node, withdrawal
from twinline.db.session import Reading, Writing
from twinline.language.records import Withdrawal, WithdrawalKind
from twinline.language.refs import BundleRef, Ref

# What a retired version is part of is withdrawn with it. The recalls upstream are found
# first, by whatever edges there ever were, and then the way up to each by the edges that
# pass its fault on. To intersect is never done row by row, as a join may be.
_AGAINST = text(f"""
with recursive above(id) as (
    select cast(:bundle as bigint)
    union
    select edge.source from above {INTO.format(node="above.id")}
),
standing as (
    select * from withdrawal where kind = 'recalled' and lifted_at is null
),
built_on(id) as (
    select cast(:bundle as bigint)
    union
    select edge.source from built_on {INTO.format(node="built_on.id")}
    where edge.kind in ('model_of', 'prompt_of', 'included')
),
recalled as (
    select number, node_id, at from standing
    where node_id = any(array(select node_id from standing intersect select id from above))
),
reaching(number, at, id) as (
    select number, at, cast(:bundle as bigint) from recalled
    union
    select number, at, edge.source from reaching {INTO.format(node="reaching.id")}
    where {PASSES_ON.format(at="at")}
)
select withdrawal.*, node.ref as node from withdrawal join node on node.id = withdrawal.node_id
where number in (select number from recalled join reaching using (number) where id = node_id)
    or withdrawal.kind = 'retired' and lifted_at is null
        and node_id = any(array(select id from built_on))
order by number
""")

# Whatever stands above something and is withdrawn may be in force against it: `_AGAINST` knows.
_MAYBE = text(f"""
with recursive above(root, id) as (
    select id, id from node where ref = any(:refs)
    union
    select above.root, edge.source from above {INTO.format(node="above.id")}
)
select distinct above.root from above
join withdrawal on withdrawal.node_id = above.id and withdrawal.lifted_at is null
""")

_UPSTREAM = text(f"""
with recursive above(id) as (
    select id from node where ref = any(:bundles)
    union
    select edge.source from above {INTO.format(node="above.id")} where edge.kind <> 'derived'
),
meant as (
    select * from withdrawal
    where at > :since and at <= :until or lifted_at > :since and lifted_at <= :until
)
select meant.*, node.ref as node from meant join node on node.id = meant.node_id
where node_id = any(array(select node_id from meant intersect select id from above))
order by number desc limit :limit
""")

_RETIRE_WHOLE = text("""
insert into withdrawal (node_id, kind, whole, reason, actor, at)
select id, 'retired', true, :reason, :actor, clock_timestamp()
from unnest(cast(:nodes as bigint[])) with ordinality as version(id, place) order by place
on conflict do nothing returning number
""")

_DEPLOYING_OR_RETIRING = 0x7477_7265  # an advisory lock of our own: "twre"


def share_lock(tx: Writing) -> None:
    """Keep `own_lock` waiting until this transaction ends."""
    tx.run(select(func.pg_advisory_xact_lock_shared(_DEPLOYING_OR_RETIRING)))


def own_lock(tx: Writing) -> None:
    """Wait for those that share the lock; it is ours until this transaction ends."""
    tx.run(select(func.pg_advisory_xact_lock(_DEPLOYING_OR_RETIRING)))


def add(tx: Writing, node_id: int, kind: WithdrawalKind, reason: str) -> Withdrawal | None:
    """Keep a withdrawal; None when one of this kind is in force for the node."""
    number = tx.value(
        insert(withdrawal)
        .values(
            node_id=node_id,
            kind=kind,
            reason=reason,
            actor=tx.actor,
            at=func.clock_timestamp(),
        )
        .on_conflict_do_nothing()
        .returning(withdrawal.c.number)
    )
    return find(tx, number) if number else None


def retire_whole(tx: Writing, node_ids: Collection[int], reason: str) -> list[int]:
    """Retire those of these nodes that are not, as parts of a whole; the numbers of these
    withdrawals."""
    values = {"nodes": list(node_ids), "reason": reason, "actor": tx.actor}
    return tx.values(_RETIRE_WHOLE, values)


def retired(tx: Reading, node_ids: Collection[int]) -> tuple[Withdrawal, ...]:
    """The retirements in force of these nodes themselves, by node."""
    them = (withdrawal.c.node_id == _any(node_ids), withdrawal.c.kind == "retired")
    query = _withdrawals().where(*them, withdrawal.c.lifted_at.is_(None))
    return tuple(_withdrawal(row) for row in tx.rows(query.order_by(withdrawal.c.node_id)))


def was_lifted(tx: Reading, node_ids: Collection[int], *, whole: bool) -> bool:
    """Whether a retirement of any of these nodes was lifted; ``whole``: one with the whole."""
    them = (withdrawal.c.node_id == _any(node_ids), withdrawal.c.kind == "retired")
    query = select(withdrawal.c.number).where(*them, withdrawal.c.lifted_at.is_not(None))
    if whole:
        query = query.where(withdrawal.c.whole)
    return bool(tx.values(query.limit(1)))


def numbered(tx: Reading, numbers: Collection[int]) -> tuple[Withdrawal, ...]:
    """These withdrawals, in force or lifted, by node."""
    query = _withdrawals().where(withdrawal.c.number == _any(numbers))
    return tuple(_withdrawal(row) for row in tx.rows(query.order_by(withdrawal.c.node_id)))


def find(tx: Reading, number: int) -> Withdrawal | None:
    """A withdrawal, in force or lifted."""
    row = tx.row(_withdrawals().where(withdrawal.c.number == number))
    return _withdrawal(row) if row else None


def standing(tx: Reading, node_id: int, kind: WithdrawalKind) -> Withdrawal | None:
    """The withdrawal of this kind that is in force for a node."""
    it = (withdrawal.c.node_id == node_id, withdrawal.c.kind == kind)
    row = tx.row(_withdrawals().where(*it, withdrawal.c.lifted_at.is_(None)))
    return _withdrawal(row) if row else None


def lift(tx: Writing, number: int, reason: str) -> bool:
    """Lift a withdrawal; False when it is not in force."""
    return bool(lift_all(tx, [number], reason))


def lift_all(tx: Writing, numbers: Collection[int], reason: str) -> list[int]:
    """Lift those of these withdrawals that are in force; their numbers."""
    return tx.values(
        update(withdrawal)
        .where(withdrawal.c.number == _any(numbers), withdrawal.c.lifted_at.is_(None))
        .values(lifted_by=tx.actor, lifted_reason=reason, lifted_at=func.clock_timestamp())
        .returning(withdrawal.c.number)
    )


def against(tx: Reading, bundle: int) -> tuple[Withdrawal, ...]:
    """What is in force against a bundle or version: of itself, its sides, or what those came
    from."""
    return tuple(_withdrawal(row) for row in tx.rows(_AGAINST, {"bundle": bundle}))


def maybe_against(tx: Reading, refs: Collection[Ref]) -> list[int]:
    """Those of these bundles and versions, by their nodes, that stand below anything withdrawn."""
    return tx.values(_MAYBE, {"refs": [str(one) for one in refs]})


def between(
    tx: Reading, bundles: Collection[BundleRef], since: datetime, until: datetime, limit: int
) -> tuple[Withdrawal, ...]:
    """What these bundles came from that was withdrawn, or let go on, after ``since`` and up to
    ``until``, the newest first."""
    values = {"since": since, "until": until, "limit": limit}
    rows = tx.rows(_UPSTREAM, {"bundles": [str(one) for one in bundles], **values})
    return tuple(_withdrawal(row) for row in rows)


def page(
    tx: Reading, kind: WithdrawalKind, *, before: int | None, limit: int
) -> tuple[Withdrawal, ...]:
    """Withdrawals of a kind, the newest first."""
    query = _withdrawals().where(withdrawal.c.kind == kind).order_by(withdrawal.c.number.desc())
    if before is not None:
        query = query.where(withdrawal.c.number < before)
    return tuple(_withdrawal(row) for row in tx.rows(query.limit(limit)))


def _any(ids: Collection[int]) -> Any:
    return any_(literal(list(ids), ARRAY(BigInteger)))


def _withdrawals() -> Select[Any]:
    return select(withdrawal, node.c.ref.label("node")).join(
        node, node.c.id == withdrawal.c.node_id
    )


def _withdrawal(row: RowMapping) -> Withdrawal:
    return Withdrawal.model_validate(dict(row))
