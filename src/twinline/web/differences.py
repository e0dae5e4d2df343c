"""Lines of a unified difference, as pages print them."""

from collections.abc import Iterable
from typing import NamedTuple

_KINDS = {"-": "gone", "+": "come", "@": "at"}
_HEAD = 2


class DiffLine(NamedTuple):
    """A line of a difference; ``kind`` is ``gone``, ``come``, ``at`` or empty."""

    kind: str
    text: str


def diff_lines(unified: Iterable[str]) -> tuple[DiffLine, ...]:
    """The lines with their kinds; the first two name what is compared."""
    return tuple(
        DiffLine("at" if place < _HEAD else _KINDS.get(line[:1], ""), "" if line == " " else line)
        for place, line in enumerate(unified)
    )
