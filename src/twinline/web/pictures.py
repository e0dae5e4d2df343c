"""Pictures and differences as part of a page: the one place whose HTML no template escapes.

What people wrote in them is escaped where they are drawn (`twinline.pictures`).
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from markupsafe import Markup

from twinline import pictures
from twinline.language.records import Bundle, Lineage, PromptDiff
from twinline.pictures import charts
from twinline.pictures.timelines import Times
from twinline.web import addresses


def lineage(
    walk: Lineage,
    *,
    opened: Collection[str] = (),
    unfold: Callable[[str], str] | None = None,
) -> Markup:
    """A walk; each row leads to its page, and a card that holds more to where it is opened."""
    return Markup(  # noqa: S704 -- escaped where drawn
        pictures.lineage_svg(walk, address=addresses.of, styled=False, opened=opened, unfold=unfold)
    )


def bundle(pair: Bundle) -> Markup:
    """A bundle with its two sides."""
    return Markup(pictures.bundle_svg(pair, address=addresses.of, styled=False))  # noqa: S704 -- escaped where drawn


def timelines(times: Times) -> Markup:
    """What was live when; each span leads to its deployment."""
    return Markup(pictures.timelines_svg(times, address=addresses.of, styled=False))  # noqa: S704 -- escaped where drawn


def diff(difference: PromptDiff) -> Markup:
    """What differs between two prompt versions."""
    return Markup(pictures.diff_html(difference, styled=False))  # noqa: S704 -- escaped where drawn


def lines(chart: charts.Chart) -> Markup:
    """Measures over days, with deployments."""
    return Markup(charts.line_chart(chart, styled=False))  # noqa: S704 -- escaped where drawn


def intervals(title: str, bars: Sequence[charts.Bar], said: charts.Said) -> Markup:
    """Estimates with their intervals."""
    return Markup(charts.interval_bars(title, bars, said, styled=False))  # noqa: S704 -- escaped where drawn


def requests(
    days: Sequence[datetime], counts: Sequence[int], marks: Sequence[charts.Mark]
) -> Markup:
    """Requests a day, with deployments."""
    return Markup(charts.requests_chart(days, counts, marks, styled=False))  # noqa: S704 -- escaped where drawn


def latency(
    days: Sequence[datetime], p95_ms: Sequence[float | None], marks: Sequence[charts.Mark]
) -> Markup:
    """The latency of each day, with deployments."""
    return Markup(charts.latency_chart(days, p95_ms, marks, styled=False))  # noqa: S704 -- escaped where drawn
