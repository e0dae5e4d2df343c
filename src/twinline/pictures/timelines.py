"""Bands of what was live when, one for each slot, as SVG.

Moments stand where they are on the axis, so that what lasted longer is wider. Spans that
would be too narrow to be seen or hit stand together as one, which says how many it holds.
What is not served by the default bundle is told by a bar along the lower edge, as high as
its share.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from twinline.pictures import writing
from twinline.pictures.draw import Address
from twinline.pictures.scene import Point
from twinline.pictures.style import style_sheet
from twinline.pictures.text import minute, plain, width

WIDTH = 1376
BAND, GAP = 44, 12
"""How high a band is, and how far from the next."""

NARROWEST = 12.0
"""Spans that are narrower stand together."""

_PAD, _NAMES, _HEAD, _FOOT = 12, 196, 16, 28
_LEFT, _RIGHT, _TAIL = _PAD + _NAMES, WIDTH - _PAD, 48
_LEAST, _BETWEEN, _INSET = 6.0, 2.0, 7
_SHARE_HIGH = 12
_TICKS_MOST = 9
_DAY = timedelta(days=1)
_STEPS = tuple(timedelta(hours=hours) for hours in (1, 3, 6, 12)) + tuple(
    days * _DAY for days in (1, 2, 7, 14, 28, 91, 182, 364, 1820)
)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Span:
    """A deployment while it was live; ``end`` is None when it still is.

    ``labels`` and ``notes`` are what may stand in it, the longest first; ``other`` is the
    share of the traffic, in [0, 1], that its default bundle does not get.
    """

    ref: str
    begin: datetime
    end: datetime | None
    labels: tuple[str, ...]
    notes: tuple[str, ...]
    told: str
    other: float = 0.0


@dataclass(frozen=True)
class Band:
    """A slot and its spans, one after the other, the oldest first."""

    ref: str
    name: str
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Times:
    """Bands from ``begin`` to ``end``; ``mark`` is the moment that is asked for."""

    title: str
    begin: datetime
    end: datetime
    mark: datetime
    bands: tuple[Band, ...]


class Piece(NamedTuple):
    """Where spans stand that are drawn as one."""

    left: float
    right: float
    spans: tuple[Span, ...]


def timelines_svg(times: Times, *, address: Address | None = None, styled: bool = True) -> str:
    """The bands as SVG; ``address`` says where a slot and a deployment lead."""
    high = _HEAD + len(times.bands) * (BAND + GAP) + _FOOT
    size = f'width="{WIDTH}" height="{high}"'
    at = _scale(times)
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="twinline-picture timelines" '
            f'role="{"group" if address else "img"}" aria-label="{writing.safe(times.title)}" '
            f'{size} viewBox="0 0 {WIDTH} {high}">',
            f"<title>{writing.safe(times.title)}</title><desc>{writing.safe(_told(times))}</desc>",
            f"<style>{style_sheet()}</style>" if styled else "",
            f'<rect class="ground" {size}/>',
            '<g aria-hidden="true">',
            *_axis(times, at, high),
            "</g>",
            *(
                _band(band, _HEAD + place * (BAND + GAP), times, at, address)
                for place, band in enumerate(times.bands)
            ),
            _mark(at(times.mark), high),
            "</svg>",
        ]
    )


def pieces(spans: Sequence[Span], at: Callable[[datetime], float]) -> Iterator[Piece]:
    """Spans where they stand, those that are too narrow together; none lies on another."""
    edge, waiting = float(_LEFT), list[Span]()
    for span in spans:
        is_wide = _right(span, at) - at(span.begin) >= NARROWEST
        if waiting and (is_wide or at(span.begin) - at(waiting[0].begin) >= NARROWEST):
            piece = _placed(tuple(waiting), edge, at)
            edge, waiting = piece.right, []
            yield piece
        waiting.append(span)
        if is_wide:
            piece = _placed((waiting.pop(),), edge, at)
            edge = piece.right
            yield piece
    if waiting:
        yield _placed(tuple(waiting), edge, at)


def _placed(spans: tuple[Span, ...], edge: float, at: Callable[[datetime], float]) -> Piece:
    left = max(edge, at(spans[0].begin))
    return Piece(left, max(left + _LEAST, _right(spans[-1], at)), spans)


def _right(span: Span, at: Callable[[datetime], float]) -> float:
    return float(_RIGHT) if span.end is None else at(span.end)


def _scale(times: Times) -> Callable[[datetime], float]:
    """From a moment to where it is; what is before the begin is at the begin."""
    whole = max((times.end - times.begin).total_seconds(), 1.0)
    room = _RIGHT - _TAIL - _LEFT

    def at(moment: datetime) -> float:
        share = (moment - times.begin).total_seconds() / whole
        return _LEFT + min(max(share, 0.0), 1.0) * room

    return at


def _axis(times: Times, at: Callable[[datetime], float], high: int) -> Iterator[str]:
    for moment, said in ticks(times.begin, times.end):
        x = writing.number(at(moment))
        yield f'<path class="tick" d="M{x} {_HEAD - 6}V{high - _FOOT + 2}"/>'
        yield writing.text(Point(at(moment) + 4, high - _FOOT + 15), said, 11, 90, "quiet")


def ticks(begin: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
    """Round moments between two others, at most nine, and what they are called; in UTC, weeks
    from Mondays on."""
    step = next((one for one in _STEPS if (end - begin) / one <= _TICKS_MOST), _STEPS[-1])
    moment = _MONDAY + -((_MONDAY - begin) // step) * step
    while moment <= end:
        yield moment, _called(moment, step)
        moment += step


def _called(moment: datetime, step: timedelta) -> str:
    if step < _DAY and moment.hour:
        return f"{moment:%H:%M}"
    return f"{moment:%d %b %Y}" if step >= 182 * _DAY else f"{moment:%d %b}"


def _band(
    band: Band, top: int, times: Times, at: Callable[[datetime], float], address: Address | None
) -> str:
    where = address(band.ref) if address else None
    tag = f'a href="{writing.safe(where)}"' if where else "g"
    name = writing.text(Point(_PAD, top + 27), band.name, 13, _NAMES - 12, "strong")
    return "".join(
        [
            f'<{tag} class="slot"><title>{writing.safe(band.name)}</title>'
            f'<rect class="row" x="{_PAD - 6}" y="{top + 8}" width="{_NAMES - 6}" height="28"/>'
            f"{name}</{tag[0]}>",
            *(_piece(piece, top, times, address) for piece in pieces(band.spans, at)),
        ]
    )


def _piece(piece: Piece, top: int, times: Times, address: Address | None) -> str:
    lit = any(is_live(span, times.mark) for span in piece.spans)
    last = piece.spans[-1]
    told = last.told if len(piece.spans) == 1 else _together(piece.spans)
    where = address(last.ref) if address else None
    tag = f'a href="{writing.safe(where)}" aria-label="{writing.safe(told)}"' if where else "g"
    wide = max(piece.right - piece.left - _BETWEEN, 2.0)
    x = writing.number(piece.left)
    radius = 4 if wide > _LEAST * 2 else 0
    return (
        f'<{tag} class="span{" lit" if lit else ""}"><title>{writing.safe(told)}</title>'
        f'<rect class="row" x="{x}" y="{top}" rx="{radius}" width="{writing.number(wide)}" '
        f'height="{BAND}"/>'
        f"{_other(piece, top, wide)}{_words(piece, top, wide)}</{tag[0]}>"
    )


def _other(piece: Piece, top: int, wide: float) -> str:
    """The bar of what the default bundle does not get, in a frame as high as all would be."""
    share = piece.spans[-1].other
    if not share or len(piece.spans) > 1 or wide < NARROWEST / 2:
        return ""
    left, across = writing.number(piece.left + 3), writing.number(max(wide - 6, 1))
    high = max(share * _SHARE_HIGH, 1.5)
    below = top + BAND - 3
    return (
        f'<rect class="all" x="{left}" y="{below - _SHARE_HIGH}" width="{across}" '
        f'height="{_SHARE_HIGH}"/>'
        f'<rect class="other" x="{left}" y="{writing.number(below - high)}" width="{across}" '
        f'height="{writing.number(high)}"/>'
    )


def _words(piece: Piece, top: int, wide: float) -> str:
    """What fits into the piece: what was live, and by whom."""
    room = wide - 2 * _INSET
    several = len(piece.spans) > 1
    if several:
        labels, notes = (f"{len(piece.spans)} deployments", f"+{len(piece.spans)}"), ()
    else:
        labels, notes = piece.spans[0].labels, piece.spans[0].notes
    high = piece.spans[-1].other > 0 and not several
    label = next((one for one in labels if width(plain(one), 12, bold=True) <= room), "")
    note = next((one for one in notes if width(plain(one), 11) <= room), "")
    left = piece.left + _INSET
    first = writing.text(Point(left, top + (14 if high else 19)), label, 12, room, "strong")
    if not label:
        return ""
    if not note:
        return first
    return first + writing.text(Point(left, top + (27 if high else 35)), note, 11, room, "quiet")


def _together(spans: Sequence[Span]) -> str:
    first, last = spans[0], spans[-1]
    return (
        f"{len(spans)} deployments close together from {minute(first.begin)}; the last: {last.told}"
    )


def _mark(x: float, high: int) -> str:
    return f'<path class="mark" aria-hidden="true" d="M{writing.number(x)} 4V{high - _FOOT + 8}"/>'


def is_live(span: Span, at: datetime) -> bool:
    """Whether a deployment was the live one at a moment."""
    return span.begin <= at and (span.end is None or at < span.end)


def _told(times: Times) -> str:
    """The bands in words: what was live at the mark."""
    said = f"At {minute(times.mark)}: "
    return said + ("; ".join(_live_told(times)) or "nothing was live") + "."


def _live_told(times: Times) -> Iterable[str]:
    for band in times.bands:
        live = next((one for one in band.spans if is_live(one, times.mark)), None)
        yield f"{band.name} {live.labels[0] if live else 'nothing'}"
