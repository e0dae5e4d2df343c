"""A walk through the lineage as rows of a table: the same as its picture shows, in words."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from twinline.language.csv_lines import line
from twinline.language.records import Edge, Lineage, Node

WAYS_MOST = 3
"""Edges that the table tells of one thing."""


class Step(NamedTuple):
    """An edge, from the thing that a row is of: what it is to what."""

    kind: str
    arrow: str
    other: str


class Row(NamedTuple):
    """A thing that was met on a walk, and how it hangs together with what is nearer."""

    direction: str
    kind: str
    ref: str
    marks: tuple[str, ...]
    created_at: datetime
    steps: tuple[Step, ...]
    distance: int

    @property
    def shown(self) -> tuple[Step, ...]:
        """The steps that a table has room for."""
        return self.steps[:WAYS_MOST]


class Counts(NamedTuple):
    """How many things a walk met on each side."""

    upstream: int
    downstream: int


def counts(walk: Lineage) -> Counts:
    """How many things are upstream and downstream of the root."""
    return Counts(
        sum(node.depth < 0 for node in walk.nodes), sum(node.depth > 0 for node in walk.nodes)
    )


def rows(walk: Lineage) -> list[Row]:
    """Everything but the root: first upstream, then downstream, the nearest first."""
    depths = {node.ref: node.depth for node in walk.nodes}
    live: dict[str, list[str]] = defaultdict(list)
    for edge in walk.edges:
        if edge.kind == "live_in":
            live[edge.source].append(edge.target.removeprefix("routes:/"))
    steps = _steps(walk.edges, depths)
    met = [node for node in walk.nodes if node.depth]
    met.sort(key=lambda node: (node.depth > 0, abs(node.depth), node.kind, node.ref))
    return [_row(node, live.get(node.ref, ()), steps.get(node.ref, ())) for node in met]


COLUMNS = (
    "direction", "kind", "reference", "distance", "created_at", "marks", "edges",
)  # fmt: skip


def csv(walk: Lineage) -> Iterator[str]:
    """The rows as lines of CSV, the names first; the root is at distance 0."""
    yield line(COLUMNS)
    root = next(node for node in walk.nodes if node.ref == walk.root)
    for row in [_row(root, (), ()), *rows(walk)]:
        edges = "; ".join(f"{step.kind} {step.arrow} {step.other}" for step in row.steps)
        marks = ", ".join(row.marks)
        yield line((row.direction, row.kind, row.ref, row.distance, row.created_at, marks, edges))


def _row(node: Node, live: Iterable[str], steps: Sequence[Step]) -> Row:
    return Row(
        direction="upstream" if node.depth < 0 else "downstream" if node.depth else "asked for",
        kind=node.kind,
        ref=node.ref,
        marks=tuple(_marks(node, live)),
        created_at=node.created_at,
        steps=tuple(steps),
        distance=abs(node.depth),
    )


def _marks(node: Node, live: Iterable[str]) -> Iterator[str]:
    if node.withdrawn:
        yield node.withdrawn
    if node.pinned is False:
        yield "unpinned"
    yield from (f"live in {slot}" for slot in live)


def _steps(edges: Iterable[Edge], depths: Mapping[str, int]) -> dict[str, list[Step]]:
    """Each edge at the end that is farther from the root; of two as far, at its target."""
    found: dict[str, list[Step]] = defaultdict(list)
    for edge in edges:
        kind = edge.kind.replace("_", " ")
        if abs(depths[edge.source]) > abs(depths[edge.target]):
            found[edge.source].append(Step(kind, "→", edge.target))
        else:
            found[edge.target].append(Step(kind, "←", edge.source))
    return found
