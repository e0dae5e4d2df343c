"""networkx reads the graph with all that we said of it."""

import io
from datetime import UTC, datetime

import networkx as nx
import pytest

from twinline.exports.graphml import document
from twinline.language.records import Edge, Lineage, Node

AT = datetime(2026, 7, 1, tzinfo=UTC)


def _lineage(model: str, why: str | None = None) -> Lineage:
    run, ref = "runs:/run-3", f"models:/{model}/3"
    return Lineage(
        root=ref,
        direction="upstream",
        nodes=(
            Node(ref=ref, kind="model", created_at=AT, depth=0),
            Node(ref=run, kind="run", created_at=AT, depth=-1),
        ),
        edges=(Edge(source=run, target=ref, kind="made", since=AT),),
        left_out=2 if why else 0,
        why_left_out=why,
    )


def _read(text: str) -> "nx.DiGraph[str]":
    return nx.read_graphml(io.BytesIO(text.encode()))


@pytest.mark.parametrize("name", ["churn", 'a b/模型:1 "x" <🙂> & ]]>', "x" * 256])
def test_nodes_edges_and_their_facts_are_read_back(name: str) -> None:
    lineage = _lineage(name)
    graph = _read(document(lineage))
    assert graph.is_directed()
    assert dict(graph.nodes(data=True)) == {
        node.ref: {"kind": node.kind, "created_at": "2026-07-01T00:00:00Z", "depth": node.depth}
        for node in lineage.nodes
    }
    edge = lineage.edges[0]
    known = {"kind": "made", "since": "2026-07-01T00:00:00Z"}
    assert list(graph.edges(data=True)) == [(edge.source, edge.target, known)]


def test_the_graph_says_what_is_left_out() -> None:
    said = _read(document(_lineage("churn", "2 deeper than 1 hops"))).graph
    assert said["left_out"] == 2
    assert said["why_left_out"] == "2 deeper than 1 hops"
    assert (said["root"], said["direction"]) == ("models:/churn/3", "upstream")
    assert "why_left_out" not in _read(document(_lineage("churn"))).graph


def test_what_xml_cannot_hold_is_escaped() -> None:
    assert set(_read(document(_lineage("a\ufffeb")))) == {"models:/a\\ufffeb/3", "runs:/run-3"}


def test_an_empty_walk_is_a_graph() -> None:
    alone = _lineage("churn").model_copy(update={"nodes": (), "edges": ()})
    assert len(_read(document(alone))) == 0
