"""A database that stops, hangs up or is busy is said within seconds, and comes back."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import pytest

from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.db import migrations
from twinline.db.embedded import Cluster, find_binaries
from twinline.db.session import Database, Reading, connect
from twinline.language.records import NewKey, Role
from twinline.web.gate import COOKIE

SECONDS = 8.0  # far from what a hang would take, whatever the machine does beside
AT_ONCE = 60


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A PostgreSQL that a test may stop."""
    chosen = os.environ.get("TWINLINE_TEST_POSTGRES_BIN")
    binaries = find_binaries(Path(chosen) if chosen else None)
    with Cluster(tmp_path / "home", binaries, single_owner=True) as made:
        yield made


def test_a_database_that_stops_under_open_connections_is_said_and_found_again(
    cluster: Cluster,
) -> None:
    database = connect(cluster.url)
    migrations.upgrade(database)
    with database.writing("test") as tx:
        key = access.issue_key(tx, NewKey(owner="admin", role=Role.ADMIN)).key
    with served(app := make_app(database)) as url:
        headers = {"X-API-Key": key}
        with ThreadPoolExecutor(8) as threads:  # several connections are pooled
            ask = lambda _: httpx.get(f"{url}/api/v1/slots", headers=headers)  # noqa: E731 -- one line says it
            assert {one.status_code for one in threads.map(ask, range(16))} == {200}
        cluster.stop()
        _is_away(url, headers)
        cluster.start()
        app.state.database = database = _moved(database, cluster)
        assert httpx.get(f"{url}/api/v1/slots", headers=headers).status_code == 200
        assert httpx.get(f"{url}/readyz").json()["ready"]
        new = {"name": "p", "template": "x"}
        made = httpx.post(f"{url}/api/v1/prompts", json=new, headers=headers)
        assert made.status_code == 201
    database.close()


def test_a_database_that_takes_the_connection_and_says_nothing_is_said(
    database: Database,
) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        app = make_app(database)
        with served(app) as url:
            port = mute.getsockname()[1]
            app.state.database = connect(f"postgresql://nobody@127.0.0.1:{port}/none")
            _is_away(url, {"X-API-Key": "twl_x"})


@pytest.fixture
def busy(database: Database) -> Iterator[str]:
    """A server whose only connection is taken, with the waiting time of production."""
    small = connect(database.engine.url.render_as_string(hide_password=False), pool_size=1)
    app = make_app(database)
    with served(app) as url:
        app.state.database = small
        with small.reading():
            yield url
    small.close()


def test_60_requests_for_a_busy_database_are_all_refused_in_time(busy: str) -> None:
    async def all_at_once() -> list[httpx.Response]:
        async with _asking(busy) as http:
            return await asyncio.gather(*(_slots(http) for _ in range(AT_ONCE)))

    begun = time.monotonic()
    answers = asyncio.run(all_at_once())
    spent = time.monotonic() - begun
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    assert spent < SECONDS


def _slots(http: httpx.AsyncClient) -> Awaitable[httpx.Response]:
    return http.get("/api/v1/slots", headers={"X-API-Key": "twl_x"})


def _refused_page(http: httpx.AsyncClient) -> Awaitable[httpx.Response]:
    """Refused before anything is asked; whose page that is, is asked then."""
    return http.post("/login", content="no form", headers={"Cookie": f"{COOKIE}=unknown"})


@pytest.mark.parametrize(("ask", "status"), [(_slots, 401), (_refused_page, 422)])
def test_the_process_says_that_it_lives_while_others_wait_for_the_database(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]],
    status: int,
) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    small = connect(url, pool_size=1, wait_seconds=600)  # nobody gives up while it is looked at
    came: list[str] = []
    reading = small.reading

    def counted() -> AbstractContextManager[Reading]:
        came.append("one more request asks for a connection")
        return reading()

    monkeypatch.setattr(small, "reading", counted)

    async def asked_while_others_wait(free: Callable[[], None]) -> list[httpx.Response]:
        async with _asking(url) as http:
            waiting = [asyncio.ensure_future(ask(http)) for _ in range(AT_ONCE)]
            while len(came) < AT_ONCE:
                assert (await http.get("/healthz")).status_code == 200
                assert not any(one.done() for one in waiting), "one of them did not wait"
            assert (await http.get("/healthz")).status_code == 200
            free()
            return await asyncio.gather(*waiting)

    app = make_app(database)
    with served(app) as url, ExitStack() as held:
        app.state.database = small
        held.enter_context(small.engine.connect())  # it has no other
        answers = asyncio.run(asked_while_others_wait(held.close))
    small.close()
    assert {answer.status_code for answer in answers} == {status}


def _asking(url: str) -> httpx.AsyncClient:
    """One thread that asks: sixty, in the process of the server, would hold up the threads
    that it starts, and be what is measured."""
    return httpx.AsyncClient(base_url=url, limits=httpx.Limits(max_connections=None), timeout=30)


def _is_away(url: str, headers: dict[str, str]) -> None:
    begun = time.monotonic()
    answer = httpx.get(f"{url}/api/v1/slots", headers=headers, timeout=20)
    assert time.monotonic() - begun < SECONDS
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:twinline:problem:database-unavailable"
    assert httpx.get(f"{url}/healthz").status_code == 200
    begun = time.monotonic()
    ready = httpx.get(f"{url}/readyz", timeout=20)
    assert time.monotonic() - begun < SECONDS
    assert (ready.status_code, ready.json()["ready"]) == (503, False)


def _moved(database: Database, cluster: Cluster) -> Database:
    """The same database where it is found now: a new start may take another socket."""
    database.close()
    return connect(cluster.url)
