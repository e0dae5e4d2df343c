"""Bands of what was live when: nothing lies on anything else, every deployment is told, and
what people wrote is text."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.pictures.svg import Picture, rect, texts, title, within
from twinline.pictures import timelines_svg
from twinline.pictures.timelines import Band, Span, Times, ticks

BEGIN = datetime(2026, 10, 25, tzinfo=UTC)
END = BEGIN + timedelta(days=28)
HOSTILE = "<script>alert(1)</script>\u202e"
TAGS = {"svg", "title", "desc", "style", "rect", "g", "path", "text", "a"}


def band(*minutes: int, name: str = "support", other: float = 0.0) -> Band:
    """A band whose deployments begin so many minutes after the begin."""
    begins = [BEGIN + timedelta(minutes=one) for one in sorted(set(minutes))]
    ends = [*begins[1:], None]
    return Band(
        ref=f"routes:/{name}@production",
        name=name,
        spans=tuple(
            Span(
                ref=f"deployments:/{name}@production/{number}",
                begin=begin,
                end=end,
                labels=(f"prompt {number} + model 1", f"p{number}"),
                notes=("rollback · ada", "ada"),
                told=f"deployment {number} by ada",
                other=other,
            )
            for number, (begin, end) in enumerate(zip(begins, ends, strict=True), start=1)
        ),
    )


def times(*bands: Band, mark: datetime = END) -> Times:
    return Times(title="What was live when", begin=BEGIN, end=END, mark=mark, bands=bands)


def drawn(*bands: Band, mark: datetime = END) -> Picture:
    return Picture.read(timelines_svg(times(*bands, mark=mark), address=lambda ref: f"/{ref}"))


minutes = st.lists(st.integers(-50_000, 28 * 1440), min_size=1, max_size=80)


@given(st.lists(minutes, max_size=3), st.floats(0, 1))
def test_no_span_lies_on_another_and_all_is_within_bounds(
    begins: list[list[int]], other: float
) -> None:
    picture = drawn(*(band(*one, other=other) for one in begins))
    assert picture.tags <= TAGS
    spans = [rect(within(one, "rect")[0]) for one in picture.find("span")]
    for place, one in enumerate(spans):
        assert picture.bounds.holds(one)
        assert not any(one.meets(beside) for beside in spans[place + 1 :])
    for group in picture.find("span"):
        room = rect(within(group, "rect")[0])
        for said, where in texts(group):
            assert room.holds(where, by=1), said


@given(minutes)
def test_every_deployment_is_on_a_span_or_in_a_number(begins: list[int]) -> None:
    told = [title(one) for one in drawn(band(*begins)).find("span")]
    counts = [int(one.split()[0]) if "close together" in one else 1 for one in told]
    assert sum(counts) == len(set(begins))


@given(minutes, st.integers(0, 28 * 1440))
def test_what_was_live_at_the_mark_is_lit_alone(begins: list[int], after: int) -> None:
    mark = BEGIN + timedelta(minutes=after)
    lit = drawn(band(*begins), mark=mark).find("lit")
    assert len(lit) == (1 if min(begins) <= after else 0)


def test_a_span_leads_to_its_deployment_and_says_who_and_what() -> None:
    picture = drawn(band(0, 10_000, 30_000))
    links = [one for one in within(picture.root, "a") if "span" in one.attrib["class"]]
    assert [one.attrib["href"] for one in links] == [
        f"/deployments:/support@production/{number}" for number in (1, 2, 3)
    ]
    assert links[0].attrib["aria-label"] == "deployment 1 by ada"
    assert [said for said, _ in texts(links[0])] == ["prompt 1 + model 1", "rollback · ada"]
    assert "support prompt 3 + model 1" in (picture.root.findtext("{*}desc") or "")


def test_deployments_that_are_close_together_are_one_span() -> None:
    picture = drawn(band(0, 20_000, 20_005, 20_010, 20_015))
    told = [title(one) for one in picture.find("span")]
    assert told[0] == "deployment 1 by ada"
    assert told[1].startswith("3 deployments close together from 2026-11-07 21:20Z")
    assert told[2] == "deployment 5 by ada"


def test_the_bar_of_other_bundles_is_as_high_as_their_share() -> None:
    highs = [
        rect(bar).bottom - rect(bar).top
        for share in (0.25, 0.5)
        for bar in drawn(band(0, other=share)).find("other")
    ]
    assert highs == [3, 6]
    assert drawn(band(0)).find("other") == []


def test_what_people_wrote_is_text() -> None:
    source = timelines_svg(times(band(0, name=HOSTILE)), address=lambda ref: f"/{ref}")
    assert "<script" not in source
    assert "\u202e" not in source
    assert "&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩" in source


def test_the_same_times_are_the_same_bytes() -> None:
    one, other = (timelines_svg(times(band(0, 500), band(3))) for _ in range(2))
    assert one == other
    assert Picture.read(one).root.attrib["role"] == "img"


@given(st.integers(1, 5_000 * 24))
def test_ticks_are_few_and_round(hours: int) -> None:
    found = list(ticks(BEGIN, BEGIN + timedelta(hours=hours)))
    assert len(found) <= 10
    assert all(BEGIN <= moment <= BEGIN + timedelta(hours=hours) for moment, _ in found)
    assert all(moment.minute == moment.second == 0 for moment, _ in found)
