"""What happened in MLflow registries, in SQL."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, text

from twinline.db.schema import mlflow_change
from twinline.db.session import Reading, Writing
from twinline.language.records import MlflowChange

_LOCK = text("select pg_advisory_xact_lock(hashtextextended('mlflow_change ' || :server, 0))")


def lock(tx: Writing, server: str) -> None:
    """Nobody else keeps changes of this server until the transaction ends, so that the numbers
    become visible in their order."""
    tx.value(_LOCK, {"server": server})


def through(tx: Reading, outbox: UUID) -> int:
    """Up to which sequence an outbox is known; 0 when it is not."""
    newest = select(func.max(mlflow_change.c.sequence)).where(mlflow_change.c.outbox == outbox)
    return tx.value(newest) or 0


def kept(tx: Reading, outbox: UUID, first: int, last: int) -> tuple[MlflowChange, ...]:
    """What is known of an outbox from one sequence to another."""
    query = select(mlflow_change).where(
        mlflow_change.c.outbox == outbox, mlflow_change.c.sequence.between(first, last)
    )
    return tuple(MlflowChange.model_validate(dict(row)) for row in tx.rows(query))


def keep(tx: Writing, rows: Sequence[dict[str, Any]]) -> None:
    """Keep changes, in this order."""
    fresh = {"reported_by": tx.actor, "received_at": func.clock_timestamp()}
    tx.run_many(mlflow_change.insert().values(fresh), rows)


def newest(tx: Reading, server: str) -> MlflowChange | None:
    """The change of a server with the highest number."""
    of_server = select(mlflow_change).where(mlflow_change.c.server == server)
    row = tx.row(of_server.order_by(mlflow_change.c.number.desc()).limit(1))
    return MlflowChange.model_validate(dict(row)) if row else None


def page(
    tx: Reading, server: str, name: str | None, *, after: int, limit: int
) -> tuple[MlflowChange, ...]:
    """Changes of a server whose number is above ``after``, in order."""
    query = (
        select(mlflow_change)
        .where(mlflow_change.c.server == server, mlflow_change.c.number > after)
        .order_by(mlflow_change.c.number)
        .limit(limit)
    )
    if name is not None:
        query = query.where(or_(mlflow_change.c.name == name, mlflow_change.c.new_name == name))
    return tuple(MlflowChange.model_validate(dict(row)) for row in tx.rows(query))
