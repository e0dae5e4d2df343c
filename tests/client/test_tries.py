"""A server that refuses, hangs or is busy is asked again, with care and not for ever."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from twinline.client.http import Http
from twinline.client.tries import Tries, asked_seconds
from twinline.language.errors import (
    CutShort,
    DatabaseUnavailable,
    Overloaded,
    TwinlineError,
    Unavailable,
)
from twinline.language.records import Json

BUSY = b'{"type": "urn:twinline:problem:overloaded", "detail": "later"}'
Answer = tuple[int, dict[str, str], bytes]
CLOSED: Answer = (0, {}, b"")
"""No answer: the connection is closed."""


class Server(ThreadingHTTPServer):
    """Gives the answers that it is told to, in turn, the last one for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = [(200, {}, b"{}")]
        self.keys: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Any

    def do_GET(self) -> None:
        self.server.keys.append(self.headers.get("Idempotency-Key"))
        answers = self.server.answers
        status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 -- the library's name

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def silent() -> Iterator[tuple[str, list[socket.socket]]]:
    """Takes every connection and says nothing; the connections that it took."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def take() -> None:
            with suppress(OSError):
                while True:
                    taken.append(listening.accept()[0])

        thread = threading.Thread(target=take)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", taken
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    for one in taken:
        one.close()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again(server: Server, status: int) -> None:
    server.answers = [(status, {"Retry-After": "0"}, BUSY), (status, {}, b""), (200, {}, b"{}")]
    assert Http(server.url, None).get(Json, "/x") == {}
    assert len(server.keys) == 3


def test_a_long_answer_is_asked_for_again_until_it_begins(server: Server) -> None:
    begun = (200, {}, b"all of it")
    server.answers = [(503, {"Retry-After": "0"}, BUSY), CLOSED, begun]
    assert b"".join(Http(server.url, None).chunks("/x", {})) == b"all of it"
    assert len(server.keys) == 3
    server.answers = [(503, {}, BUSY)]
    with pytest.raises(Overloaded, match="later"):
        list(Http(server.url, None).chunks("/x", {}))
    assert len(server.keys) == 6
    server.answers = [CLOSED]
    with pytest.raises(Unavailable, match="does not answer"):
        list(Http(server.url, None).chunks("/x", {}))
    assert len(server.keys) == 9


def test_a_long_answer_that_broke_off_is_not_asked_for_again(server: Server) -> None:
    server.answers = [(200, {"Content-Length": "999"}, b"half of i"), (200, {}, b"all of it")]
    with pytest.raises(CutShort, match="after 9 bytes"):
        list(Http(server.url, None).chunks("/x", {}))
    assert len(server.keys) == 1


@pytest.mark.parametrize("status", [400, 404, 409, 500, 501])
def test_an_answer_is_an_answer(server: Server, status: int) -> None:
    server.answers = [(status, {"Retry-After": "0"}, b"{}")]
    with pytest.raises(TwinlineError):
        Http(server.url, None).get(Json, "/x")
    assert len(server.keys) == 1


def test_three_tries_are_made_and_the_last_answer_is_raised(server: Server) -> None:
    server.answers = [(503, {}, BUSY)]
    with pytest.raises(Overloaded, match="later"):
        Http(server.url, None).get(Json, "/x")
    assert len(server.keys) == 3


def test_a_write_is_tried_again_under_one_key_and_one_that_must_not_be_is_not(
    server: Server,
) -> None:
    server.answers = [(503, {}, BUSY), (200, {}, b"{}")]
    Http(server.url, None).write(Json, "POST", "/x")
    assert len(server.keys) == 2
    assert len(set(server.keys)) == 1
    assert server.keys[0]
    server.answers = [(503, {}, BUSY)]
    with pytest.raises(Overloaded):
        Http(server.url, None).write(Json, "POST", "/x", tries=1)
    assert len(server.keys) == 3


@pytest.mark.parametrize("form", ["3600", "date"])
def test_a_longer_wait_than_there_is_time_is_not_begun(server: Server, form: str) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    away = b'{"type": "urn:twinline:problem:database-unavailable", "detail": "gone"}'
    server.answers = [(503, {"Retry-After": later if form == "date" else form}, away)]
    with pytest.raises(DatabaseUnavailable, match="gone"):
        Http(server.url, None).get(Json, "/x")
    assert len(server.keys) == 1


def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(Unavailable, match=f"{url} does not answer"):
            Http(url, None).get(Json, "/x")


def test_a_server_that_hangs_is_given_up(silent: tuple[str, list[socket.socket]]) -> None:
    url, taken = silent
    with pytest.raises(Unavailable, match="does not answer"):
        Http(url, None, timeout_seconds=0.05).get(Json, "/x")
    assert len(taken) == 3


def test_no_try_is_made_beyond_the_time_in_all(silent: tuple[str, list[socket.socket]]) -> None:
    url, taken = silent
    with pytest.raises(Unavailable, match="does not answer"):
        Http(url, None, timeout_seconds=3600, total_seconds=0.05).get(Json, "/x")
    assert len(taken) == 1


def test_waits_grow_and_no_two_clients_wait_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("twinline.client.tries.time.sleep", waited.append)
    for _ in range(20):
        tries = Tries(4, 1e6)
        assert [tries.again(), tries.again(), tries.again(100), tries.again()] == [
            True, True, True, False,
        ]  # fmt: skip
    for place, least in enumerate((0.2, 0.4, 100)):
        found = waited[place::3]
        assert all(least <= one <= 1.5 * least for one in found)
        assert len(set(found)) == 20


def test_a_wait_that_fits_is_not_made_too_long_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("twinline.client.tries.time.sleep", waited.append)
    assert all(Tries(2, 1000).again(900) for _ in range(50))
    assert all(900 <= one <= 950 for one in waited)
    assert not Tries(2, 1000).again(1000)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, 0), ("", 0), ("7", 7), ("-7", 0), ("soon", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)
def test_what_a_server_asks_for_is_read(header: str | None, seconds: float) -> None:
    assert asked_seconds(header) == seconds
