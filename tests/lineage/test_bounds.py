"""However wide the graph is, a walk and a count do bounded work and say what is left out."""

import time

import pytest
from sqlalchemy import text

from tests.lineage.graphs import ref
from tests.support.rehearsal import Rehearsal
from twinline.db.graph import add_node
from twinline.language.records import RequestFilter
from twinline.lineage.impacts import impact
from twinline.lineage.walks import VISITED_MOST, walk

WIDE = VISITED_MOST + 5_000


@pytest.fixture
def root(rehearsal: Rehearsal) -> str:
    """A node with more direct neighbours than a walk looks at."""
    nodes = (
        "insert into node (kind, ref, created_at)"
        " select 'custom', 'nodes:/wide/' || n, now() from generate_series(1, :wide) n"
    )
    edges = (
        "insert into edge (source, target, kind, since)"
        " select :root, id, 'feeds', now() from node where ref like 'nodes:/wide/%'"
    )
    with rehearsal.writing("test") as tx:
        id = add_node(tx, "custom", ref(0))
        tx.run(text(nodes), {"wide": WIDE})
        tx.run(text(edges), {"root": id})
    return str(ref(0))


def test_a_node_with_100_000_neighbours_is_cut_and_says_so(rehearsal: Rehearsal, root: str) -> None:
    began = time.monotonic()
    with rehearsal.reading() as tx:
        found = walk(tx, root, direction="both", depth=100, limit=500)
        counted = impact(tx, root, RequestFilter())
    assert time.monotonic() - began < 30
    assert (len(found.nodes), found.nodes[0].ref) == (500, root)
    assert found.left_out >= VISITED_MOST - 500
    assert "behind the first 100,000 nodes" in str(found.why_left_out)
    assert counted.service.requests == 0
