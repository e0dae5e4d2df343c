"""Nodes and edges that people add to the lineage themselves."""

from datetime import datetime

from twinline.access import actions as access
from twinline.access.actions import audit
from twinline.db.graph import add_edge, add_node, end_edges, find_node
from twinline.db.session import Reading, Writing
from twinline.language import cursors
from twinline.language.errors import Conflict, Invalid, NotFound
from twinline.language.nearest import not_found
from twinline.language.records import (
    EDGE_KINDS,
    CustomNode,
    Edge,
    EdgeEnd,
    NewCustomNode,
    NewEdge,
    Page,
)
from twinline.language.refs import CustomRef
from twinline.lineage import custom_store as store
from twinline.lineage import nodes


def add(tx: Writing, new: NewCustomNode) -> tuple[CustomNode, bool]:
    """Add a node, or say anew what it is; whether it is new.

    Raises:
        Invalid: it should exist since a moment that is yet to come.
    """
    _refuse_future(tx, new.since, "since")
    ref = CustomRef(new.type, new.name)
    known = find_node(tx, ref)
    before = store.find(tx, ref) if known else None
    store.keep(tx, add_node(tx, "custom", ref, since=new.since), new)
    after = store.find(tx, ref)
    assert after is not None
    if after != before:
        audit(
            tx,
            "node.change" if before else "node.create",
            str(ref),
            before=before.model_dump(mode="json") if before else None,
            after=after.model_dump(mode="json"),
        )
    return after, before is None


def read(tx: Reading, ref: CustomRef) -> CustomNode:
    """A node that people added.

    Raises:
        NotFound: there is no such node.
    """
    found = store.find(tx, ref)
    if found is None:
        raise not_found("node", str(ref), store.names(tx, ref))
    return found


def list_nodes(
    tx: Reading, type: str | None, *, cursor: str | None, limit: int
) -> Page[CustomNode]:
    """The nodes that people added, by type and name."""
    listing = f"nodes of type {type}" if type else "nodes"
    after = cursors.decode(listing, cursor, str)
    items = store.page(tx, type, after=after, limit=limit)
    return cursors.page(listing, items, limit, lambda last: str(last.ref))


def connect(tx: Writing, new: NewEdge) -> tuple[Edge, bool]:
    """Say that a node came from another one; whether that is new.

    Raises:
        InvalidReference, NotFound: an end is no node.
        Invalid: the kind is one that the catalog keeps itself, both ends are one node, or
            it should hold since a moment that is yet to come.
        Conflict: it should hold since a moment before it was ended.
    """
    _refuse_kind(new.kind)
    _refuse_future(tx, new.since, "since")
    (source, source_ref), (target, target_ref) = (
        nodes.find(tx, new.source),
        nodes.find(tx, new.target),
    )
    if source == target:
        raise Invalid(f"{source_ref} cannot come from itself.", field="target", value=new.target)
    ended = store.ended_at(tx, source, target, new.kind)
    if ended and new.since and new.since < ended:
        raise Conflict(
            f"{source_ref} -{new.kind}-> {target_ref} was ended at {ended.isoformat()}; it can "
            "hold again from then on, not from before."
        )
    made = add_edge(
        tx, source, target, new.kind, since=new.since, evidence=new.evidence | {"by": tx.actor}
    )
    edge = store.edge_now(tx, source, target, new.kind)
    if edge is None:
        raise Conflict(f"{source_ref} -{new.kind}-> {target_ref} was ended just now; look again.")
    if made:
        audit(tx, "edge.create", _words(edge), after=edge.model_dump(mode="json"))
    return edge, made


def disconnect(tx: Writing, end: EdgeEnd) -> Edge:
    """Say that an edge of somebody's own holds no longer; that it held is kept.

    Raises:
        InvalidReference, NotFound: an end is no node, or there is no such edge now.
        Invalid: the kind is one that the catalog keeps itself, or the end is yet to come.
    """
    _refuse_kind(end.kind)
    _refuse_future(tx, end.until, "until")
    (source, source_ref), (target, target_ref) = (
        nodes.find(tx, end.source),
        nodes.find(tx, end.target),
    )
    before = store.edge_now(tx, source, target, end.kind)
    ended = end_edges(tx, end.kind, source=source, target=target, until=end.until)
    if before is None or not ended:
        raise NotFound(
            f"There is no edge {source_ref} -{end.kind}-> {target_ref} that holds now.",
            kind="edge",
            name=f"{source_ref} -{end.kind}-> {target_ref}",
        )
    after = before.model_copy(update={"until": store.ended_at(tx, source, target, end.kind)})
    audit(
        tx,
        "edge.end",
        _words(after),
        why=end.reason,
        before=before.model_dump(mode="json"),
        after=after.model_dump(mode="json"),
    )
    return after


def _refuse_kind(kind: str) -> None:
    if kind in EDGE_KINDS:
        raise Invalid(
            f"Edges of the kind {kind!r} are kept by the catalog itself; take a word of your own.",
            field="kind",
            value=kind,
        )


def _refuse_future(tx: Reading, at: datetime | None, field: str) -> None:
    if at is not None and at > access.now(tx):
        raise Invalid(
            f"`{field}` is {at.isoformat()}, which is yet to come; say it when it is so.",
            field=field,
            value=at.isoformat(),
        )


def _words(edge: Edge) -> str:
    return f"{edge.source} -{edge.kind}-> {edge.target}"
