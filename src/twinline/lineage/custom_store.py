"""Custom nodes and edges, in SQL."""

from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from twinline.db.names import near
from twinline.db.schema import custom_node, edge, node
from twinline.db.session import Reading, Writing
from twinline.language.records import CustomNode, Edge, NewCustomNode
from twinline.language.refs import CustomRef


def keep(tx: Writing, node_id: int, new: NewCustomNode) -> None:
    """Keep what a node is now; since when it exists stays."""
    says = new.model_dump(include={"description", "properties", "owner"}) | {"actor": tx.actor}
    since = new.since or func.clock_timestamp()
    tx.run(
        insert(custom_node)
        .values(node_id=node_id, type=new.type, name=new.name, since=since, **says)
        .on_conflict_do_update(index_elements=["node_id"], set_=says)
    )


def find(tx: Reading, ref: CustomRef) -> CustomNode | None:
    """A custom node."""
    is_it = (custom_node.c.type == ref.type, custom_node.c.name == ref.name)
    row = tx.row(select(custom_node).where(*is_it))
    return _node(row) if row else None


def page(tx: Reading, type: str | None, *, after: str | None, limit: int) -> tuple[CustomNode, ...]:
    """Custom nodes by type and name."""
    query = select(custom_node).order_by(custom_node.c.type, custom_node.c.name).limit(limit)
    if type is not None:
        query = query.where(custom_node.c.type == type)
    if after is not None:
        last = CustomRef.parse(after)
        place = tuple_(custom_node.c.type, custom_node.c.name)
        query = query.where(place > tuple_(last.type, last.name))
    return tuple(_node(row) for row in tx.rows(query))


def names(tx: Reading, ref: CustomRef) -> list[str]:
    """References of custom nodes, for finding those like one."""
    known = func.concat("nodes:/", custom_node.c.type, "/", custom_node.c.name)
    return tx.values(near(known, str(ref)))


def edge_now(tx: Reading, source: int, target: int, kind: str) -> Edge | None:
    """The edge that holds now."""
    row = tx.row(_edges(source, target, kind).where(edge.c.until.is_(None)))
    return Edge.model_validate(dict(row)) if row else None


def ended_at(tx: Reading, source: int, target: int, kind: str) -> datetime | None:
    """When such an edge ended last."""
    ends = _edges(source, target, kind).with_only_columns(func.max(edge.c.until))
    return tx.value(ends)


def _edges(source: int, target: int, kind: str) -> Select[*tuple[Any, ...]]:
    above, below = node.alias(), node.alias()
    return (
        select(
            above.c.ref.label("source"),
            below.c.ref.label("target"),
            edge.c.kind,
            edge.c.since,
            edge.c.until,
        )
        .join(above, above.c.id == edge.c.source)
        .join(below, below.c.id == edge.c.target)
        .where(edge.c.source == source, edge.c.target == target, edge.c.kind == kind)
    )


def _node(row: RowMapping) -> CustomNode:
    return CustomNode.model_validate({**row, "ref": CustomRef(row["type"], row["name"])})
