"""Nodes and edges: how every noun puts its things into the lineage graph."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from twinline.db.arrays import any_text
from twinline.db.schema import edge, node
from twinline.db.session import Reading, Writing
from twinline.language.records import EDGE_KINDS, NodeKind
from twinline.language.refs import Ref

_TICK = timedelta(microseconds=1)
_kinds = ", ".join(f"'{kind}'" for kind in EDGE_KINDS)

PASSES_ON = f"""edge.kind <> 'derived' and (edge.kind in ({_kinds})
    or edge.since <= {{at}} and (edge.until is null or edge.until > {{at}}))"""
"""Which edges pass a fault on that was found ``at`` a moment: what the catalog derives, also
what was live somewhere once, and what people said that held at that moment. What they say
or end later changes nothing about it; and what was written from a version may be its cure."""

SAID_OF = f"""exists (
    select 1 from edge said where said.source = {{node}} and said.kind not in ({_kinds}))"""
"""Whether people say that anything came of a node; what the catalog keeps does not count."""

OUT_OF = """cross join lateral (
    select * from edge where edge.source = {node} order by edge.target) edge"""
INTO = """cross join lateral (
    select * from edge where edge.target = {node} order by edge.source) edge"""
"""The edges of one node after another, each time by index. A plain join is left to what
PostgreSQL believes of the table, which in a recursion goes wrong by orders of magnitude: all
edges read for each node, when most edges belong to one or when the figures are old. The
order is what the indexes hold and keeps the planner to them."""


def add_node(tx: Writing, kind: NodeKind, ref: Ref, *, since: datetime | None = None) -> int:
    """The id of the node for ``ref``, made when there is none (of ``since``, by default now).

    Waits for another transaction that is making the same node.
    """
    made = tx.value(
        insert(node)
        .values(kind=kind, ref=str(ref), created_at=since or func.clock_timestamp())
        .on_conflict_do_nothing(index_elements=[node.c.ref])
        .returning(node.c.id)
    )
    if made is not None:
        return made
    return tx.value(select(node.c.id).where(node.c.ref == str(ref)))


def add_nodes(tx: Writing, kind: NodeKind, refs: Collection[str]) -> dict[str, int]:
    """The ids of the nodes for all of ``refs``, by reference; as `add_node` for each."""
    made = insert(node).values(created_at=func.clock_timestamp())
    tx.run_many(
        made.on_conflict_do_nothing(index_elements=[node.c.ref]),
        [{"kind": kind, "ref": ref} for ref in refs],
    )
    return find_nodes(tx, refs)


def find_nodes(tx: Reading, refs: Collection[str]) -> dict[str, int]:
    """The ids of those nodes that there are, by reference."""
    rows = tx.rows(select(node.c.ref, node.c.id).where(node.c.ref == any_text(refs)))
    return {row["ref"]: row["id"] for row in rows}


def find_node(tx: Reading, ref: Ref) -> int | None:
    """The id of the node for ``ref``."""
    return tx.value(select(node.c.id).where(node.c.ref == str(ref)))


def add_edge(
    tx: Writing,
    source: int,
    target: int,
    kind: str,
    *,
    since: datetime | None = None,
    evidence: dict[str, Any] | None = None,
) -> bool:
    """Say that ``target`` came from ``source``, from ``since`` (now) on; False when that is
    said already, which changes nothing."""
    made = tx.value(
        insert(edge)
        .values(
            source=source,
            target=target,
            kind=kind,
            since=since or func.clock_timestamp(),
            evidence=evidence,
        )
        .on_conflict_do_nothing()
        .returning(edge.c.source)
    )
    return made is not None


def end_edges(
    tx: Writing, kind: str, *, source: int | None = None, target: int, until: datetime | None
) -> int:
    """End what holds of this kind at a node, now or at ``until``; how many edges that were.

    An edge that would end before it began ends a microsecond after.
    """
    ends = func.greatest(until or func.clock_timestamp(), edge.c.since + literal(_TICK))
    holds = (edge.c.target == target, edge.c.kind == kind, edge.c.until.is_(None))
    statement = update(edge).where(*holds).values(until=ends).returning(edge.c.source)
    if source is not None:
        statement = statement.where(edge.c.source == source)
    return len(tx.values(statement))
