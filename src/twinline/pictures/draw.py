"""A scene as SVG: one text, the same bytes for the same scene."""

from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote

from twinline.pictures.cards import End, Link, Mark, Row
from twinline.pictures.scene import (
    CAPTION,
    CARD_WIDTH,
    HEADING,
    LANE_MARGIN,
    PAD,
    ROW,
    Curve,
    Placed,
    Point,
    Scene,
    Stub,
    lane_left,
)
from twinline.pictures.style import DASHES, KINDS, OWN_DASH, style_sheet
from twinline.pictures.text import fitted, plain, width
from twinline.pictures.writing import at, number, safe, text

Address = Callable[[str], str | None]
"""Where a page tells of a reference; None: nowhere."""

_LETTERS = {
    "dataset": "D", "run": "R", "model": "M", "prompt": "P", "bundle": "B", "evaluation": "E",
    "deployment": "X", "slot": "S", "custom": "N",
}  # fmt: skip
_SHAPES: dict[Mark, tuple[str, str]] = {
    "recalled": ("shape bad", "M{0} {1}l8 8m0-8l-8 8"),
    "retired": ("shape", "M{0} {2}a4 4 0 1 0 8 0a4 4 0 1 0-8 0h8"),
    "unpinned": ("shape", "M{0} {2}q2-5 4 0t4 0"),
    "live": ("dot", "M{0} {2}a4 4 0 1 0 8 0a4 4 0 1 0-8 0z"),
}
_WORDS: dict[Mark, str] = {"recalled": "bad strong", "live": "good strong"}
_SHAPE_ROOM = 12
_BADGE, _INSET = 24, 9
_STUB_ROOM = 26
_LEGEND_SAMPLE, _LEGEND_ROOM, _LEGEND_GAP = 34, 260, 22


def svg(
    scene: Scene,
    *,
    address: Address | None = None,
    styled: bool = True,
    unfold: Address | None = None,
) -> str:
    """The scene as SVG.

    Without addresses it is an image to a reader of screens, told by its title and
    description. With them it is a group of links, in the order of the lanes, because
    what is in an image cannot be reached.

    Args:
        scene: what is where.
        address: where each row leads; None: the picture has no links.
        styled: whether the style sheet is in the picture; a page that may not have it
            there serves `style_sheet` itself.
        unfold: where a card leads that does not show everything, by its family.

    With addresses each row says in ``data-at`` where it stands, and each line in
    ``data-ends`` between which rows it is: pairs of source and target.
    """
    board = scene.board
    size = f'width="{scene.width}" height="{scene.height}"'
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="twinline-picture" '
            f'role="{"group" if address else "img"}" '
            f'aria-label="{safe(board.title)}" {size} '
            f'viewBox="{scene.left} 0 {scene.width} {scene.height}">',
            f"<title>{safe(board.title)}</title><desc>{safe(board.description)}</desc>",
            f"<style>{style_sheet()}</style>" if styled else "",
            f'<rect class="ground" x="{scene.left}" {size}/>',
            *_captions(scene),
            *_lanes(scene),
            '<g aria-hidden="true">',
            *(_curve(curve, address) for curve in sorted(scene.curves, key=_weight)),
            *(_stub(stub, address) for stub in scene.stubs),
            "</g>",
            *(_card(at, placed, address, unfold) for at, placed in _in_order(scene.cards)),
            *_legend(scene),
            "</svg>",
        ]
    )


def _in_order(cards: Iterable[Placed]) -> list[tuple[int, Placed]]:
    """As they are read: the lanes from the left, and each from above; with their places."""
    return sorted(enumerate(cards), key=lambda one: (one[1].corner.x, one[1].corner.y))


def _ends(links: Iterable[Link], address: Address | None) -> str:
    """Between what a line is, for whoever follows it through a page."""
    if address is None:
        return ""
    pairs = dict.fromkeys(f"{_end(link.source)} {_end(link.target)}" for link in links)
    return f' data-ends="{" ".join(pairs)}"'


def _end(end: End) -> str:
    return f"{end.card}" if end.row is None else f"{end.card}.{end.row}"


def _weight(curve: Curve) -> bool:
    """What belongs to neither side is drawn first, under the others."""
    return curve.link.tone != "aside"


def _captions(scene: Scene) -> Iterator[str]:
    room = scene.width - 2 * PAD
    left = scene.left + PAD
    yield text(Point(left, PAD + 14), scene.board.title, 15, room, "strong")
    for line, said in enumerate(scene.board.captions, start=1):
        yield text(Point(left, PAD + 14 + line * CAPTION), said, 12.5, room, "quiet")


