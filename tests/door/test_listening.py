"""What one process changes reaches the others, also when nobody can listen to PostgreSQL."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.support.apps import SECONDS, asked, managed
from tests.support.catalog import Catalog
from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.db.listening import Announcements
from twinline.db.session import Database, Reading, connect
from twinline.deployments import actions as deployments
from twinline.language.records import Bundle, NewDeployment, NewKey, Role
from twinline.language.refs import SlotRef

SLOT = "answer@production"
ROUTE = {"route": "answer", "environment": "production"}

_LISTENERS = text(
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and query ilike 'listen %'"
)


@pytest.fixture
def here(database: Database) -> Iterator[httpx.Client]:
    with asked(database) as http:
        yield http


@pytest.fixture
def catalog(here: httpx.Client) -> Iterator[Catalog]:
    with managed(here) as client:
        made = Catalog(client)
        made.deploy(SLOT, made.bundle(1, 1))
        yield made


def hang_up(database: Database) -> int:
    """End every connection that listens; how many there were."""
    with database.reading() as tx:
        return len(tx.values(_LISTENERS))


def elsewhere(database: Database, bundle: Bundle, expected: int) -> None:
    """Deploy as a process would that has no server."""
    with database.writing("somebody") as tx:
        new = NewDeployment(bundle=bundle.ref, reason="because")
        deployments.deploy(tx, SlotRef.parse(SLOT), new, expected)


def resolved(http: httpx.Client) -> dict[str, Any]:
    answer = http.post("/resolve", json=ROUTE)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_change_arrives_though_the_listening_connection_was_cut(
    catalog: Catalog, here: httpx.Client, database: Database
) -> None:
    resolved(here)
    for number in range(2, 6):
        bundle = catalog.bundle(1, number % 2 + 1)
        _until(lambda: hang_up(database) == 1)
        elsewhere(database, bundle, number - 1)
        _until(lambda ref=bundle.ref: resolved(here)["bundle"]["ref"] == str(ref))
    _until(lambda: resolved(here)["stale_seconds"] == 0)


def test_changes_arrive_while_nobody_can_listen_and_answers_say_how_old_their_policy_is(
    catalog: Catalog, here: httpx.Client, database: Database
) -> None:
    _until(lambda: resolved(here)["stale_seconds"] == 0)
    with _always(lambda: hang_up(database)):
        old: list[float] = []
        for number in range(2, 5):
            bundle = catalog.bundle(1, number % 2 + 1)
            elsewhere(database, bundle, number - 1)
            deadline = time.monotonic() + SECONDS
            while (found := resolved(here))["bundle"]["ref"] != str(bundle.ref):
                assert time.monotonic() < deadline
                old.append(found["stale_seconds"])
                time.sleep(0.01)
        assert max(old) > 0
        assert all(seconds > 0 for seconds in _stale_flags(here))
        kept = here.get(f"/inferences/{found['inference_id']}").json()
        assert kept["stale_seconds"] == found["stale_seconds"]
    _until(lambda: resolved(here)["stale_seconds"] == 0)
    assert _stale_flags(here) == [0, 0]


def test_a_revoked_key_is_refused_though_the_listening_connection_was_cut(
    catalog: Catalog, here: httpx.Client, database: Database
) -> None:
    issued = catalog.client.keys.issue("app", Role.SERVICE)
    own = {"X-API-Key": issued.key}
    assert here.post("/resolve", json=ROUTE, headers=own).status_code == 200
    _until(lambda: hang_up(database) == 1)
    with database.writing("somebody") as tx:
        access.revoke_key(tx, issued.prefix)
    _until(lambda: here.post("/resolve", json=ROUTE, headers=own).status_code == 401)


def test_a_subscriber_that_fails_keeps_nothing_from_the_others(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    announcements, heard = Announcements(database), list[str]()

    def fail(topic: str) -> None:
        raise ValueError(topic)

    for subscriber in (fail, heard.append):
        announcements.subscribe(subscriber)
    with database.writing("test") as tx:
        tx.announce("environment production")
    assert heard == ["environment production"]
    (record,) = caplog.records
    assert (record.levelname, record.exc_info is not None) == ("ERROR", True)


def _stale_flags(here: httpx.Client) -> list[float]:
    """How old OpenFeature's doors say that their answers are: for one flag, and for all."""
    doors = ("/ofrep/v1/evaluate/flags/answer", "/ofrep/v1/evaluate/flags")
    answers = [here.post(here.base_url.join(door), json={"context": {}}) for door in doors]
    return [answer.json()["metadata"].get("staleSeconds", 0) for answer in answers]


class Slow(Database):
    """Reads whose snapshot is taken long before they end, while ``held`` is set."""

    held = threading.Event()
    taken = threading.Event()
    go_on = threading.Event()

    @contextmanager
    def reading(self) -> Generator[Reading]:
        with super().reading() as tx:
            yield tx
        if self.held.is_set():
            self.taken.set()
            assert self.go_on.wait(SECONDS)


@pytest.mark.parametrize("known", [False, True], ids=["the first read", "a later read"])
def test_a_change_that_is_announced_while_a_manifest_is_read_is_not_missed(
    catalog: Catalog, database: Database, known: bool
) -> None:
    catalog.deploy("other@staging", catalog.bundle(1, 1))
    with database.writing("test") as tx:
        key = access.issue_key(tx, NewKey(owner="app", role=Role.SERVICE)).key
    engine = connect(database.engine.url.render_as_string(hide_password=False)).engine
    slow = Slow(engine)
    for event in (slow.held, slow.taken, slow.go_on):
        event.clear()
    app, heard = make_app(slow), list[str]()
    with (
        served(app) as url,
        httpx.Client(
            base_url=f"{url}/api/v1", headers={"X-API-Key": key}, timeout=2 * SECONDS
        ) as http,
    ):
        app.state.announcements.subscribe(heard.append)
        _until(lambda: app.state.announcements.connected)
        http.post("/resolve", json={"route": "other", "environment": "staging"}).raise_for_status()
        number, readers = 1, list[threading.Thread]()
        if known:
            resolved(http)
        slow.held.set()
        if known:
            elsewhere(database, catalog.bundle(1, 2), number)  # so it is read anew
            number += 1
        else:
            readers.append(threading.Thread(target=resolved, args=[http]))
            readers[0].start()
        assert slow.taken.wait(SECONDS)
        slow.held.clear()
        heard.clear()
        elsewhere(database, catalog.bundle(1, 3), number)
        _until(lambda: "environment production" in heard)
        slow.go_on.set()
        found = resolved(http)
        for reader in readers:
            reader.join()
        assert found["bundle"]["ref"] == str(catalog.bundle(1, 3).ref)
    slow.close()


@contextmanager
def _always(act: Callable[[], object]) -> Generator[None]:
    """Do it over and over until the block ends."""
    end = threading.Event()

    def acting() -> None:
        while not end.wait(0.02):
            act()

    thread = threading.Thread(target=acting)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.005)
