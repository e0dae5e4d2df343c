"""What a recall finds downstream equals what networkx finds in all nodes and edges.

It follows only the deployments that can matter, so the whole graph is walked here.
"""

import random

import networkx as nx
import pytest
from sqlalchemy import text

from tests.support.random_catalogs import random_catalog
from tests.support.rehearsal import Rehearsal
from twinline.access import actions as access
from twinline.language.records import EDGE_KINDS
from twinline.recalls import store

ALL = """
select s.ref as source, t.ref as target, edge.kind, edge.until is null as holds from edge
join node s on s.id = edge.source join node t on t.id = edge.target where edge.kind <> 'derived'
"""
SAY = """
insert into edge (source, target, kind, since, until)
select s.id, t.id, 'fed', now() - interval '2 hours',
    case when :ended then now() - interval '1 hour' end
from node s, node t where s.ref = :source and t.ref = :target
on conflict do nothing
"""


@pytest.mark.parametrize("seed", range(24))
def test_what_is_downstream_is_what_a_walk_over_everything_finds(
    rehearsal: Rehearsal, seed: int
) -> None:
    """People say of anything that it came of anything else, and end some of that."""
    dice = random.Random(seed)
    random_catalog(rehearsal, dice)
    _say(rehearsal, dice, times=dice.randint(0, 8))
    graph = _read(rehearsal)
    for root in set(graph) - _of(set(graph), "deployments:", "routes:"):  # not to be recalled
        with rehearsal.reading() as tx:
            found = store.downstream(tx, root, access.now(tx))
            deployed = store.deployments_of(tx, found)
        below = nx.descendants(graph, root) | {root}
        said = {
            target
            for source, target, kind in graph.edges(keys=True)
            if source in below and kind not in EDGE_KINDS
        }
        live = {
            source
            for source, _, kind, holds in graph.edges(keys=True, data="holds")
            if source in below and kind == "live_in" and holds
        }
        assert found.versions == _of(below, "prompts:", "models:")
        assert {str(one) for one in found.bundles} == _of(below, "bundles:")
        assert {str(one) for one in found.live} == live
        assert {str(one) for one in found.fed_slots} == _of(said, "routes:")
        assert {str(one) for one in found.fed_deployments} == _of(said, "deployments:")
        assert [str(one) for one in deployed] == sorted(_of(below, "deployments:"))


def _say(database: Rehearsal, dice: random.Random, times: int) -> None:
    with database.writing("test") as tx:
        nodes = sorted(tx.values(text("select ref from node")))
        for _ in range(times):
            source, target = dice.sample(nodes, 2)
            ended = dice.random() < 0.2
            tx.run(text(SAY), {"source": source, "target": target, "ended": ended})


def _read(database: Rehearsal) -> nx.MultiDiGraph:
    """All edges but the ended ones of people, which pass nothing on to what is found bad now."""
    graph = nx.MultiDiGraph()
    with database.reading() as tx:
        graph.add_nodes_from(tx.values(text("select ref from node")))
        for row in tx.rows(text(ALL)):
            if row["kind"] in EDGE_KINDS or row["holds"]:
                graph.add_edge(row["source"], row["target"], row["kind"], holds=row["holds"])
    return graph


def _of(refs: set[str], *schemes: str) -> set[str]:
    return {ref for ref in refs if ref.startswith(schemes)}