def _lanes(scene: Scene) -> Iterator[str]:
    height = scene.lanes_bottom - scene.lanes_top
    for lane, heading in enumerate(scene.board.headings):
        left = lane_left(lane)
        yield (
            f'<rect class="lane" x="{left - LANE_MARGIN}" y="{scene.lanes_top}" rx="6" '
            f'width="{CARD_WIDTH + 2 * LANE_MARGIN}" height="{height}"/>'
        )
        at = Point(left + CARD_WIDTH / 2, scene.lanes_top + 23)
        yield text(at, heading, 12, CARD_WIDTH, "quiet strong", anchor="middle")


def _curve(curve: Curve, address: Address | None) -> str:
    first, *rest = curve.points
    path = f"M{at(first)}" + "".join(
        f"C{at(rest[i])} {at(rest[i + 1])} {at(rest[i + 2])}" for i in range(0, len(rest), 3)
    )
    end = curve.points[-1]
    to_the_left = curve.points[-2].x > end.x
    return (
        f'<g class="edge {curve.link.tone}"{_ends([curve.link], address)}>'
        f"<title>{safe(curve.link.title)}</title>"
        f'<path class="line" d="{path}"{_dashes(curve.link.kind)}/>{_arrow(end, to_the_left)}</g>'
    )


def _arrow(end: Point, to_the_left: bool) -> str:
    back = 7 if to_the_left else -7
    return f'<path class="head" d="M{at(end)}l{back} -3.5v7z"/>'


def _dashes(kind: str) -> str:
    dashes = DASHES.get(kind, OWN_DASH)
    return f' stroke-dasharray="{dashes}"' if dashes else ""


def _stub(stub: Stub, address: Address | None) -> str:
    link = stub.links[0]
    begins = stub.label.x > stub.end.x
    many = ", ".join(map(str, stub.numbers))
    said = fitted(many, _STUB_ROOM, 10, bold=True)
    wide = max(16.0, round(width(said, 10, bold=True) + 8))
    left = stub.label.x - (8 if begins else wide - 8)
    path = f"M{at(stub.end)}H{number(stub.label.x)}"
    return (
        f'<g class="edge {link.tone}"{_ends(stub.links, address)}>'
        f"<title>{safe(link.title)}</title>"
        f'<path class="line" d="{path}"{_dashes(link.kind)}/>'
        f"{'' if begins else _arrow(stub.end, to_the_left=False)}"
        f'<rect class="stub" x="{number(left)}" y="{number(stub.label.y - 8)}" rx="8" '
        f'width="{number(wide)}" height="16"/>'
        f"{text(Point(left + wide / 2, stub.label.y + 3.5), said, 10, wide, 'strong', 'middle')}"
        "</g>"
    )


def _card(at: int, placed: Placed, address: Address | None, unfold: Address | None) -> str:
    card, (x, y) = placed
    more = unfold(card.family) if unfold and card.family else None
    where = f' data-at="{at}"' if address and not card.rows else ""
    heading = f'<a href="{safe(more)}" aria-label="open {safe(card.title)}">' if more else ""
    opens, closes = (heading, "</a>") if heading and not card.rows else ("", "")
    asked = " asked" if any(row.tone == "root" for row in card.rows) else ""
    kind = f" {card.kind}" if card.kind in KINDS else ""
    count = card.note if not card.rows else ""
    counted = width(count, 12, bold=True) + 6 if count else 0
    right = Point(x + CARD_WIDTH - _INSET, y + 18.5)
    room = CARD_WIDTH - _BADGE - 2 * _INSET - counted
    return "".join(
        [
            f'<g class="of{kind}{asked}"{where}>{opens}<title>{safe(card.title)}</title>',
            f'<path class="row" d="{_rounded(x, y, CARD_WIDTH, placed.height)}"/>',
            f'<path class="badge" d="{_badge(x, y, round_below=not card.rows)}"/>',
            text(Point(x + _BADGE / 2, y + 18.5), _LETTERS[card.kind], 12, 20, "letter", "middle"),
            text(Point(x + _BADGE + _INSET, y + 18.5), card.name, 12, room, "strong"),
            text(right, count, 12, counted, "strong", "end") if count else "",
            *(
                _row(
                    row,
                    Point(x, y + HEADING + place * ROW),
                    row is card.rows[-1],
                    _leads(row, address, more),
                    f' data-at="{at}.{place}"' if address else "",
                )
                for place, row in enumerate(card.rows)
            ),
            f'<rect class="card" x="{number(x)}" y="{number(y)}" rx="6" fill="none" '
            f'width="{CARD_WIDTH}" height="{placed.height}"/>{closes}</g>',
        ]
    )


