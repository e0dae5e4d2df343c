"""What serves is told at least once, minute by minute, whatever is away in between."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from twinline.cli.emission import (
    MINUTE,
    SETTLED,
    TRIES,
    Emission,
    FileSink,
    HttpSink,
    Progress,
    follow,
)
from twinline.cli.exports import state_file
from twinline.client.exports import Told
from twinline.language.errors import Invalid, Unavailable
from twinline.language.records import Json

NOW = datetime(2026, 7, 1, 14, 5, 20, tzinfo=UTC)
LAST = datetime(2026, 7, 1, 14, 4, tzinfo=UTC)
URL = "http://sink.invalid/api/v1/lineage"


def _event(at: datetime) -> Json:
    return {"run": {"runId": f"{at:%H:%M}"}, "job": {"name": "ünï"}}


class Server:
    """Has one event for each minute, and tells those that are over by its clock."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now, self.asked, self.away = now, list[datetime](), False

    def ask(self, start: datetime, end: datetime) -> Told:
        self.asked.append(start)
        if self.away:
            raise Unavailable("The server does not answer.")
        until = max(start, min(end, self.now.replace(second=0, microsecond=0)))
        return Told([_event(start)] if until > start else [], until)


class Kept:
    """A sink that takes events, or refuses them as told."""

    def __init__(self) -> None:
        self.events, self.error = list[Json](), None

    error: Exception | None

    def take(self, events: Sequence[Json]) -> None:
        if self.error:
            raise self.error
        self.events += events

    @property
    def minutes(self) -> list[str]:
        return [event["run"]["runId"] for event in self.events]


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    return Progress(tmp_path / "production.state", "production")


def test_the_first_time_the_last_whole_minute_is_told(progress: Progress) -> None:
    server, sink = Server(), Kept()
    assert Emission(server.ask, sink, progress).catch_up(NOW) == 1
    assert (sink.minutes, progress.read()) == (["14:04"], LAST + MINUTE)


def test_it_goes_on_where_it_was_left(progress: Progress) -> None:
    server, sink = Server(NOW + 3 * MINUTE), Kept()
    progress.write(LAST)
    assert Emission(server.ask, sink, progress).catch_up(NOW + 3 * MINUTE) == 4
    again = Emission(server.ask, sink, Progress(progress.file, "production"))
    assert again.catch_up(NOW + 3 * MINUTE) == 0
    assert sink.minutes == ["14:04", "14:05", "14:06", "14:07"]


def test_a_minute_that_is_not_over_for_the_server_waits(progress: Progress) -> None:
    """Ours may be ahead of the server's clock, or of what applications have shipped."""
    server, sink = Server(NOW), Kept()
    emission = Emission(server.ask, sink, progress)
    progress.write(LAST)
    assert emission.catch_up(NOW + 5 * MINUTE) == 1
    assert progress.read() == LAST + MINUTE
    server.now += 5 * MINUTE
    assert emission.catch_up(NOW + 5 * MINUTE) == 5
    assert len(set(sink.minutes)) == 6


@pytest.mark.parametrize("error", [Unavailable("away"), Invalid("refused")])
def test_a_minute_is_noted_only_when_it_was_taken(progress: Progress, error: Exception) -> None:
    server, sink = Server(), Kept()
    sink.error = error
    emission = Emission(server.ask, sink, progress)
    with pytest.raises(type(error)):
        emission.catch_up(NOW)
    assert progress.read() is None
    sink.error = None
    assert emission.catch_up(NOW) == 1


class _EndedError(Exception):
    pass


def _followed(emission: Emission, minutes: int) -> tuple[list[str], list[float]]:
    """What was said, and how long was waited, in so many rounds from `NOW` on."""
    at, said, waits = [NOW], list[str](), list[float]()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        at[0] += timedelta(seconds=seconds)
        if len(waits) == minutes:
            raise _EndedError

    with pytest.raises(_EndedError):
        follow(emission, said.append, clock=lambda: at[0], sleep=sleep)
    return said, waits


def test_each_minute_is_told_when_it_has_settled(progress: Progress) -> None:
    server, sink = Server(NOW + timedelta(hours=1)), Kept()
    said, waits = _followed(Emission(server.ask, sink, progress), 4)
    assert sink.minutes == ["14:04", "14:05", "14:06", "14:07"]
    first = NOW.replace(second=0) + MINUTE + SETTLED - NOW
    assert waits == [first.total_seconds(), 60.0, 60.0, 60.0]
    assert len(said) == 4


