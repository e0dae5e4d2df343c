"""Walks over nodes and edges, in SQL."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import RowMapping, text

from twinline.db.session import Reading
from twinline.language.records import EDGE_KINDS, Edge

Way = Literal["upstream", "downstream"]

TIMELESS = [kind for kind in EDGE_KINDS if kind != "live_in"]
"""Edges that say what something is made of: that holds whenever, unlike what is live
somewhere and what people stated, which hold from a time to a time."""


class Window(NamedTuple):
    """From when to when; None: without bound."""

    begin: datetime | None = None
    end: datetime | None = None


ALWAYS = Window()

_HELD = """(edge.kind = any(:timeless) or
    (cast(:end as timestamptz) is null or edge.since < :end)
    and (cast(:begin as timestamptz) is null or edge.until is null or edge.until > :begin))"""
_DOWNSTREAM = f"""
with recursive reached(id) as (
    select cast(:root as bigint)
    union
    select edge.target from reached join edge on edge.source = reached.id and {_HELD}
    where reached.id = :root or not exists (
        select 1 from withdrawal retired where retired.node_id = reached.id
            and retired.kind = 'retired' and retired.at <= :begin
            and (retired.lifted_at is null or retired.lifted_at > :end))
)
"""
_REACHED_IDS = text(f"{_DOWNSTREAM} select id from reached")
_REACHED = text(f"""{_DOWNSTREAM}
select node.ref, node.kind,
    node.kind <> 'bundle' and exists (
        select 1 from edge join reached above on above.id = edge.source
        where edge.target = node.id and edge.kind <> all(:catalogued) and {_HELD}) as stated,
    node.kind = 'deployment' and exists (
        select 1 from edge where edge.source = node.id and edge.kind = 'live_in'
            and edge.until is null) as live
from reached join node on node.id = reached.id
where node.kind in ('bundle', 'deployment', 'slot') order by node.id
""")

_STEP = """
select distinct edge.{there} from edge
where edge.{here} = any(cast(:ids as bigint[])) and edge.since <= :at
    and (edge.until is null or edge.until > :at)
    and (edge.{here} = :root or not exists (
        select 1 from withdrawal retired where retired.node_id = edge.{here}
            and retired.kind = 'retired' and retired.at <= :at
            and (retired.lifted_at is null or retired.lifted_at > :at)))
limit :most
"""
_STEPS = {
    "upstream": text(_STEP.format(here="target", there="source")),
    "downstream": text(_STEP.format(here="source", there="target")),
}
_KINDS = text("select id, kind from node where id = any(cast(:ids as bigint[]))")
_NODES = text("""
select id, ref, kind, created_at, (
    select withdrawal.kind from withdrawal where node_id = node.id and at <= :at
        and (lifted_at is null or lifted_at > :at)
    order by withdrawal.kind limit 1) as withdrawn
from node where id = any(cast(:ids as bigint[])) order by id
""")
_EDGES = text("""
select source.ref as source, target.ref as target, edge.kind, edge.since, edge.until
from edge join node source on source.id = edge.source join node target on target.id = edge.target
where edge.source = any(cast(:ids as bigint[])) and edge.target = any(cast(:ids as bigint[]))
    and edge.since <= :at and (edge.until is null or edge.until > :at)
order by edge.source, edge.target, edge.kind
""")


class Reached(NamedTuple):
    """What serves requests among the nodes downstream of one.

    ``stated``: reached by an edge that people added, so that all that the slot or
    deployment served counts.
    """

    ref: str
    kind: str
    stated: bool
    live: bool


def reached_ids(tx: Reading, root: int, window: Window) -> list[int]:
    """Everything downstream of a node, itself among them."""
    return tx.values(_REACHED_IDS, {"root": root, "timeless": TIMELESS} | window._asdict())


def reached(tx: Reading, root: int, window: Window) -> list[Reached]:
    """The bundles, deployments and slots downstream of a node, itself among them."""
    values = {"root": root, "timeless": TIMELESS, "catalogued": list(EDGE_KINDS)}
    rows = tx.rows(_REACHED, values | window._asdict())
    return [Reached(**row) for row in rows]


def step(
    tx: Reading, way: Way, ids: Collection[int], at: datetime, root: int, most: int
) -> list[int]:
    """The direct neighbours of nodes at a time, up to ``most``; not through retired ones."""
    values = {"ids": list(ids), "at": at, "root": root, "most": most}
    return tx.values(_STEPS[way], values)


def kinds(tx: Reading, ids: Collection[int]) -> dict[int, str]:
    """The kind of each of these nodes."""
    return {row["id"]: row["kind"] for row in tx.rows(_KINDS, {"ids": list(ids)})}


def nodes(tx: Reading, ids: Collection[int], at: datetime) -> Sequence[RowMapping]:
    """These nodes as they were at a time, by id."""
    return tx.rows(_NODES, {"ids": list(ids), "at": at})


def edges_among(tx: Reading, ids: Collection[int], at: datetime) -> tuple[Edge, ...]:
    """The edges that held at a time and whose both ends are among these nodes."""
    rows = tx.rows(_EDGES, {"ids": list(ids), "at": at})
    return tuple(Edge.model_validate(dict(row)) for row in rows)