def _leads(row: Row, address: Address | None, more: str | None) -> str | None:
    """Where a row leads: to its page, or to where the others of its card are shown."""
    if row.ref is None:
        return more
    return address(row.ref) if address else None


def _row(row: Row, corner: Point, is_last: bool, where: str | None, place: str) -> str:
    named = ""  # in a notebook, which may hold the same picture twice
    if place and row.ref:
        named = f' id="{safe(quote(row.ref, safe=":/@+.-_~"))}"'
    tag = f'a href="{safe(where)}" aria-label="{safe(row.title)}"' if where else "g"
    ground = _rounded(*corner, CARD_WIDTH, ROW, above=False) if is_last else _square(corner)
    notes = "".join(_notes(row, corner))
    room = CARD_WIDTH - 2 * _INSET - _notes_width(row) - (8 if notes else 0)
    gone = " gone" if {"recalled", "retired"} & set(row.marks) else ""
    style = "quiet" if row.ref is None else f"strong{gone}"
    return (
        f'<{tag}{named}{place} class="{row.tone}"><title>{safe(row.title)}</title>'
        f'<path class="row" d="{ground}"/>'
        f"{text(Point(corner.x + _INSET, corner.y + 16), row.label, 12, room, style)}"
        f"{notes}</{tag[0]}>"
    )


def _notes(row: Row, corner: Point) -> Iterator[str]:
    """The marks of a row, each a shape and a word, from the right; else its note."""
    x, y = corner.x + CARD_WIDTH - _INSET, corner.y + 16
    if not row.marks and row.note:
        yield text(Point(x, y), row.note, 11, CARD_WIDTH / 2, "quiet", "end")
    for mark in reversed(row.marks):
        style, shape = _SHAPES[mark]
        wide = width(mark, 11, bold=True)
        yield text(Point(x, y), mark, 11, wide + 1, _WORDS.get(mark, "quiet strong"), "end")
        left = x - wide - _SHAPE_ROOM
        path = shape.format(number(left), number(y - 8), number(y - 4))
        yield f'<path class="{style}" d="{path}"/>'
        x = left - 6


def _notes_width(row: Row) -> float:
    if not row.marks:
        return width(row.note, 11)
    return sum(width(mark, 11, bold=True) + _SHAPE_ROOM + 6 for mark in row.marks) - 6


def _legend(scene: Scene) -> Iterator[str]:
    kinds: dict[str, list[str]] = {}
    for kind in sorted({link.kind for link in scene.board.links}, key=_usual):
        kinds.setdefault(DASHES.get(kind, OWN_DASH), []).append(kind)
    x, y = float(scene.left + PAD), scene.lanes_bottom + 22
    each = (scene.width - 2 * PAD) / max(1, len(kinds)) - _LEGEND_SAMPLE - _LEGEND_GAP
    for dashes, same in kinds.items():
        said = fitted(plain(", ".join(same)), min(each, _LEGEND_ROOM), 11)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        yield f'<path class="line" d="M{number(x)} {number(y - 4)}h26"{dashed}/>'
        wide = width(said, 11)
        yield text(Point(x + _LEGEND_SAMPLE, y), said, 11, wide, "quiet")
        x += _LEGEND_SAMPLE + wide + _LEGEND_GAP


def _usual(kind: str) -> tuple[int, str]:
    usual = list(DASHES)
    return (usual.index(kind) if kind in DASHES else len(usual), kind)


def _rounded(
    x: float, y: float, wide: float, high: float, *, above: bool = True, radius: float = 6
) -> str:
    """A rectangle with round corners below, and above or not."""
    r, inner = radius, high - radius
    top = f"M{number(x)} {number(y + r)}q0 -{r} {r} -{r}h{wide - 2 * r}q{r} 0 {r} {r}"
    flat = f"M{number(x)} {number(y)}h{wide}"
    side = f"v{inner - r if above else inner}q0 {r} -{r} {r}h-{wide - 2 * r}q-{r} 0 -{r} -{r}z"
    return (top if above else flat) + side


def _badge(x: float, y: float, *, round_below: bool) -> str:
    r = 6
    below = f"h{r - _BADGE}q-{r} 0 -{r} -{r}z" if round_below else f"h-{_BADGE}z"
    return f"M{number(x)} {number(y + r)}q0 -{r} {r} -{r}h{_BADGE - r}v{HEADING}{below}"


def _square(corner: Point) -> str:
    return f"M{at(corner)}h{CARD_WIDTH}v{ROW}h-{CARD_WIDTH}z"
