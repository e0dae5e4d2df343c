"""How wide a text is, what of it fits, and moments as text.

Widths are in hundredths of an em, each the larger of those in DejaVu Sans and in
Liberation Sans (which are Arial's): the fonts of common systems stay within them.
"""

import re
import unicodedata
from datetime import UTC, datetime
from itertools import accumulate

from twinline.language.invisible import shown

_REGULAR = (
    32, 41, 46, 84, 64, 96, 78, 28, 40, 40, 50, 84, 32, 37, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 56, 102, 69, 69, 73, 78, 67, 62, 78, 76, 30, 50, 67, 56, 87, 75, 79,
    67, 79, 73, 67, 62, 74, 69, 99, 69, 67, 69, 40, 34, 40, 84, 56, 50, 62, 64, 55, 64, 62, 36, 64,
    64, 28, 28, 58, 28, 98, 64, 62, 64, 64, 42, 53, 40, 64, 60, 82, 60, 60, 53, 64, 34, 64, 84,
)  # fmt: skip
_BOLD = (
    35, 46, 53, 84, 70, 101, 88, 31, 46, 46, 53, 84, 38, 42, 38, 37, 70, 70, 70, 70, 70, 70, 70, 70,
    70, 70, 40, 40, 84, 84, 84, 62, 100, 78, 77, 74, 84, 69, 69, 83, 84, 38, 56, 78, 64, 100, 84,
    86, 74, 86, 78, 73, 69, 82, 78, 111, 78, 73, 73, 46, 37, 46, 84, 56, 50, 68, 72, 60, 72, 68, 44,
    72, 72, 35, 35, 67, 35, 105, 72, 69, 72, 72, 50, 60, 48, 72, 66, 93, 65, 66, 59, 72, 37, 72, 84,
)  # fmt: skip
_FIRST = ord(" ")
_ELLIPSIS = "…"
_OURS = {_ELLIPSIS: 100, "·": 40, "⟨": 50, "⟩": 50, "→": 100}
_WIDE, _OTHER = 130, 100
"""Of what the tables do not have: emoji and full-width letters, and everything else."""

_HEAD_SHARE = 0.5
# What XML 1.0 forbids although it may stand in a string of Python.
_no_xml = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def legible(text: str) -> str:
    """The text as any XML may hold it, its line ends and invisible characters visible."""
    return _no_xml.sub("\ufffd", shown(text).replace("\n", "⏎"))


def plain(text: str) -> str:
    """Likewise, with spaces for tabs, whose width nobody knows."""
    return legible(text).replace("\t", " ")


def day(at: datetime) -> str:
    """The day of a moment in UTC: ``2026-11-18``."""
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def minute(at: datetime) -> str:
    """A moment in UTC to the minute: ``2026-11-18 14:02Z``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z"


def width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide the text is at most, in pixels, at a font size in pixels."""
    return sum(_widths(text, bold)) * size / 100


def is_sure(text: str) -> bool:
    """Whether the tables have every character, so that `width` is no guess."""
    return all(" " <= one <= "~" or one in _OURS for one in text)


def fitted(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """The text, or as much of its begin and end as fits into ``room`` pixels.

    What is left out is in the middle, because names begin with whose they are and end
    with which one.
    """
    most = room * 100 / size
    widths = _widths(text, bold)
    if sum(widths) <= most:
        return text
    most -= _OURS[_ELLIPSIS]
    head = _count(widths, most * _HEAD_SHARE)
    tail = _count(widths[::-1], most - sum(widths[:head]))
    end = text[len(text) - tail :].lstrip()
    while end and unicodedata.combining(end[0]):
        end = end[1:]
    return text[:head].rstrip() + _ELLIPSIS + end


def _count(widths: list[int], most: float) -> int:
    """How many of the first fit."""
    return sum(1 for total in accumulate(widths) if total <= most)


def _widths(text: str, bold: bool) -> list[int]:
    table = _BOLD if bold else _REGULAR
    return [
        table[ord(one) - _FIRST] if " " <= one <= "~" else _OURS.get(one) or _guess(one)
        for one in text
    ]


def _guess(one: str) -> int:
    if unicodedata.combining(one):
        return 0
    return _WIDE if unicodedata.east_asian_width(one) in "WF" else _OTHER
