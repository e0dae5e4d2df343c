"""Charts can be read: valid, within their bounds, the same each time, and what people wrote
in them is text."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pictures.svg import Picture, Rect, rect, texts, title, within, words
from tests.pictures.walks import HOSTILE
from twinline.pictures import charts
from twinline.pictures.charts import Bar, Chart, Mark, Series

TAGS = {"svg", "title", "desc", "style", "rect", "g", "path", "text"}
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
SCRIPT = "<script>alert(1)</script>\u202e"

values = st.none() | st.floats(0, 1e9)
plain_names = st.text("abcdefghij -/", min_size=1, max_size=40)


def days(count: int) -> list[datetime]:
    return [BEGIN + timedelta(days=one) for one in range(count)]


@st.composite
def any_chart(draw: st.DrawFn) -> Chart:
    count = draw(st.integers(0, 60))
    series = [
        Series(draw(plain_names), draw(st.lists(values, min_size=count, max_size=count)))
        for _ in range(draw(st.integers(1, 6)))
    ]
    hours = draw(st.lists(st.integers(-48, 24 * 62), max_size=12))
    marks = [Mark(BEGIN + timedelta(hours=one), draw(plain_names), "said") for one in hours]
    return Chart("Errors", days(count), series, marks, lambda value: f"{value:.3g}")


@given(any_chart())
def test_everything_is_within_bounds_and_only_what_we_draw(chart: Chart) -> None:
    drawn = charts.line_chart(chart)
    assert drawn == charts.line_chart(chart)
    picture = Picture.read(drawn)
    assert picture.tags <= TAGS
    for said, room in texts(picture.root):
        assert picture.bounds.holds(room), said
    for one in picture.find("drawn") + picture.find("deployed"):
        assert not {"nan", "inf"} & set(one.attrib["d"].split())


@given(any_chart())
def test_labels_of_marks_do_not_lie_on_each_other(chart: Chart) -> None:
    picture = Picture.read(charts.line_chart(chart))
    rooms = sorted(room for mark in picture.find("mark", "g") for _, room in texts(mark))
    for one, other in pairwise(rooms):
        assert one.right <= other.left


def test_a_day_without_a_value_is_a_gap_and_not_zero() -> None:
    chart = Chart("Errors", days(5), [Series("control", [0.1, 0.2, None, 0.2, 0.1])])
    picture = Picture.read(charts.line_chart(chart))
    assert len(picture.find("drawn")) == 2
    dots = [one for one in picture.find("first", "g") if title(one)]
    assert len([one for one in within(dots[0], "path") if one.get("class") == "point"]) == 4


def test_lines_differ_without_colours() -> None:
    series = [Series(f"arm {one}", [0.1 * one, 0.2]) for one in range(4)]
    picture = Picture.read(charts.line_chart(Chart("Errors", days(2), series)))
    dashes = [one.get("stroke-dasharray", "") for one in picture.find("drawn")]
    assert len(set(dashes)) == 4
    assert {"arm 0", "arm 1", "arm 2", "arm 3"} <= set(words(picture.root))


def test_names_at_the_ends_do_not_lie_on_each_other() -> None:
    series = [Series(f"arm {one}", [0.5, 0.5]) for one in range(5)]
    picture = Picture.read(charts.line_chart(Chart("Errors", days(2), series)))
    rooms = sorted(
        (room for said, room in texts(picture.root) if said.startswith("arm")),
        key=lambda room: room.top,
    )
    assert len(rooms) == 5
    for one, other in pairwise(rooms):
        assert not one.meets(other)


def test_marks_stand_at_their_moments_and_say_what_they_are() -> None:
    marks = [
        Mark(BEGIN + timedelta(hours=12), "2", "deployment 2: the shorter answer"),
        Mark(BEGIN - timedelta(hours=1), "1", "before the chart"),
    ]
    chart = Chart("Errors", days(2), [Series("control", [0.1, 0.2])], marks)
    picture = Picture.read(charts.line_chart(chart))
    (mark,) = picture.find("mark", "g")
    assert title(mark) == "deployment 2: the shorter answer"
    (line,) = picture.find("deployed")
    (first, _) = picture.find("point")[:2]
    assert line.attrib["d"].startswith(first.attrib["d"].split(" ")[0]), "noon is mid-day"


def test_bars_are_as_high_as_their_values() -> None:
    drawn = charts.requests_chart(days(3), [100, 50, 0], [])
    high, low = (rect(one) for one in Picture.read(drawn).find("bar"))
    assert (high.bottom - high.top) == pytest.approx(2 * (low.bottom - low.top), abs=0.2)
    assert high.bottom == low.bottom


def test_latency_says_its_range() -> None:
    drawn = Picture.read(charts.latency_chart(days(2), [120.0, None], []))
    assert "p95 from 120 ms to 120 ms" in (drawn.root.findtext("{*}desc") or "")


@pytest.mark.parametrize("text", [*HOSTILE, SCRIPT])
def test_what_people_wrote_is_text(text: str) -> None:
    mark = Mark(BEGIN, text, text)
    chart = Chart(text, days(2), [Series(text, [1.0, 2.0])], [mark])
    for drawn in (
        charts.line_chart(chart),
        charts.interval_bars(text, [Bar(text, 1.0, 0.5, 1.5)], str),
    ):
        assert Picture.read(drawn).tags <= TAGS
        assert "<script" not in drawn
        assert "\u202e" not in drawn


def test_nothing_measured_is_said() -> None:
    empty = Picture.read(charts.line_chart(Chart("Errors", [], [Series("control", [])])))
    assert empty.root.findtext("{*}desc") == "Nothing was measured."
    bars = Picture.read(charts.interval_bars("Errors", [Bar("control", None)], str))
    assert "not measured" in words(bars.root)


finite = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(plain_names, finite, finite, finite), max_size=8))
def test_intervals_stay_within_bounds_and_hold_their_value(
    found: list[tuple[str, float, float, float]],
) -> None:
    bars = [
        Bar(name, value, low, high)
        for name, *three in found
        for low, value, high in [sorted(three)]
    ]
    picture = Picture.read(charts.interval_bars("Score", bars, lambda value: f"{value:.3g}"))
    for said, room in texts(picture.root):
        assert picture.bounds.holds(room), said
    for line in picture.find("drawn"):
        low, high = _across(line.attrib["d"])
        assert picture.bounds.holds(Rect(low, 0, high, 0))
        assert low <= high


def _across(path: str) -> tuple[float, float]:
    begin, _, rest = path.removeprefix("M").partition("H")
    return float(begin.split(" ")[0]), float(rest.partition("M")[0])


def test_a_stronger_line_stands_at_zero() -> None:
    bars = [Bar("shorter", -0.02, -0.03, -0.01), Bar("longer", 0.02, 0.01, 0.03)]
    picture = Picture.read(charts.interval_bars("Difference", bars, lambda value: f"{value:+.2f}"))
    (axis,) = picture.find("axis")
    zero = float(axis.attrib["d"].removeprefix("M").split(" ")[0])
    below, above = (_across(one.attrib["d"]) for one in picture.find("drawn"))
    assert below[1] < zero < above[0]
