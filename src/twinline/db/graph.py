"""Nodes and edges: how every noun puts its things into the lineage graph."""

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from twinline.db.schema import edge, node
from twinline.db.session import Reading, Writing
from twinline.language.records import EdgeKind, NodeKind
from twinline.language.refs import Ref


def add_node(tx: Writing, kind: NodeKind, ref: Ref) -> int:
    """The id of the node for ``ref``, made when there is none.

    Waits for another transaction that is making the same node.
    """
    made = tx.value(
        insert(node)
        .values(kind=kind, ref=str(ref), created_at=func.clock_timestamp())
        .on_conflict_do_nothing(index_elements=[node.c.ref])
        .returning(node.c.id)
    )
    if made is not None:
        return made
    return tx.value(select(node.c.id).where(node.c.ref == str(ref)))


def find_node(tx: Reading, ref: Ref) -> int | None:
    """The id of the node for ``ref``."""
    return tx.value(select(node.c.id).where(node.c.ref == str(ref)))


def add_edge(tx: Writing, source: int, target: int, kind: EdgeKind) -> None:
    """Say that ``target`` came from ``source``; saying it again changes nothing."""
    tx.run(
        insert(edge)
        .values(source=source, target=target, kind=kind, since=func.clock_timestamp())
        .on_conflict_do_nothing()
    )
