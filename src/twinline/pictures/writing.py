"""Text and numbers as SVG has them."""

from html import escape
from typing import Literal

from twinline.pictures.scene import Point
from twinline.pictures.text import fitted, is_sure, plain


def text(
    place: Point,
    said: str,
    size: float,
    room: float,
    style: str,
    anchor: Literal["start", "middle", "end"] = "start",
) -> str:
    """A text within its room; one whose width is a guess is cut off where that ends."""
    bold = "strong" in style or style == "letter"
    said = fitted(plain(said), room, size, bold=bold)
    if is_sure(said):
        return _written(place, said, size, style, anchor)
    before = {"start": 0.0, "middle": room / 2, "end": room}[anchor]
    line = size * 1.1
    return (
        f'<svg x="{number(place.x - before)}" y="{number(place.y - line)}" '
        f'width="{number(room)}" height="{round(size * 1.5)}">'
        f"{_written(Point(before, line), said, size, style, anchor)}</svg>"
    )


def _written(place: Point, said: str, size: float, style: str, anchor: str) -> str:
    anchored = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return (
        f'<text class="{style}" x="{number(place.x)}" y="{number(place.y)}" '
        f'font-size="{size:g}"{anchored}>{safe(said)}</text>'
    )


def at(point: Point) -> str:
    """A point as a path has it."""
    return f"{number(point.x)} {number(point.y)}"


def number(value: float) -> str:
    """A number, to a tenth of a pixel."""
    return f"{round(value, 1):g}"


def safe(text: str) -> str:
    """What people wrote, as text and nothing else."""
    return escape(plain(text))
