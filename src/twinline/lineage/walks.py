"""Walk the lineage graph from a node."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from sqlalchemy import RowMapping

from twinline.access import actions as access
from twinline.db.session import Reading
from twinline.language.errors import NotFound
from twinline.language.records import Direction, Lineage, Node, NodeKind
from twinline.language.refs import Ref
from twinline.lineage import nodes, rules, store
from twinline.lineage.store import Way

VISITED_MOST = 100_000
"""Nodes that a walk looks at in each direction before it stops and says so."""


def walk(
    tx: Reading,
    text: str,
    *,
    direction: Direction,
    depth: int,
    limit: int,
    kinds: Collection[NodeKind] = (),
    as_of: datetime | None = None,
) -> Lineage:
    """Everything upstream or downstream of a node, within ``depth`` hops.

    Depth 1 is the direct neighbours. The nearest ``limit`` nodes of these kinds (none:
    all) are shown, and what is left out is counted. A retired node is shown, but the walk
    does not go on behind it. With ``as_of`` the graph is as it was known then.

    Raises:
        InvalidReference: ``text`` is no reference.
        NotFound: there is no such node, or there was not at that time.
    """
    ways: tuple[Way, ...] = ("upstream", "downstream") if direction == "both" else (direction,)
    depths = dict.fromkeys(ways, depth)
    return _walk(tx, text, direction, depths, limit=limit, kinds=kinds, as_of=as_of)


def around(
    tx: Reading,
    text: str,
    *,
    up: int,
    down: int,
    limit: int,
    kinds: Collection[NodeKind] = (),
    as_of: datetime | None = None,
) -> Lineage:
    """As `walk`, with a depth for each direction; 0: nothing that way.

    Raises:
        InvalidReference, NotFound: as for `walk`.
    """
    depths: dict[Way, int] = {"upstream": up, "downstream": down}
    asked: dict[Way, int] = {way: depth for way, depth in depths.items() if depth}
    direction = next(iter(asked)) if len(asked) == 1 else "both"
    return _walk(tx, text, direction, asked, limit=limit, kinds=kinds, as_of=as_of)


def _walk(
    tx: Reading,
    text: str,
    direction: Direction,
    depths: Mapping[Way, int],
    *,
    limit: int,
    kinds: Collection[NodeKind],
    as_of: datetime | None,
) -> Lineage:
    root, ref = nodes.find(tx, text)
    at = as_of or access.now(tx)
    _refuse_unborn(tx, root, ref, at)
    found, stopped = rules.Found(), False
    cut: set[Way] = set()
    if not depths:
        found = found.with_level(0, {root}, beyond=False)
    for way, depth in depths.items():
        sign = -1 if way == "upstream" else 1
        seen = 0
        for hops, ids in _levels(tx, root, way, depth, at):
            found = found.with_level(sign * hops, ids, beyond=hops > depth)
            seen += len(ids)
            if ids and hops > depth:
                cut.add(way)
        stopped = stopped or seen > VISITED_MOST
    shown = _of_kinds(tx, found.nearest, kinds)
    kept, over_limit = rules.cut(shown, limit)
    reasons = rules.why_left_out(
        over_limit=over_limit,
        limit=limit,
        deeper=len(found.deeper),
        hops=rules.hops_said(depths, cut),
        other_kinds=len(found.nearest) - len(shown),
        visited_most=VISITED_MOST if stopped else None,
    )
    rows = {row["id"]: row for row in store.nodes(tx, kept, at)}
    return Lineage(
        root=str(ref),
        direction=direction,
        as_of=as_of,
        nodes=tuple(_node(rows[id], found.depths[id]) for id in kept),
        edges=store.edges_among(tx, {id: row["ref"] for id, row in rows.items()}, at),
        left_out=len(found.nearest) - len(kept) + len(found.deeper),
        why_left_out=reasons,
    )


def _node(row: RowMapping, depth: int) -> Node:
    _, ref, kind, created_at, withdrawn, pinned = row.values()
    return Node(
        ref=ref,
        kind=kind,
        created_at=created_at,
        withdrawn=withdrawn,
        pinned=pinned,
        depth=depth,
    )


def _levels(
    tx: Reading, root: int, way: Way, depth: int, at: datetime
) -> Iterator[tuple[int, set[int]]]:
    """The nodes first met after 0, 1, 2 ... hops, to one beyond ``depth``."""
    frontier, seen = {root}, {root}
    for hops in range(depth + 2):
        yield hops, frontier
        if not frontier or len(seen) > VISITED_MOST:
            return
        frontier = set(store.step(tx, way, frontier, at, root, VISITED_MOST + 1)) - seen
        seen |= frontier


def _of_kinds(tx: Reading, ids: list[int], kinds: Collection[NodeKind]) -> list[int]:
    if not kinds:
        return ids
    known = store.kinds(tx, ids)
    return [id for place, id in enumerate(ids) if place == 0 or known[id] in kinds]


def _refuse_unborn(tx: Reading, root: int, ref: Ref, at: datetime) -> None:
    (row,) = store.nodes(tx, [root], at)
    if row["created_at"] > at:
        raise NotFound(
            f"{ref} did not exist at {at.isoformat()}; it is known since "
            f"{row['created_at'].isoformat()}.",
            kind="node",
            name=str(ref),
        )
