"""Boxes never lie on each other, lines never run through them, and few lines cross."""

from itertools import combinations, pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinline.pictures.layout import BOX_GAP, PASSAGE_GAP, Box, Line, lay_out, spread
from twinline.pictures.ordering import Neighbours, Order, crossings, with_few_crossings

Drawing = tuple[list[Box], list[Line]]


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    boxes = draw(st.lists(st.builds(Box, st.integers(0, 5), st.integers(20, 200)), max_size=25))
    forward = [
        (a, b) for a, b in product(range(len(boxes)), repeat=2) if boxes[a].lane < boxes[b].lane
    ]
    ends = draw(st.lists(st.sampled_from(forward), unique=True, max_size=40)) if forward else []
    below = st.floats(-100, 100)
    return boxes, [Line(*pair, draw(below), draw(below), draw(st.integers(1, 9))) for pair in ends]


@st.composite
def orders(draw: st.DrawFn) -> tuple[Order, Neighbours]:
    sizes = draw(st.lists(st.integers(1, 6), min_size=2, max_size=5))
    first = [sum(sizes[:lane]) for lane in range(len(sizes) + 1)]
    lanes = [tuple(range(begin, end)) for begin, end in pairwise(first)]
    after = {
        vertex: draw(st.lists(st.sampled_from(following), unique=True, max_size=4))
        for lane, following in pairwise(lanes)
        for vertex in lane
    }
    return lanes, after


def crossed(order: Order, after: Neighbours) -> int:
    """Every pair of lines looked at."""
    total = 0
    for lane, following in pairwise(order):
        lines = [(lane.index(a), following.index(b)) for a in lane for b in after.get(a, ())]
        total += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(lines, 2))
    return total


def reverse(after: Neighbours) -> Neighbours:
    before: dict[int, list[int]] = {}
    for source, targets in after.items():
        for target in targets:
            before.setdefault(target, []).append(source)
    return before


@given(drawings())
def test_boxes_of_a_lane_keep_their_distance(drawing: Drawing) -> None:
    boxes, lines = drawing
    found = lay_out(boxes, lines)
    for lane in range(6):
        spans = sorted(
            (top, top + box.height)
            for top, box in zip(found.tops, boxes, strict=True)
            if box.lane == lane
        )
        for (_, bottom), (top, _) in pairwise(spans):
            assert top - bottom >= BOX_GAP - 1  # whole pixels


@given(drawings())
def test_a_line_runs_through_no_box_and_no_two_in_one_place(drawing: Drawing) -> None:
    boxes, lines = drawing
    found = lay_out(boxes, lines)
    for line in lines:
        passages = found.passages[line.source, line.target]
        between = range(boxes[line.source].lane + 1, boxes[line.target].lane)
        assert len(passages) == len(between)
        for lane, height in zip(between, passages, strict=True):
            for top, box in zip(found.tops, boxes, strict=True):
                if box.lane == lane:
                    near = PASSAGE_GAP - 1
                    assert height <= top - near or height >= top + box.height + near


@given(orders())
def test_crossings_are_counted_as_by_looking_at_every_pair(graph: tuple[Order, Neighbours]) -> None:
    assert crossings(*graph) == crossed(*graph)


@given(orders())
def test_there_are_never_more_crossings_than_before(graph: tuple[Order, Neighbours]) -> None:
    order, after = graph
    found = with_few_crossings(order, after, reverse(after))
    assert [sorted(lane) for lane in found] == [sorted(lane) for lane in order]
    assert crossed(found, after) <= crossed(order, after)


def test_an_order_that_sweeps_make_worse_is_kept() -> None:
    order = [(0, 1), (2, 3, 4), (5, 6, 7)]
    after = {0: [2, 3], 1: [2, 3, 4], 3: [7]}
    assert crossed(order, after) == 1
    assert crossed(with_few_crossings(order, after, reverse(after)), after) <= 1


def test_what_can_be_untangled_is() -> None:
    """Ten lines to as many boxes in the opposite order."""
    order = [tuple(range(10)), tuple(range(10, 20))]
    after = {vertex: [19 - vertex] for vertex in range(10)}
    assert crossings(order, after) == 45
    assert crossings(with_few_crossings(order, after, reverse(after)), after) == 0


@pytest.mark.parametrize(
    ("wanted", "gaps", "heights"),
    [
        ([], [], []),
        ([7], [], [7]),
        ([0, 100], [10], [0, 100]),
        ([0, 0], [10], [-5, 5]),
        ([10, 0], [10], [0, 10]),
        ([0, 0, 100], [10, 10], [-5, 5, 100]),
        ([0, 0, 0], [10, 10], [-10, 0, 10]),
    ],
)
def test_heights_are_the_nearest_to_those_wanted(
    wanted: list[float], gaps: list[float], heights: list[float]
) -> None:
    assert spread(wanted, gaps) == pytest.approx(heights)


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(1, 100)), min_size=1, max_size=20))
def test_no_shift_of_neighbours_comes_nearer(values: list[tuple[float, float]]) -> None:
    """At the least squares, to move any run of neighbours that may be moved makes it worse."""
    wanted, gaps = [value for value, _ in values], [gap for _, gap in values[1:]]
    found = spread(wanted, gaps)
    slack = [b - a - gap for (a, b), gap in zip(pairwise(found), gaps, strict=True)]
    assert all(one >= -1e-6 for one in slack)
    for first, last in combinations(range(len(found) + 1), 2):
        pull = sum(wanted[first:last]) - sum(found[first:last])
        free_above = first == 0 or slack[first - 1] > 1e-6
        free_below = last == len(found) or slack[last - 1] > 1e-6
        assert not (free_above and pull < -1e-4)
        assert not (free_below and pull > 1e-4)
