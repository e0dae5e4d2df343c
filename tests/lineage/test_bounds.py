"""However wide the graph is, a walk and a count do bounded work and say what is left out."""

import pytest
from sqlalchemy import text

from tests.lineage.graphs import ref
from twinline.db.graph import add_node
from twinline.db.session import Database
from twinline.language.records import RequestFilter
from twinline.lineage.impacts import impact
from twinline.lineage.walks import VISITED_MOST, walk

WIDE = VISITED_MOST + 5_000
RESTORED = 5_000
STALE = """
update pg_class set reltuples = 0, relpages = 100 where relname in ('node', 'edge', 'withdrawal')
"""
"""What PostgreSQL knows of tables that it vacuumed when all their rows had been rolled back."""


@pytest.fixture
def root(database: Database) -> str:
    """A node with more direct neighbours than a walk looks at, many of them retired once."""
    nodes = (
        "insert into node (kind, ref, created_at)"
        " select 'custom', 'nodes:/wide/' || n, now() from generate_series(1, :wide) n"
    )
    edges = (
        "insert into edge (source, target, kind, since)"
        " select :root, id, 'feeds', now() from node where ref like 'nodes:/wide/%'"
    )
    restored = (
        "insert into withdrawal (node_id, kind, reason, actor, at, lifted_by, lifted_reason,"
        " lifted_at) select id, 'retired', 'x', 'x', now(), 'x', 'x', now() from node"
        " where ref like 'nodes:/wide/%' limit :some"
    )
    with database.writing("test") as tx:
        tx.run(text(STALE))
        id = add_node(tx, "custom", ref(0))
        tx.run(text(nodes), {"wide": WIDE})
        tx.run(text(edges), {"root": id})
        tx.run(text(restored), {"some": RESTORED})
    return str(ref(0))


def test_a_node_with_100_000_neighbours_is_cut_and_says_so(database: Database, root: str) -> None:
    with database.reading() as tx:
        found = walk(tx, root, direction="both", depth=100, limit=500)
        counted = impact(tx, root, RequestFilter())
    assert (len(found.nodes), found.nodes[0].ref) == (500, root)
    assert found.left_out >= VISITED_MOST - 500
    assert "behind the first 100,000 nodes" in str(found.why_left_out)
    assert counted.service.requests == 0
