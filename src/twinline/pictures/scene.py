"""Where everything of a picture is, in pixels."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from twinline.pictures.cards import Board, Card, End, Link
from twinline.pictures.layout import Box, Layout, Line, lay_out

CARD_WIDTH, HEADING, ROW = 216, 28, 24
LANE_GAP, LANE_MARGIN = 64, 10
PAD, CAPTION, LANE_HEADING, LEGEND = 20, 20, 34, 24
WIDTH_LEAST = 560
STUB = 16
"""How far the number of a line to the left is from its card."""

_ARC_LEAST, _ARC_MOST = 14, 40


class Point(NamedTuple):
    """Pixels from the left and from above."""

    x: float
    y: float


class Placed(NamedTuple):
    """A card with its upper left corner."""

    card: Card
    corner: Point

    @property
    def height(self) -> int:
        """In pixels."""
        return height_of(self.card)


class Curve(NamedTuple):
    """A drawn line: points of cubic Béziers, three for each piece after the first."""

    link: Link
    points: tuple[Point, ...]


class Stub(NamedTuple):
    """Where lines to the left begin or end: numbers that stand at both ends."""

    links: tuple[Link, ...]
    end: Point
    label: Point
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Scene:
    """A picture without its colours. It begins at ``left``, which is less than 0."""

    board: Board
    left: int
    width: int
    height: int
    lanes_top: int
    lanes_bottom: int
    cards: tuple[Placed, ...]
    curves: tuple[Curve, ...]
    stubs: tuple[Stub, ...]


def height_of(card: Card) -> int:
    """How high a card is, in pixels."""
    return HEADING + len(card.rows) * ROW


def lane_left(lane: int) -> int:
    """Where the cards of a lane begin; those of the first at 0."""
    return lane * (CARD_WIDTH + LANE_GAP)


def scene(board: Board) -> Scene:
    """Give everything that a picture shows its place."""
    boxes = [Box(card.lane, height_of(card)) for card in board.cards]
    forward = [link for link in board.links if _lanes(board, link) > 0]
    layout = lay_out(boxes, list(_lines(board, forward)))
    top = PAD + CAPTION * (1 + len(board.captions)) + 8
    first = top + LANE_HEADING + 8
    cards = tuple(
        Placed(card, Point(lane_left(card.lane), first + y))
        for card, y in zip(board.cards, layout.tops, strict=True)
    )
    bottom = first + layout.height + 16
    left = -PAD - LANE_MARGIN - _room_left(board)
    right = lane_left(len(board.headings)) - LANE_GAP + LANE_MARGIN + PAD + _room_right(board)
    return Scene(
        board=board,
        left=left,
        width=max(WIDTH_LEAST, right - left),
        height=bottom + LEGEND + PAD,
        lanes_top=top,
        lanes_bottom=bottom,
        cards=cards,
        curves=tuple(_curves(board, cards, layout, first)),
        stubs=tuple(_stubs(board, cards)),
    )


def _room_left(board: Board) -> int:
    """Room beside the first lane, for numbers there."""
    ends = (link.target for link in board.links if _lanes(board, link) < 0)
    return _ARC_MOST if any(not board.cards[end.card].lane for end in ends) else 0


def _room_right(board: Board) -> int:
    """Room beside the last lane, for arcs and numbers there."""
    last = len(board.headings) - 1
    ends = (link for link in board.links if _lanes(board, link) <= 0)
    return _ARC_MOST if any(board.cards[link.source.card].lane == last for link in ends) else 0


def _lanes(board: Board, link: Link) -> int:
    """How many lanes a line goes to the right."""
    return board.cards[link.target.card].lane - board.cards[link.source.card].lane


def _lines(board: Board, links: Iterable[Link]) -> Iterator[Line]:
    """One line between two cards for all between their rows."""
    between: dict[tuple[int, int], list[Link]] = defaultdict(list)
    for link in links:
        between[link.source.card, link.target.card].append(link)
    for (source, target), same in sorted(between.items()):
        yield Line(
            source,
            target,
            sum(_below(board.cards[source], link.source) for link in same) / len(same),
            sum(_below(board.cards[target], link.target) for link in same) / len(same),
            len(same),
        )


def _below(card: Card, end: End) -> float:
    """How far below a card's middle an end is."""
    return _from_top(end) - height_of(card) / 2


def _from_top(end: End) -> float:
    return HEADING / 2 if end.row is None else HEADING + (end.row + 0.5) * ROW


def _left(cards: Sequence[Placed], end: End) -> Point:
    corner = cards[end.card].corner
    return Point(corner.x, corner.y + _from_top(end))


def _right(cards: Sequence[Placed], end: End) -> Point:
    x, y = _left(cards, end)
    return Point(x + CARD_WIDTH, y)


def _curves(board: Board, cards: Sequence[Placed], layout: Layout, first: int) -> Iterator[Curve]:
    for link in board.links:
        lanes = _lanes(board, link)
        if lanes > 0:
            yield Curve(link, tuple(_across(link, cards, layout.passages, first)))
        elif not lanes:
            yield Curve(link, _arc(_right(cards, link.source), _right(cards, link.target)))


def _across(
    link: Link,
    cards: Sequence[Placed],
    passages: Mapping[tuple[int, int], Sequence[int]],
    first: int,
) -> Iterator[Point]:
    """From the right of a card to the left of another, level through the lanes between."""
    points = [_right(cards, link.source)]
    lane = cards[link.source.card].card.lane
    for passed, y in enumerate(passages[link.source.card, link.target.card], start=lane + 1):
        points.append(Point(lane_left(passed) - LANE_MARGIN, first + y))
        points.append(Point(lane_left(passed) + CARD_WIDTH + LANE_MARGIN, first + y))
    points.append(_left(cards, link.target))
    yield points[0]
    for one, other in pairwise(points):
        middle = (one.x + other.x) / 2
        yield from (Point(middle, one.y), Point(middle, other.y), other)


def _arc(one: Point, other: Point) -> tuple[Point, ...]:
    """Between two rows of a lane, around its right."""
    far = min(_ARC_MOST, _ARC_LEAST + abs(one.y - other.y) * 0.06)
    return (one, Point(one.x + far, one.y), Point(one.x + far, other.y), other)


def _stubs(board: Board, cards: Sequence[Placed]) -> Iterator[Stub]:
    """Lines to the left, by numbers: one for all that begin at one place."""
    backward = [link for link in board.links if _lanes(board, link) < 0]
    numbers = {end: at for at, end in enumerate(dict.fromkeys(x.source for x in backward), 1)}
    begins: dict[End, list[Link]] = defaultdict(list)
    ends: dict[End, list[Link]] = defaultdict(list)
    for link in backward:
        begins[link.source].append(link)
        ends[link.target].append(link)
    for source, links in begins.items():
        end = _right(cards, source)
        yield Stub(tuple(links), end, Point(end.x + STUB, end.y), (numbers[source],))
    for target, links in ends.items():
        end = _left(cards, target)
        said = tuple(sorted({numbers[link.source] for link in links}))
        yield Stub(tuple(links), end, Point(end.x - STUB, end.y), said)
