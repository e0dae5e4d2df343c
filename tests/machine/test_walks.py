"""Every walk over the lineage graph equals what networkx finds in the same nodes and edges."""

import random
from collections.abc import Iterator
from typing import Literal

import networkx as nx
import pytest
from sqlalchemy import text

from tests.support.random_catalogs import random_catalog
from tests.support.rehearsal import Rehearsal
from twinline.deployments import actions as deployments
from twinline.language.records import RequestFilter
from twinline.lineage.impacts import impact
from twinline.lineage.walks import walk

GRAPHS = 50
WHOLE = {"depth": 100, "limit": 5_000}
Way = Literal["upstream", "downstream"]
WAYS: tuple[Way, ...] = ("upstream", "downstream")


@pytest.mark.parametrize("seed", range(GRAPHS))
def test_a_walk_finds_what_networkx_finds_in_a_random_graph(
    rehearsal: Rehearsal, seed: int
) -> None:
    """Odd seeds have cycles: an error in the data must not make a walk endless or wrong."""
    dice = random.Random(seed)
    names = [f"deployments:/random@graph/{number}" for number in range(1, dice.randint(3, 16))]
    _put(rehearsal, names, list(_random_edges(dice, names, cycles=bool(seed % 2))))
    graph = _read(rehearsal)
    assert set(graph) == set(names)
    for root in names:
        _walks_agree(rehearsal, graph, root)
        _a_short_walk_says_what_it_left_out(rehearsal, graph, root, dice.randint(1, 3))
        _a_small_limit_keeps_the_nearest(rehearsal, graph, root, dice.randint(1, 4))


@pytest.mark.parametrize("seed", range(8))
def test_a_walk_finds_what_networkx_finds_in_a_random_catalog(
    rehearsal: Rehearsal, seed: int
) -> None:
    random_catalog(rehearsal, random.Random(seed))
    graph = _read(rehearsal)
    assert nx.is_directed_acyclic_graph(graph)
    kinds = {root.partition(":")[0] for root in graph}
    assert kinds == {*("datasets", "runs", "models", "prompts", "bundles", "deployments", "routes")}
    for root in graph:
        _walks_agree(rehearsal, graph, root)
        if not root.startswith("routes:"):  # whose impact is what it served
            _impact_is_what_is_downstream(rehearsal, graph, root)


def _walks_agree(database: Rehearsal, graph: nx.DiGraph, root: str) -> None:
    up, down = nx.ancestors(graph, root), nx.descendants(graph, root)
    with database.reading() as tx:
        for direction, wanted in (("upstream", up), ("downstream", down), ("both", up | down)):
            found = walk(tx, root, direction=direction, **WHOLE)
            shown = {node.ref for node in found.nodes}
            assert len(found.nodes) == len(shown)
            assert shown == wanted | {root}
            assert (found.left_out, found.why_left_out) == (0, None)
            edges = {(edge.source, edge.target) for edge in found.edges}
            assert edges == set(graph.subgraph(shown).edges)
    assert root in graph


def _a_short_walk_says_what_it_left_out(
    database: Rehearsal, graph: nx.DiGraph, root: str, depth: int
) -> None:
    for way in WAYS:
        hops = _hops(graph, root, way)
        wanted = {ref: hop for ref, hop in hops.items() if hop <= depth}
        with database.reading() as tx:
            found = walk(tx, root, direction=way, depth=depth, limit=5_000)
        assert {node.ref: abs(node.depth) for node in found.nodes} == wanted
        hidden = len(hops) - len(wanted)
        assert 0 <= found.left_out <= hidden
        assert (found.left_out > 0) == (hidden > 0) == (found.why_left_out is not None)


def _a_small_limit_keeps_the_nearest(
    database: Rehearsal, graph: nx.DiGraph, root: str, limit: int
) -> None:
    for way in WAYS:
        hops = _hops(graph, root, way)
        with database.reading() as tx:
            found = walk(tx, root, direction=way, depth=100, limit=limit)
        kept = [hops[node.ref] for node in found.nodes]
        assert kept == sorted(hops.values())[:limit]
        assert found.left_out == len(hops) - len(kept)


def _impact_is_what_is_downstream(database: Rehearsal, graph: nx.DiGraph, root: str) -> None:
    below = nx.descendants(graph, root) | {root}
    with database.reading() as tx:
        found = impact(tx, root, RequestFilter())
        live = {
            str(slot.live.slot)
            for slot in deployments.list_slots(tx, None, cursor=None, limit=500).items
            if slot.live is not None and str(slot.live.ref) in below
        }
    assert found.deployments == sum(ref.startswith("deployments:") for ref in below)
    assert {str(slot) for slot in found.live} == live
    if not root.startswith("deployments:"):  # whose bundles are those that it serves
        assert found.bundles == sum(ref.startswith("bundles:") for ref in below)


def _hops(graph: nx.DiGraph, root: str, way: Way) -> dict[str, int]:
    along = graph if way == "downstream" else graph.reverse()
    return nx.single_source_shortest_path_length(along, root)


def _random_edges(
    dice: random.Random, names: list[str], *, cycles: bool
) -> Iterator[tuple[str, str]]:
    share = dice.choice((0.05, 0.15, 0.4))
    for place, source in enumerate(names):
        for target in names if cycles else names[place + 1 :]:
            if source != target and dice.random() < share:
                yield source, target


def _put(database: Rehearsal, names: list[str], edges: list[tuple[str, str]]) -> None:
    node = "insert into node(kind, ref, created_at) values ('deployment', :ref, now())"
    edge = (
        "insert into edge(source, target, kind, since) select s.id, t.id, 'deployed_as', now()"
        " from node s, node t where s.ref = :source and t.ref = :target"
    )
    with database.writing("test") as tx:
        tx.run_many(text(node), [{"ref": name} for name in names])
        tx.run_many(text(edge), [{"source": one, "target": other} for one, other in edges])


def _read(database: Rehearsal) -> nx.DiGraph:
    graph = nx.DiGraph()
    ends = (
        "select s.ref as source, t.ref as target from edge"
        " join node s on s.id = edge.source join node t on t.id = edge.target"
        " where edge.until is null"
    )
    with database.reading() as tx:
        graph.add_nodes_from(tx.values(text("select ref from node")))
        graph.add_edges_from((row["source"], row["target"]) for row in tx.rows(text(ends)))
    return graph
