"""However wide the graph is, a walk and a count do bounded work and say what is left out."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from tests.lineage.graphs import ref
from twinline.db.graph import add_node
from twinline.db.session import Database
from twinline.language.records import RequestFilter
from twinline.language.refs import BundleRef
from twinline.lineage.impacts import impact
from twinline.lineage.walks import VISITED_MOST, walk
from twinline.recalls.store import downstream
from twinline.withdrawals.actions import against, between

WIDE = VISITED_MOST + 5_000
RESTORED = 5_000
_ONLY = "where relname in ('node', 'edge', 'withdrawal')"
ROLLED_BACK = f"update pg_class set reltuples = 0, relpages = 100 {_ONLY}"
KNOWN = [
    "analyze node, edge, withdrawal",
    f"update pg_class set reltuples = 1, relpages = 1 {_ONLY}",
    f"update pg_class set reltuples = -1, relpages = 0 {_ONLY}",
]
"""What PostgreSQL knows of the tables: that nearly all edges begin at one node and end at
another, or what it found in them when they held one row, or before it looked; and when all
their rows had been rolled back, which leaves it no means to tell two indexes apart."""
END = BundleRef("9f" * 32)


@pytest.fixture
def root(database: Database) -> str:
    """A recalled node with more direct neighbours than a walk looks at, many of them retired
    once; all of them lead to `END`."""
    nodes = (
        "insert into node (kind, ref, created_at)"
        " select 'custom', 'nodes:/wide/' || n, now() from generate_series(1, :wide) n"
    )
    edges = (
        "insert into edge (source, target, kind, since)"
        " select :root, id, 'feeds', now() from node where ref like 'nodes:/wide/%'"
        " union all select id, :end, 'feeds', now() from node where ref like 'nodes:/wide/%'"
    )
    restored = (
        "insert into withdrawal (node_id, kind, reason, actor, at, lifted_by, lifted_reason,"
        " lifted_at) select id, 'retired', 'x', 'x', now(), 'x', 'x', now() from node"
        " where ref like 'nodes:/wide/%' limit :some"
    )
    recalled = (
        "insert into withdrawal (node_id, kind, reason, actor, at)"
        " values (:root, 'recalled', 'x', 'x', clock_timestamp())"
    )
    with database.writing("test") as tx:
        id, end = add_node(tx, "custom", ref(0)), add_node(tx, "bundle", END)
        tx.run(text(nodes), {"wide": WIDE})
        tx.run(text(edges), {"root": id, "end": end})
        tx.run(text(restored), {"some": RESTORED})
        tx.run(text(recalled), {"root": id})
    return str(ref(0))


def test_a_node_with_100_000_neighbours_is_cut_and_says_so(database: Database, root: str) -> None:
    for known in [ROLLED_BACK, *KNOWN]:
        with database.writing("test") as tx:
            tx.run(text(known))
            found = walk(tx, root, direction="both", depth=100, limit=500)
            counted = impact(tx, root, RequestFilter())
        assert (len(found.nodes), found.nodes[0].ref) == (500, root)
        assert found.left_out >= VISITED_MOST - 500
        assert "behind the first 100,000 nodes" in str(found.why_left_out)
        assert (counted.service.requests, counted.bundles) == (0, 1)


def test_a_recall_crosses_100_000_neighbours_both_ways(database: Database, root: str) -> None:
    began = datetime.min.replace(tzinfo=UTC)
    now = datetime.now(UTC)
    for known in KNOWN:
        with database.writing("test") as tx:
            tx.run(text(known))
            assert downstream(tx, root, now).bundles == (END,)
            assert [one.node for one in against(tx, END)] == [root]
            newest, *_ = between(tx, [END], began, now, limit=10)
        assert newest.node == root
