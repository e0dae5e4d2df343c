"""Recalls, in SQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select, text, update

from twinline.db.schema import node, recall, withdrawal
from twinline.db.session import Reading, Writing
from twinline.language.refs import (
    BundleRef,
    DeploymentRef,
    ModelVersionRef,
    PromptVersionRef,
    parse_ref,
)

_DOWNSTREAM = text("""
with recursive below(id) as (
    select id from node where ref = :root
    union
    select edge.target from below join edge on edge.source = below.id and edge.until is null
        and edge.kind <> 'derived'
)
select node.ref, exists (
    select 1 from edge where source = node.id and kind = 'live_in' and until is null) as live
from below join node on node.id = below.id
where node.kind in ('prompt', 'model', 'bundle', 'deployment')
order by node.ref
""")
_WAIT_LONGER = text("select set_config('lock_timeout', '25s', true)")


@dataclass(frozen=True)
class Downstream:
    """What came from a node, itself included: versions, bundles and deployments, and those
    deployments that are live."""

    versions: frozenset[str]
    bundles: tuple[BundleRef, ...]
    deployments: tuple[DeploymentRef, ...]
    live: tuple[DeploymentRef, ...]


def downstream(tx: Reading, root: str) -> Downstream:
    """What holds now of everything downstream of a node, by reference."""
    found = [(parse_ref(row["ref"]), row["live"]) for row in tx.rows(_DOWNSTREAM, {"root": root})]
    return Downstream(
        versions=frozenset(
            str(ref) for ref, _ in found if isinstance(ref, PromptVersionRef | ModelVersionRef)
        ),
        bundles=tuple(ref for ref, _ in found if isinstance(ref, BundleRef)),
        deployments=tuple(ref for ref, _ in found if isinstance(ref, DeploymentRef)),
        live=tuple(ref for ref, live in found if live and isinstance(ref, DeploymentRef)),
    )


def add(tx: Writing, number: int, report: Mapping[str, Any], report_digest: str) -> None:
    """Keep the report of a recall."""
    tx.run(recall.insert().values(number=number, report=report, report_digest=report_digest))


def lock(tx: Writing, number: int) -> None:
    """Nobody else executes or lifts a recall until this transaction ends."""
    tx.row(
        select(recall.c.number)
        .join(withdrawal, withdrawal.c.number == recall.c.number)
        .where(recall.c.number == number)
        .with_for_update()
    )


def wait_longer(tx: Writing) -> None:
    """Let this transaction wait for another that changes as many slots."""
    tx.value(_WAIT_LONGER)


def find(tx: Reading, number: int) -> dict[str, Any] | None:
    """A recall with its withdrawal."""
    row = tx.row(_recalls().where(recall.c.number == number))
    return dict(row) if row else None


def page(tx: Reading, *, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Recalls, the newest first."""
    query = _recalls().order_by(recall.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(recall.c.number < before)
    return [dict(row) for row in tx.rows(query)]


def add_execution(tx: Writing, number: int, executions: list[dict[str, Any]]) -> None:
    """Keep what was done, the newest last, under `lock`."""
    tx.run(
        update(recall)
        .where(recall.c.number == number)
        .values(execution=executions, executed_by=tx.actor, executed_at=func.clock_timestamp())
    )


def _recalls() -> Select[Any]:
    ours = [column for column in recall.c if column.name != "number"]
    return (
        select(withdrawal, *ours, node.c.ref.label("node"))
        .join(recall, recall.c.number == withdrawal.c.number)
        .join(node, node.c.id == withdrawal.c.node_id)
    )