def test_whoever_is_away_is_told_later_and_said(progress: Progress) -> None:
    server, sink = Server(NOW + timedelta(hours=1)), Kept()
    server.away = True
    emission = Emission(server.ask, sink, progress)
    said, _ = _followed(emission, 2)
    assert all("waiting: The server does not answer." in line for line in said)
    server.away = False
    _followed(emission, 2)
    assert sink.minutes == ["14:04", "14:05"]


def test_a_file_gets_an_event_a_line_and_keeps_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    sink = FileSink(file)
    sink.take([])
    assert not file.exists()
    sink.take([_event(LAST)])
    FileSink(file).take([_event(LAST), _event(NOW)])
    lines = file.read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [_event(LAST), _event(LAST), _event(NOW)]


def test_a_line_that_was_broken_off_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text('{"run": {"ru')
    FileSink(file).take([_event(LAST)])
    torn, whole = file.read_text("utf-8").splitlines()
    assert (torn, json.loads(whole)) == ('{"run": {"ru', _event(LAST))


def test_a_file_that_cannot_be_written_is_waited_for(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be written"):
        FileSink(tmp_path / "nowhere" / "events").take([_event(LAST)])
    with pytest.raises(Unavailable, match="cannot be written"):
        Progress(tmp_path / "nowhere" / "state", "production").write(NOW)


Answer = Callable[[int], httpx.Response]


def _posting(answer: Answer) -> tuple[HttpSink, list[httpx.Request], list[float]]:
    sent, waits = list[httpx.Request](), list[float]()

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return answer(len(sent))

    transport = httpx.MockTransport(handle)
    return HttpSink(URL, "secret", transport=transport, sleep=waits.append), sent, waits


def test_each_event_is_posted_with_the_key() -> None:
    sink, sent, waits = _posting(lambda _: httpx.Response(201))
    sink.take([_event(LAST), _event(NOW)])
    assert [json.loads(one.content) for one in sent] == [_event(LAST), _event(NOW)]
    assert {one.headers["authorization"] for one in sent} == {"Bearer secret"}
    assert waits == []
    sink.close()


def _silent(number: int) -> httpx.Response:
    raise httpx.ConnectError("no route")


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_sink_that_is_busy_is_tried_again_with_longer_waits(status: int) -> None:
    sink, sent, waits = _posting(lambda number: httpx.Response(status if number < 4 else 200))
    sink.take([_event(LAST)])
    assert len(sent) == 4
    assert [wait >= 0.5 * 2**number for number, wait in enumerate(waits)] == [True] * 3
    assert all(wait <= 2**number for number, wait in enumerate(waits))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(_silent, "no route", id="silent"),
        pytest.param(lambda _: httpx.Response(502, text="bad"), "502 bad", id="broken"),
    ],
)
def test_a_sink_that_stays_away_is_given_up_after_five_tries(answer: Answer, said: str) -> None:
    sink, sent, _ = _posting(answer)
    with pytest.raises(Unavailable, match=said):
        sink.take([_event(LAST), _event(NOW)])
    assert len(sent) == TRIES == 5


def test_an_event_that_is_refused_is_not_tried_again() -> None:
    sink, sent, _ = _posting(lambda _: httpx.Response(422, text="no such job"))
    with pytest.raises(Invalid, match=r"refuses the event of run 14:04: 422 no such job"):
        sink.take([_event(LAST), _event(NOW)])
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        pytest.param("{", "does not say how far", id="no-json"),
        pytest.param("[]", "does not say how far", id="no-object"),
        pytest.param('{"environment": "production"}', "does not say how far", id="no-moment"),
        pytest.param(
            '{"environment": "production", "until": 7}', "does not say how far", id="odd-moment"
        ),
        pytest.param(
            '{"environment": "staging", "until": "2026-07-01T14:04:00+00:00"}',
            "of the environment 'staging', not of 'production'",
            id="another-environment",
        ),
    ],
)
def test_progress_that_cannot_be_read_is_refused(progress: Progress, kept: str, said: str) -> None:
    progress.file.write_text(kept)
    with pytest.raises(Invalid, match=said):
        progress.read()


def test_the_progress_is_kept_beside_the_sink() -> None:
    assert state_file("out/events.ndjson", "staging") == Path("out/events.ndjson.state")
    assert state_file(URL, "staging") == Path("openlineage-staging.state")
