"""In which order the things of each lane stand, so that few lines cross.

Method: sweeps of barycentres (Sugiyama, Tagawa and Toda 1981) over the lanes to and fro,
of which the best order is kept; the order that was given is one of them, so that nothing
becomes worse. Ties keep the order that they had, so the same graph is always drawn alike.
"""

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from itertools import pairwise

Order = Sequence[Sequence[int]]
"""The vertices of each lane, from above."""

Neighbours = Mapping[int, Sequence[int]]

SWEEPS = 12


def crossings(order: Order, after: Neighbours) -> int:
    """How many pairs of lines cross. ``after`` has the ends in the next lane of each."""
    return sum(_crossings(lane, following, after) for lane, following in pairwise(order))


def with_few_crossings(order: Order, after: Neighbours, before: Neighbours) -> Order:
    """The best order that was found; never with more crossings than the one given."""
    best, fewest = order, crossings(order, after)
    lanes = [list(lane) for lane in order]
    for sweep in range(SWEEPS):
        if not fewest:
            break
        ahead = sweep % 2 == 0
        places = {vertex: place for lane in lanes for vertex, place in _places(lane)}
        for lane in lanes if ahead else reversed(lanes):
            _sort(lane, places, *((before, after) if ahead else (after, before)))
        found = crossings(lanes, after)
        if found < fewest:
            best, fewest = [tuple(lane) for lane in lanes], found
    return best


def _crossings(lane: Sequence[int], following: Sequence[int], after: Neighbours) -> int:
    places = {vertex: place for place, vertex in enumerate(following)}
    passed: list[int] = []
    total = 0
    for vertex in lane:
        ends = sorted(places[end] for end in after.get(vertex, ()))
        total += sum(len(passed) - bisect_right(passed, end) for end in ends)
        for end in ends:
            insort(passed, end)
    return total


def _sort(lane: list[int], places: dict[int, float], first: Neighbours, second: Neighbours) -> None:
    def middle(vertex: int) -> float:
        ends = first.get(vertex) or second.get(vertex)
        return sum(places[end] for end in ends) / len(ends) if ends else places[vertex]

    lane.sort(key=middle)
    places.update(_places(lane))


def _places(lane: Sequence[int]) -> list[tuple[int, float]]:
    """Each vertex with its place in [0, 1), so that lanes of any length compare."""
    return [(vertex, (place + 0.5) / len(lane)) for place, vertex in enumerate(lane)]
