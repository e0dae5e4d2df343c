"""Walks and reaches, beside networkx on random graphs."""

from random import Random

import networkx as nx
import pytest

from tests.lineage.graphs import at, distances, draw, keep, ref
from tests.support.rehearsal import Rehearsal
from twinline.language.records import Direction
from twinline.lineage import store
from twinline.lineage.store import ALWAYS, Window
from twinline.lineage.walks import walk

GRAPHS = 300
WAYS: tuple[Direction, ...] = ("upstream", "downstream", "both")


@pytest.mark.parametrize("seed", range(GRAPHS))
def test_a_walk_finds_what_networkx_finds(rehearsal: Rehearsal, seed: int) -> None:
    random = Random(seed)
    plan = draw(random)
    root, day = random.randrange(plan.size), random.randint(0, 25) + 0.5
    depth, direction = random.randint(1, 8), WAYS[seed % 3]
    with rehearsal.writing("test") as tx:
        keep(tx, plan)
        found = walk(
            tx, str(ref(root)), direction=direction, depth=depth, limit=5000, as_of=at(day)
        )
    wanted: dict[str, int] = {}
    beyond: set[str] = set()
    blocked = plan.blocked(day, root)
    for way in ("upstream", "downstream"):
        if direction in (way, "both"):
            graph = plan.graph(day)
            turned = graph.reverse() if way == "upstream" else graph
            for node, hops in distances(turned, root, blocked).items():
                signed = -hops if way == "upstream" else hops
                if hops <= depth:
                    wanted.setdefault(str(ref(node)), signed)
                elif hops == depth + 1:
                    beyond.add(str(ref(node)))
    assert {node.ref: node.depth for node in found.nodes} == wanted
    assert found.left_out == len(beyond - wanted.keys())
    held = {(str(ref(one.source)), str(ref(one.target))) for one in plan.edges if one.holds(day)}
    among = {(source, target) for source, target in held if {source, target} <= wanted.keys()}
    assert {(edge.source, edge.target) for edge in found.edges} == among
    assert {node.ref for node in found.nodes if node.withdrawn} == {
        str(ref(node)) for node, since in plan.retired.items() if since <= day
    } & wanted.keys()


@pytest.mark.parametrize("seed", range(GRAPHS))
def test_what_is_downstream_is_what_networkx_says(rehearsal: Rehearsal, seed: int) -> None:
    """The recursive query behind every count, over what held ever or in a window."""
    random = Random(seed)
    plan = draw(random)
    root, first = random.randrange(plan.size), random.randint(0, 20)
    last = first + random.randint(1, 10)
    with rehearsal.writing("test") as tx:
        ids = keep(tx, plan)
        numbers = {id: number for number, id in enumerate(ids)}
        for window, begin, end in (
            (ALWAYS, None, None),
            (Window(at(first), at(last)), first, last),
        ):
            reached = {numbers[id] for id in store.reached_ids(tx, ids[root], window)}
            graph: nx.DiGraph[int] = nx.DiGraph()
            graph.add_nodes_from(range(plan.size))
            graph.add_edges_from(
                (one.source, one.target)
                for one in plan.edges
                if end is None
                or begin is None
                or (one.since < end and (one.until is None or one.until > begin))
            )
            blocked = plan.blocked(begin, root) if begin is not None else set[int]()
            assert reached == set(distances(graph, root, blocked))
            if begin is None:
                assert reached == nx.descendants(graph, root) | {root}
