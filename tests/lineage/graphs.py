"""Random graphs in the database, and the same ones in networkx."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

import networkx as nx
from sqlalchemy import insert

from twinline.db.graph import add_node
from twinline.db.schema import custom_node, edge, withdrawal
from twinline.db.session import Writing
from twinline.language.refs import CustomRef

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Connection(NamedTuple):
    """An edge that holds from a day to a day (None: still)."""

    source: int
    target: int
    since: int
    until: int | None

    def holds(self, day: float) -> bool:
        return self.since <= day and (self.until is None or day < self.until)


class Plan(NamedTuple):
    """Nodes 0 ... size-1, edges among them, and which are retired since which day."""

    size: int
    edges: tuple[Connection, ...]
    retired: dict[int, int]

    def graph(self, day: float) -> "nx.DiGraph[int]":
        """What holds on a day."""
        graph: nx.DiGraph[int] = nx.DiGraph()
        graph.add_nodes_from(range(self.size))
        graph.add_edges_from((one.source, one.target) for one in self.edges if one.holds(day))
        return graph

    def blocked(self, day: float, root: int) -> set[int]:
        """The nodes behind which a walk does not go on."""
        return {one for one, since in self.retired.items() if since <= day and one != root}


def at(day: float) -> datetime:
    return BEGINNING + day * DAY


def draw(random: Random) -> Plan:
    """A graph that may have cycles and several ways to a node."""
    size = random.randint(2, 30)
    edges: dict[tuple[int, int], Connection] = {}
    for _ in range(random.randint(1, 3 * size)):
        source, target = random.sample(range(size), 2)
        since = random.randint(0, 20)
        until = random.choice([None, None, since + random.randint(1, 10)])
        edges[source, target] = Connection(source, target, since, until)
    retired = {node: random.randint(0, 20) for node in range(size) if random.random() < 0.1}
    return Plan(size, tuple(edges.values()), retired)


def ref(number: int) -> CustomRef:
    return CustomRef("thing", str(number))


def keep(tx: Writing, plan: Plan) -> list[int]:
    """Put a plan into the database; the ids of its nodes."""
    ids = [add_node(tx, "custom", ref(number), since=at(0)) for number in range(plan.size)]
    rows = [
        {
            "node_id": id, "type": "thing", "name": str(number), "description": "",
            "properties": {}, "owner": "", "actor": "test", "since": at(0),
        }
        for number, id in enumerate(ids)
    ]  # fmt: skip
    tx.run_many(insert(custom_node), rows)
    edges = [
        {
            "source": ids[one.source], "target": ids[one.target], "kind": "feeds",
            "since": at(one.since), "until": None if one.until is None else at(one.until),
        }
        for one in plan.edges
    ]  # fmt: skip
    tx.run_many(insert(edge), edges)
    retired = [
        {
            "node_id": ids[number], "kind": "retired", "reason": "because", "actor": "test",
            "at": at(day),
        }
        for number, day in plan.retired.items()
    ]  # fmt: skip
    tx.run_many(insert(withdrawal), retired)
    return ids


def distances(graph: "nx.DiGraph[int]", root: int, blocked: Iterable[int]) -> dict[int, int]:
    """Hops from the root to whatever it reaches without going on behind a blocked node."""
    passable = graph.copy()
    for node in blocked:
        passable.remove_edges_from(list(passable.out_edges(node)))
    return nx.single_source_shortest_path_length(passable, root)
