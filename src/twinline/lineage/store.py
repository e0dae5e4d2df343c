"""Walks over nodes and edges, in SQL."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import RowMapping, any_, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger

from twinline.db.schema import edge, node
from twinline.db.session import Reading
from twinline.language.records import Edge

_WALK = """
with recursive reached(id, depth) as (
    select cast(:root as bigint), 0
    union
    select edge.{there}, reached.depth + 1 from reached
    join edge on edge.{here} = reached.id
    where reached.depth < :depth
)
select node.id, node.ref, node.kind, node.created_at, min(reached.depth) as depth
from reached join node on node.id = reached.id
group by node.id order by min(reached.depth), node.id
"""
_WALKS = {
    "upstream": text(_WALK.format(here="target", there="source")),
    "downstream": text(_WALK.format(here="source", there="target")),
}


@dataclass(frozen=True)
class Reached:
    """A node that a walk reached, and in how many hops."""

    id: int
    row: RowMapping
    depth: int


def walk(
    tx: Reading, root: int, direction: Literal["upstream", "downstream"], depth: int
) -> list[Reached]:
    """Everything within ``depth`` hops of a node, itself first, the nearest first."""
    rows = tx.rows(_WALKS[direction], {"root": root, "depth": depth})
    return [Reached(row["id"], row, row["depth"]) for row in rows]


def edges_among(tx: Reading, ids: list[int]) -> tuple[Edge, ...]:
    """The edges whose both ends are among these nodes."""
    source, target = node.alias(), node.alias()
    among = bindparam("ids", ids, type_=ARRAY(BigInteger))
    query = (
        select(source.c.ref.label("source"), target.c.ref.label("target"), edge.c.kind)
        .join(source, source.c.id == edge.c.source)
        .join(target, target.c.id == edge.c.target)
        .where(edge.c.source == any_(among), edge.c.target == any_(among))
        .order_by(edge.c.source, edge.c.target)
    )
    return tuple(Edge.model_validate(dict(row)) for row in tx.rows(query))
