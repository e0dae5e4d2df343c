"""Where boxes stand in lanes, and where lines pass between them.

A line that goes beyond the next lane has a passage in every lane between, which takes
room as a box does, so that no line runs through a box.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import NamedTuple

from twinline.pictures.ordering import Order, with_few_crossings

BOX_GAP, PASSAGE_GAP = 14, 8
"""Pixels between two boxes, and beside a passage."""

ROUNDS = 12


class Box(NamedTuple):
    """Something in a lane (from 0, from the left) with its height in pixels."""

    lane: int
    height: int


class Line(NamedTuple):
    """A line to a box further right; where it begins and ends below their middles, in
    pixels, and how strongly it pulls them to one height."""

    source: int
    target: int
    source_below: float = 0
    target_below: float = 0
    weight: int = 1


@dataclass(frozen=True)
class Layout:
    """The upper edge of each box, and the height at which each line passes each lane between,
    all in pixels from the highest box."""

    tops: tuple[int, ...]
    passages: Mapping[tuple[int, int], tuple[int, ...]]
    height: int


class _Pull(NamedTuple):
    """What draws a vertex: another one, how far below it, and how strongly."""

    other: int
    below: float
    weight: int


@dataclass
class _Vertices:
    """Boxes and passages by number; the boxes first."""

    heights: list[int]
    lanes: list[list[int]]
    boxes: int
    after: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    before: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    pulls: dict[int, list[_Pull]] = field(default_factory=dict[int, list[_Pull]])

    def add_passage(self, lane: int) -> int:
        self.heights.append(0)
        self.lanes[lane].append(len(self.heights) - 1)
        return len(self.heights) - 1

    def join(self, source: int, target: int, below: float, weight: int) -> None:
        self.after.setdefault(source, []).append(target)
        self.before.setdefault(target, []).append(source)
        self.pulls.setdefault(target, []).append(_Pull(source, below, weight))
        self.pulls.setdefault(source, []).append(_Pull(target, -below, weight))

    def gap(self, upper: int, lower: int) -> float:
        """From the middle of one to the middle of the next in its lane."""
        both = upper < self.boxes and lower < self.boxes
        return (self.heights[upper] + self.heights[lower]) / 2 + (BOX_GAP if both else PASSAGE_GAP)


def lay_out(boxes: Sequence[Box], lines: Sequence[Line]) -> Layout:
    """Order the boxes of each lane so that few lines cross, and set each as near as there is
    room to the things that it has lines to. Boxes in the order given decide ties.

    Lines have distinct pairs of ends, each from a lane to one further right.
    """
    lane_count = 1 + max((box.lane for box in boxes), default=-1)
    lanes: list[list[int]] = [[] for _ in range(lane_count)]
    for number, box in enumerate(boxes):
        lanes[box.lane].append(number)
    vertices = _Vertices([box.height for box in boxes], lanes, len(boxes))
    chains = {(line.source, line.target): _chain(vertices, boxes, line) for line in lines}
    order = with_few_crossings(vertices.lanes, vertices.after, vertices.before)
    middles = _middles(vertices, order)
    tops = [round(middles[number] - box.height / 2) for number, box in enumerate(boxes)]
    highest = min(tops, default=0)
    return Layout(
        tops=tuple(top - highest for top in tops),
        passages={
            ends: tuple(round(middles[one]) - highest for one in chain)
            for ends, chain in chains.items()
        },
        height=max((top + box.height for top, box in zip(tops, boxes, strict=True)), default=0)
        - highest,
    )


def _chain(vertices: _Vertices, boxes: Sequence[Box], line: Line) -> list[int]:
    """The passages of a line, joined to each other and to its ends."""
    between = range(boxes[line.source].lane + 1, boxes[line.target].lane)
    passages = [vertices.add_passage(lane) for lane in between]
    steps = list(pairwise([line.source, *passages, line.target]))
    for source, target in steps:
        below = (line.source_below if source == line.source else 0) - (
            line.target_below if target == line.target else 0
        )
        vertices.join(source, target, below, line.weight)
    return passages


def _middles(vertices: _Vertices, order: Order) -> list[float]:
    """The height of each vertex's middle: by turns, each lane goes where it is drawn."""
    middles = [0.0] * len(vertices.heights)
    gaps = [[vertices.gap(*two) for two in pairwise(lane)] for lane in order]
    tallest = max((sum(lane) for lane in gaps), default=0)
    for lane, between in zip(order, gaps, strict=True):
        start = (tallest - sum(between)) / 2
        for vertex, height in zip(lane, accumulate(between, initial=start), strict=False):
            middles[vertex] = height
    for turn in range(ROUNDS):
        for number in range(len(order)) if turn % 2 else reversed(range(len(order))):
            wanted = [_wanted(vertex, vertices, middles) for vertex in order[number]]
            for vertex, height in zip(order[number], spread(wanted, gaps[number]), strict=True):
                middles[vertex] = height
    return middles


def _wanted(vertex: int, vertices: _Vertices, middles: Sequence[float]) -> float:
    pulls = vertices.pulls.get(vertex)
    if not pulls:
        return middles[vertex]
    total = sum((middles[pull.other] + pull.below) * pull.weight for pull in pulls)
    return total / sum(pull.weight for pull in pulls)


def spread(wanted: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """The heights nearest to those wanted, by least squares, with at least these gaps.

    Method: pool adjacent violators (Ayer and others 1955) on what is left of the heights
    when the gaps are taken off.
    """
    offsets = list(accumulate(gaps, initial=0.0))
    pools: list[tuple[float, int]] = []
    for height, offset in zip(wanted, offsets, strict=False):
        total, count = height - offset, 1
        while pools and pools[-1][0] * count >= total * pools[-1][1]:
            above, many = pools.pop()
            total, count = total + above, count + many
        pools.append((total, count))
    levels = [total / count for total, count in pools for _ in range(count)]
    return [level + offset for level, offset in zip(levels, offsets, strict=False)]
