"""Charts as SVG: measures over days, and intervals side by side.

Whoever shows a chart shows the same figures as a table. A day without a value is a gap,
not zero. Lines differ by their dashes and the shapes of their points, and have their names
at their ends, so that colours say nothing alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from math import floor, log10

from twinline.pictures import writing
from twinline.pictures.scene import Point
from twinline.pictures.style import style_sheet
from twinline.pictures.text import fitted, plain, width

WIDTH, HEIGHT = 640, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 132, 48, 28
_TICKS, _DAYS_NAMED = 4, 6
_LABEL, _SMALL = 12, 11
_BAR_ROW, _BAR_MOST = 32, 40
_NAMES, _FIGURES = 132, 232
_DASHES = ("", "7 3", "2 3", "9 3 2 3")
_STYLES = ("first", "second", "third", "fourth")
_POINTS = (
    "M{x} {y}m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z",
    "M{x} {y}m-3-3h6v6h-6z",
    "M{x} {y}m0-4l4 7h-8z",
    "M{x} {y}m0-4l4 4l-4 4l-4-4z",
)

Said = Callable[[float], str]
"""A value in words, as ``0.4 %``."""


@dataclass(frozen=True)
class Series:
    """A line: values by day, None where nothing was measured."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Mark:
    """A moment that explains what is seen, as a deployment: a short label and a sentence."""

    at: datetime
    label: str
    said: str


