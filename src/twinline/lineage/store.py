"""Walks over nodes and edges, in SQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import RowMapping, text

from twinline.db.graph import OUT_OF
from twinline.db.session import Reading
from twinline.language.records import EDGE_KINDS, Edge
from twinline.lineage.rules import Way

TIMELESS = [kind for kind in EDGE_KINDS if kind != "live_in"]
"""Edges that say what something is made of: that holds whenever, unlike what is live
somewhere and what people stated, which hold from a time to a time."""


class Window(NamedTuple):
    """From when to when; None: without bound."""

    begin: datetime | None = None
    end: datetime | None = None


ALWAYS = Window()

# What is retired is asked once for all nodes (`not in`): asked for each, thousands of nodes
# times thousands of retirements went beyond the limit of a statement.
_HELD = """(edge.kind = any(:timeless) or
    (cast(:end as timestamptz) is null or edge.since < :end)
    and (cast(:begin as timestamptz) is null or edge.until is null or edge.until > :begin))"""
_DOWNSTREAM = f"""
with recursive reached(id, via) as (
    select unnest(cast(:roots as bigint[])), ''
    union
    select edge.target, edge.kind
    from reached {OUT_OF.format(node="reached.id")}
    where edge.kind <> 'derived' and {_HELD} and (
        reached.id = any(cast(:roots as bigint[])) or reached.id not in (
        select node_id from withdrawal where kind = 'retired' and at <= :begin
            and (lifted_at is null or lifted_at > :end)))
)
"""
_REACHED_IDS = text(f"{_DOWNSTREAM} select distinct id from reached")
# Arrays in one row: a row for each of thousands of nodes costs more than to find them. An
# edge of the catalog's own says what it leads to; the others are few, and looked up.
_REACHED = text(f"""{_DOWNSTREAM},
named as (
    select id, ref, kind from node
    where id = any(array(select id from reached where via <> all(:catalogued)))
),
bundles as (
    select id from reached where via in ('model_of', 'prompt_of')
    union select id from named where kind = 'bundle'
),
deployments as (
    select id from reached where via = 'deployed_as'
    union select id from named where kind = 'deployment'
)
select array(select id from bundles order by id) as bundles,
    array(select id from deployments order by id) as deployments,
    array(select ref from named where kind = 'deployment' order by id) as served,
    array(select ref from named where kind = 'slot' order by id) as slots,
    array(
        select array[route, environment] from slot where node_id in (
            select edge.target from deployments join edge on edge.source = deployments.id
            where edge.kind = 'live_in' and edge.until is null
            union all
            select edge.target from named join edge on edge.target = named.id
            where named.kind = 'slot' and edge.kind = 'live_in' and edge.until is null)) as live,
    exists (select 1 from reached where via <> '' and via <> all(:catalogued)) as stated
""")
_SERVED_BY = text("select source from edge where target = :id and kind = 'deployed_as'")
_REFS = text("select ref from node where id = any(:ids) order by id")

_SLOTS = text("""
select distinct route, environment from deployment join slot on slot.id = slot_id
where deployment.node_id = any(cast(:ids as bigint[]))
""")

_STEP = """
select distinct edge.{there} from edge
where edge.{here} = any(cast(:ids as bigint[])) and edge.since <= :at
    and (edge.until is null or edge.until > :at)
    and (edge.{here} = :root or edge.{here} not in (
        select node_id from withdrawal where kind = 'retired' and at <= :at
            and (lifted_at is null or lifted_at > :at)))
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
    order by withdrawal.kind limit 1) as withdrawn, (
        select pinned from model_version where node_id = coalesce(
            (select model_version from bundle where bundle.node_id = node.id), node.id)) as pinned
from node where id = any(cast(:ids as bigint[])) order by id
""")
_EDGES = text("""
select source, target, kind, since, until from edge
where source = any(cast(:ids as bigint[])) and target = any(cast(:ids as bigint[]))
    and since <= :at and (until is null or until > :at)
order by source, target, kind
""")


class Reached(NamedTuple):
    """What serves requests among the nodes downstream of some, themselves among them.

    ``bundles`` and ``deployments`` are all there are. ``served`` and ``slots`` are the
    deployments and slots of which all that they served counts: where it began, and where
    an edge leads that people added. ``live``: the slots where any of it is live now.
    ``stated``: whether people's edges led to any of it.
    """

    bundles: list[int]
    deployments: list[int]
    served: list[str]
    slots: list[str]
    live: list[tuple[str, str]]
    stated: bool


def reached_ids(tx: Reading, root: int, window: Window) -> list[int]:
    """Everything downstream of a node, itself among them."""
    return tx.values(_REACHED_IDS, _from([root], window))


def reached(tx: Reading, roots: Collection[int], window: Window) -> Reached:
    """The bundles, deployments and slots downstream of some nodes, themselves among them."""
    row = tx.row(_REACHED, _from(roots, window))
    assert row is not None
    return Reached(**row)


def served_by(tx: Reading, deployment: int) -> list[int]:
    """The bundles that a deployment can serve."""
    return tx.values(_SERVED_BY, {"id": deployment})


def refs(tx: Reading, ids: Collection[int]) -> list[str]:
    """The references of these nodes, by id."""
    return tx.values(_REFS, {"ids": list(ids)})


def slots_of(tx: Reading, deployments: Collection[int]) -> list[tuple[str, str]]:
    """Route and environment of each slot that any of these deployments (nodes) was made to."""
    rows = tx.rows(_SLOTS, {"ids": list(deployments)})
    return [(row["route"], row["environment"]) for row in rows]


def _from(roots: Collection[int], window: Window) -> dict[str, Any]:
    kinds = {"timeless": TIMELESS, "catalogued": list(EDGE_KINDS)}
    return {"roots": list(roots), **kinds, **window._asdict()}


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


def edges_among(tx: Reading, refs: Mapping[int, str], at: datetime) -> tuple[Edge, ...]:
    """The edges that held at a time and whose both ends are among these nodes."""
    rows = tx.rows(_EDGES, {"ids": list(refs), "at": at})
    return tuple(
        Edge(source=refs[source], target=refs[target], kind=kind, since=since, until=until)
        for source, target, kind, since, until in (row.values() for row in rows)
    )