@dataclass(frozen=True)
class Bar:
    """An estimate with its interval; None: nothing was measured."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Chart:
    """What a chart shows: lines over ``days`` with marks.

    ``said`` writes a value; ``bars`` draws the only line as bars.
    """

    title: str
    days: Sequence[datetime]
    series: Sequence[Series]
    marks: Sequence[Mark] = ()
    said: Said = field(default=lambda value: f"{value:,.6g}")
    bars: bool = False


def line_chart(chart: Chart, *, styled: bool = True) -> str:
    """Lines over days, with marks; ``styled``: with the style sheet within."""
    top = _nice(max(_known(chart), default=0.0))
    drawn = [
        *_grid(chart, top),
        *_days(chart),
        *_marks(chart),
        *(_bars(chart, top) if chart.bars else _lines(chart, top)),
    ]
    return _svg(chart.title, _told(chart), HEIGHT, drawn, styled=styled)


def interval_bars(title: str, bars: Sequence[Bar], said: Said, *, styled: bool = True) -> str:
    """Estimates with their intervals, one below the other, on one scale; the line at zero is
    stronger."""
    known = [value for bar in bars for value in (bar.value, bar.low, bar.high) if value is not None]
    low, high = min(0.0, *known, 0.0), max(0.0, *known, 0.0)
    room = WIDTH - _NAMES - _FIGURES - 2 * 12
    scale = room / ((high - low) or 1.0)
    height = _TOP + _BAR_ROW * len(bars) + _BOTTOM
    zero = _NAMES + 12 - low * scale
    drawn = [f'<path class="axis" d="M{writing.number(zero)} {_TOP - 8}V{height - _BOTTOM + 4}"/>']
    drawn.append(writing.text(Point(zero, height - 8), said(0.0), _SMALL, 80, "quiet", "middle"))
    for row, bar in enumerate(bars):
        drawn += _interval(bar, _TOP + row * _BAR_ROW + _BAR_ROW / 2, zero, scale, said)
    told = "; ".join(f"{bar.name}: {_estimate(bar, said)}" for bar in bars)
    return _svg(title, told, height, drawn, styled=styled)


def requests_chart(
    days: Sequence[datetime], requests: Sequence[int], marks: Sequence[Mark], *, styled: bool = True
) -> str:
    """Requests a day as bars, with the deployments of the time."""
    shown = Series("requests", requests)
    said: Said = lambda value: f"{value:,.0f}"  # noqa: E731 -- a value of a field
    return line_chart(Chart("Requests a day", days, [shown], marks, said, bars=True), styled=styled)


def latency_chart(
    days: Sequence[datetime],
    p95_ms: Sequence[float | None],
    marks: Sequence[Mark],
    *,
    styled: bool = True,
) -> str:
    """The 95th percentile of the latency on each day, with the deployments of the time."""
    said: Said = lambda value: f"{value:,.0f} ms"  # noqa: E731 -- a value of a field
    shown = [Series("p95", p95_ms)]
    return line_chart(Chart("Latency, p95 of each day", days, shown, marks, said), styled=styled)


def _svg(title: str, told: str, height: int, drawn: Sequence[str], *, styled: bool) -> str:
    size = f'width="{WIDTH}" height="{height}"'
    return "".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" class="twinline-picture" role="img" '
            f'aria-label="{writing.safe(title)}" {size} viewBox="0 0 {WIDTH} {height}">',
            f"<title>{writing.safe(title)}</title><desc>{writing.safe(told)}</desc>",
            f"<style>{style_sheet()}</style>" if styled else "",
            f'<rect class="ground" {size}/>',
            writing.text(Point(12, 20), title, 13, WIDTH - 24, "strong"),
            *drawn,
            "</svg>",
        ]
    )


# --- lines over days -------------------------------------------------------------------


def _known(chart: Chart) -> Iterator[float]:
    return (value for one in chart.series for value in one.values if value is not None)


def _told(chart: Chart) -> str:
    """The same in a sentence, for those who do not see it."""
    if not chart.days:
        return "Nothing was measured."
    ends = f"{chart.days[0]:%Y-%m-%d} to {chart.days[-1]:%Y-%m-%d}"
    found = "; ".join(_range(one, chart.said) for one in chart.series)
    marks = f"; {len(chart.marks)} marks" if chart.marks else ""
    return f"{ends}: {found}{marks}."


def _range(one: Series, said: Said) -> str:
    known = [value for value in one.values if value is not None]
    if not known:
        return f"{one.name} was not measured"
    return f"{one.name} from {said(min(known))} to {said(max(known))}, last {said(known[-1])}"


def _nice(high: float) -> float:
    """The top of the scale: 1, 2, 2.5 or 5 times a power of ten."""
    if high <= 0:
        return 1.0
    power = 10.0 ** floor(log10(high))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if high <= step * power * (1 + 1e-9))


def _grid(chart: Chart, top: float) -> Iterator[str]:
    for tick in range(_TICKS + 1):
        value = top * tick / _TICKS
        y = _y(value, top)
        style = "axis" if tick == 0 else "grid"
        yield f'<path class="{style}" d="M{_LEFT} {writing.number(y)}H{WIDTH - _RIGHT}"/>'
        said = chart.said(value)
        at = Point(_LEFT - 6, y + 4)
        yield writing.text(at, said, _SMALL, _LEFT - 10, "quiet", "end")


def _days(chart: Chart) -> Iterator[str]:
    every = max(1, -(-len(chart.days) // _DAYS_NAMED))
    for place in range(0, len(chart.days), every):
        at = Point(_x(chart, chart.days[place]), HEIGHT - 10)
        yield writing.text(at, f"{chart.days[place]:%m-%d}", _SMALL, 60, "quiet", "middle")


def _marks(chart: Chart) -> Iterator[str]:
    """Marks within the days; a label that would lie on the one before is left out."""
    free = 0.0
    for mark in sorted(chart.marks, key=lambda one: (one.at, one.label)):
        x = _moment(chart, mark.at)
        if x is None:
            continue
        label = fitted(plain(mark.label), 60, _SMALL)
        half = width(label, _SMALL) / 2
        yield (
            f'<g class="mark"><title>{writing.safe(mark.said)}</title>'
            f'<path class="deployed" stroke-dasharray="3 3" '
            f'd="M{writing.number(x)} {_TOP - 8}V{HEIGHT - _BOTTOM}"/>'
        )
        if x - half >= free and x + half <= WIDTH:
            at = Point(x, _TOP - 11)
            yield writing.text(at, mark.label, _SMALL, 60, "quiet", "middle")
            free = x + half + 4
        yield "</g>"


def _lines(chart: Chart, top: float) -> Iterator[str]:
    ends: list[tuple[float, str, str]] = []
    for place, one in enumerate(chart.series):
        style, dashes = _STYLES[place % len(_STYLES)], _DASHES[place % len(_DASHES)]
        at = [
            None if value is None else Point(_x(chart, day), _y(value, top))
            for day, value in zip(chart.days, one.values, strict=True)
        ]
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        shape = _POINTS[place % len(_POINTS)]
        yield f'<g class="{style}"><title>{writing.safe(_range(one, chart.said))}</title>'
        for measured, run in groupby(at, key=lambda point: point is not None):
            if measured:
                path = "L".join(writing.at(point) for point in run if point)
                yield f'<path class="drawn" d="M{path}"{dashed}/>'
        yield from (
            f'<path class="point" d="{_shape(shape, point)}"/>' for point in at if point is not None
        )
        yield "</g>"
        last = next((point for point in reversed(at) if point), None)
        if last:
            ends.append((last.y, one.name, shape))
    yield from _ends(ends, [one.name for one in chart.series])


def _ends(ends: Sequence[tuple[float, str, str]], names: Sequence[str]) -> Iterator[str]:
    """The names of the lines beside their ends, none on another."""
    room = HEIGHT - _BOTTOM - 16 * (len(ends) - 1)
    y = _TOP - 4.0
    for place, (end, name, shape) in enumerate(sorted(ends)):
        y = min(max(y + 16, end + 4), room + 16 * place)
        x = WIDTH - _RIGHT + 14
        style = _STYLES[names.index(name) % len(_STYLES)]
        yield f'<g class="{style}"><path class="point" d="{_shape(shape, Point(x, y - 4))}"/></g>'
        yield writing.text(Point(x + 10, y), name, _LABEL, _RIGHT - 30, "strong")


def _bars(chart: Chart, top: float) -> Iterator[str]:
    (one,) = chart.series
    wide = min(_BAR_MOST, max(1.0, _day_width(chart) - 2))
    yield f'<g class="first"><title>{writing.safe(_range(one, chart.said))}</title>'
    for day, value in zip(chart.days, one.values, strict=True):
        if value:
            y = _y(value, top)
            yield (
                f'<rect class="bar" x="{writing.number(_x(chart, day) - wide / 2)}" '
                f'y="{writing.number(y)}" width="{writing.number(wide)}" '
                f'height="{writing.number(HEIGHT - _BOTTOM - y)}"/>'
            )
    yield "</g>"


def _shape(shape: str, point: Point) -> str:
    return shape.format(x=writing.number(point.x), y=writing.number(point.y))


def _x(chart: Chart, day: datetime) -> float:
    """The middle of a day's part of the width."""
    return _LEFT + (chart.days.index(day) + 0.5) * _day_width(chart)


def _moment(chart: Chart, at: datetime) -> float | None:
    """Where a moment is within the days that are shown; None: outside of them."""
    moment = at.astimezone(UTC)
    for place, day in enumerate(chart.days):
        passed = (moment - day) / timedelta(days=1)
        if 0 <= passed < 1:
            return _LEFT + (place + passed) * _day_width(chart)
    return None


def _day_width(chart: Chart) -> float:
    return (WIDTH - _LEFT - _RIGHT) / max(1, len(chart.days))


def _y(value: float, top: float) -> float:
    return HEIGHT - _BOTTOM - max(0.0, value) / top * (HEIGHT - _BOTTOM - _TOP)


# --- intervals -------------------------------------------------------------------------


def _interval(bar: Bar, y: float, zero: float, scale: float, said: Said) -> Iterator[str]:
    yield writing.text(Point(_NAMES, y + 4), bar.name, _LABEL, _NAMES - 16, "strong", "end")
    told = _estimate(bar, said)
    yield writing.text(Point(WIDTH - 12, y + 4), told, _SMALL, _FIGURES - 16, "quiet", "end")
    if bar.value is None:
        return
    low = zero + (bar.value if bar.low is None else bar.low) * scale
    high = zero + (bar.value if bar.high is None else bar.high) * scale
    x = zero + bar.value * scale
    ends = f"M{writing.number(low)} {writing.number(y)}H{writing.number(high)}"
    caps = "".join(f"M{writing.number(end)} {writing.number(y - 5)}v10" for end in (low, high))
    yield (
        f'<g class="first"><title>{writing.safe(f"{bar.name}: {told}")}</title>'
        f'<path class="drawn" d="{ends}{caps}"/>'
        f'<path class="point" d="{_shape(_POINTS[3], Point(x, y))}"/></g>'
    )


def _estimate(bar: Bar, said: Said) -> str:
    if bar.value is None:
        return "not measured"
    if bar.low is None or bar.high is None:
        return said(bar.value)
    return f"{said(bar.value)} ({said(bar.low)} to {said(bar.high)})"
