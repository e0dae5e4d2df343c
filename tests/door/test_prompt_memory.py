"""Prompts that were read before are told while the database is away, never an older label."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.support.rehearsal import Rehearsal
from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.client import Client
from twinline.db import migrations
from twinline.db.embedded import Cluster, find_binaries
from twinline.db.listening import ANYTHING, Announcements
from twinline.db.session import Database, Reading, connect
from twinline.language.errors import DatabaseUnavailable, NotFound
from twinline.language.records import LabelChange, NewKey, NewPromptVersion, PromptVersion, Role
from twinline.language.refs import PromptLabelRef
from twinline.prompts import actions
from twinline.prompts.memory import RETRY_SECONDS, Memory
from twinline.prompts.reader import STALE_HEADER

SECONDS = 8.0
PROMPT = "support/answer"
PLAIN = (PROMPT, f"{PROMPT}?version=1", f"{PROMPT}/latest?environment=production")


@dataclass
class Place:
    """A server, and the PostgreSQL under it, which a test may stop."""

    app: FastAPI
    cluster: Cluster
    database: Database
    url: str

    def key(self, role: Role) -> str:
        with self.database.writing("test") as tx:
            return access.issue_key(tx, NewKey(owner=role.value, role=role)).key

    def ask(self, key: str, path: str = "support/answer", **query: Any) -> httpx.Response:
        headers = {"X-API-Key": key}
        path = f"{self.url}/api/v1/prompts/{path}"
        return httpx.get(path, params=query, headers=headers, timeout=20)

    def face(self, key: str, name: str = PROMPT) -> httpx.Response:
        """A prompt as a Langfuse client gets it."""
        url = f"{self.url}/api/public/v2/prompts/{name}"
        return httpx.get(url, auth=(key[:12], key), timeout=20)

    def plain(self, key: str, path: str = PROMPT) -> httpx.Response:
        """A prompt as a client of a few lines gets it."""
        url = f"{self.url}/api/prompts/{path}"
        return httpx.get(url, headers={"X-API-Key": key}, timeout=20)

    def remembers(self, label: str, number: int) -> None:
        """Wait until memory holds what a label is on."""
        place, end = (PROMPT, PromptLabelRef(PROMPT, label)), time.monotonic() + SECONDS
        while True:
            told = self.app.state.prompt_memory.find(place)
            if told is not None and told.answer.number == number:
                return
            assert time.monotonic() < end, f"{label} is not on {number} in memory"
            time.sleep(0.01)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Two versions of a prompt, of which the first is labelled."""
    chosen = os.environ.get("TWINLINE_TEST_POSTGRES_BIN")
    binaries = find_binaries(Path(chosen) if chosen else None)
    with Cluster(tmp_path / "home", binaries, single_owner=True) as cluster:
        database = connect(cluster.url)
        migrations.upgrade(database)
        with database.writing("test") as tx:
            for text in ("one", "two"):
                actions.create_version(tx, NewPromptVersion(name=PROMPT, template=text))
            _move(tx, 1)
        app = make_app(database)
        with served(app) as url:
            yield (made := Place(app, cluster, database, url))
        made.database.close()


def test_what_was_read_is_told_with_its_age_while_the_database_is_away(place: Place) -> None:
    viewer, stranger = place.key(Role.VIEWER), place.key(Role.MLFLOW)
    asked: list[dict[str, Any]] = [{"label": "production"}, {"version": 2}, {}]
    fresh = [place.ask(viewer, **query) for query in asked]
    assert place.ask(stranger).status_code == 403
    assert [one.json()["number"] for one in fresh] == [1, 2, 2]
    assert not any(STALE_HEADER in one.headers for one in fresh)
    assert place.face(viewer).json()["config"]["twinline"]["stale_seconds"] == 0
    plain = {path: place.plain(viewer, path).json() for path in PLAIN}
    place.cluster.stop()
    begun = time.monotonic()
    told = [place.ask(viewer, **query) for query in asked]
    assert time.monotonic() - begun < SECONDS
    assert [one.json() for one in told] == [one.json() for one in fresh]
    assert all(0 < float(one.headers[STALE_HEADER]) < SECONDS for one in told)
    row = place.face(viewer).json()
    assert (row["version"], row["config"]["twinline"]["stale_seconds"] > 0) == (1, True)
    for path, before in plain.items():
        again = place.plain(viewer, path)
        assert (again.json(), float(again.headers[STALE_HEADER]) > 0) == (before, True)
    older = place.ask(viewer, label="production")
    assert float(older.headers[STALE_HEADER]) > float(told[0].headers[STALE_HEADER])
    unread = place.face(viewer, "nobody/read/this")
    assert unread.json()["error"] == "InternalServerError"
    for unknown in (
        place.ask(viewer, "nobody/read/this"),
        place.ask(viewer, label="staging"),
        place.ask(stranger, label="production"),
        place.ask("twl_made_up", label="production"),
        place.plain(viewer, "nobody/read/this"),
        place.plain(stranger),
        unread,
    ):
        assert (unknown.status_code, unknown.headers["retry-after"]) == (503, "1")
    place.cluster.start()
    place.database.close()
    place.app.state.database = place.database = connect(place.cluster.url)
    time.sleep(RETRY_SECONDS)  # how long a database that was away is left alone
    again = place.ask(viewer, label="production")
    assert (again.status_code, STALE_HEADER in again.headers) == (200, False)


def test_a_label_that_was_moved_here_is_never_told_as_it_was(place: Place) -> None:
    viewer, author = place.key(Role.VIEWER), place.key(Role.AUTHOR)
    assert place.ask(viewer, label="production").json()["number"] == 1
    moved = httpx.put(
        f"{place.url}/api/v1/prompts/{PROMPT}/labels/production",
        json={"number": 2, "reason": "better"},
        headers={"X-API-Key": author},
    )
    assert moved.status_code == 200
    place.remembers("production", 2)
    place.cluster.stop()
    told = place.ask(viewer, label="production")
    assert (told.json()["number"], STALE_HEADER in told.headers) == (2, True)


def test_a_version_that_was_retired_here_is_told_as_retired(place: Place) -> None:
    viewer, releaser = place.key(Role.VIEWER), place.key(Role.RELEASER)
    assert place.ask(viewer, label="production").json()["retired_at"] is None
    with Client(place.url, releaser) as client:
        client.prompts.retire(PROMPT, reason="nobody asks")
    kept, end = (PROMPT, PromptLabelRef(PROMPT, "production")), time.monotonic() + SECONDS
    while (told := place.app.state.prompt_memory.find(kept)) is None or not told.answer.retired_at:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_label_that_was_moved_elsewhere_is_heard_of(place: Place) -> None:
    viewer = place.key(Role.VIEWER)
    place.ask(viewer, label="production")
    end = time.monotonic() + SECONDS
    while not place.app.state.announcements.connected:
        assert time.monotonic() < end
        time.sleep(0.01)
    elsewhere = connect(place.cluster.url)
    with elsewhere.writing("somebody") as tx:
        _move(tx, 2)
    elsewhere.close()
    place.remembers("production", 2)


def test_a_key_that_was_revoked_opens_nothing_from_memory(place: Place) -> None:
    viewer, admin = place.key(Role.VIEWER), place.key(Role.ADMIN)
    assert place.ask(viewer, label="production").status_code == 200
    gone = httpx.delete(f"{place.url}/api/v1/keys/{viewer[:12]}", headers={"X-API-Key": admin})
    assert gone.status_code == 200
    place.cluster.stop()
    assert place.ask(viewer, label="production").status_code == 503


def _move(tx: Any, number: int) -> None:
    change = LabelChange(number=number, reason="because")
    actions.move_label(tx, PROMPT, "production", change)


# --- memory by itself -------------------------------------------------------------------

Make = Callable[..., Memory]


@pytest.fixture
def heard() -> Announcements:
    return Announcements(connect("postgresql://nowhere.invalid/x"))


@pytest.fixture
def make(heard: Announcements) -> Make:
    nowhere = connect("postgresql://nowhere.invalid/x")
    return lambda **limits: Memory(nowhere, heard, **limits)


def version(text: str) -> PromptVersion:
    return PromptVersion.model_construct(template=text)


def ask(_tx: object) -> PromptVersion:
    raise AssertionError("nobody asks here")


def test_only_one_in_a_second_waits_for_a_database_that_was_away(make: Make) -> None:
    memory = make()
    assert not memory.is_away()
    memory.was_asked(answered=False)
    assert [memory.is_away() for _ in range(3)] == [True] * 3
    time.sleep(RETRY_SECONDS)
    assert [memory.is_away() for _ in range(3)] == [False, True, True]
    memory.was_asked(answered=True)
    assert not memory.is_away()


def test_what_was_read_across_a_change_is_not_kept(make: Make, heard: Announcements) -> None:
    memory = make()
    seen = memory.changes
    heard.tell("prompt p")
    memory.keep(("p", 1), ask, version("old"), seen)
    assert memory.find(("p", 1)) is None
    memory.keep(("p", 1), ask, version("new"), memory.changes)
    assert memory.find(("p", 1)) is not None


@pytest.mark.parametrize("topic", ["prompt p", "withdrawal prompts:/p/1"])
def test_a_change_of_one_prompt_leaves_the_others(
    make: Make, heard: Announcements, topic: str
) -> None:
    memory = make()
    for name in ("p", "q"):
        for question in (1, 2):
            memory.keep((name, question), ask, version(name), memory.changes)
    heard.tell(topic)
    others = (
        "*",
        "environment q",
        "withdrawal models:/q/1",
        "withdrawal no reference",
        "withdrawal",
    )
    for other in others:
        heard.tell(other)
    found = [memory.find((name, question)) for name in "pq" for question in (1, 2)]
    assert [told is not None for told in found] == [False, False, True, True]


def test_of_too_many_answers_those_not_read_for_longest_go(make: Make) -> None:
    memory = make(answers_max=2)
    for name in ("a", "b", "a", "c"):
        memory.keep((name, 1), ask, version(name), 0)
    kept = {name for name in "abc" if memory.find((name, 1))}
    assert kept == {"a", "c"}


def test_memory_is_bounded_in_bytes(make: Make) -> None:
    memory = make(bytes_max=300_000)
    for name in ("a", "b", "c", "d"):
        memory.keep((name, 1), ask, version("x" * 90_000), 0)
    assert [name for name in "abcd" if memory.find((name, 1))] == ["b", "c", "d"]
    memory.keep(("e", 1), ask, version("x" * 400_000), 0)
    assert [name for name in "abcde" if memory.find((name, 1))] == ["b", "c", "d"]


# --- what is read anew ------------------------------------------------------------------


@contextmanager
def _following(memory: Memory) -> Generator[None]:
    """Let the memory read anew what changed, until the block ends."""
    loop, ended = asyncio.new_event_loop(), asyncio.Event()
    begun = threading.Event()

    async def follow() -> None:
        async with memory.kept_fresh():
            begun.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[follow()])
    thread.start()
    assert begun.wait(SECONDS)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.005)


def _told(memory: Memory, name: str) -> Any:
    found = memory.find((name, 1))
    return found and found.answer.template


def test_what_was_missed_while_nobody_could_listen_is_read_anew(rehearsal: Rehearsal) -> None:
    announcements = Announcements(rehearsal)
    memory = Memory(rehearsal, announcements)
    gone, begun = threading.Event(), threading.Event()

    def missing(_tx: Reading) -> PromptVersion:
        begun.set()
        assert gone.wait(SECONDS)
        raise NotFound("There is no such label.")

    asks: dict[str, Any] = {"a": lambda _: version("new"), "b": missing}
    for name, ask_anew in asks.items():
        memory.keep((name, 1), ask_anew, version("old"), memory.changes)
    with _following(memory):
        announcements.tell(ANYTHING)  # every second, while nobody listens
        assert memory.changes == 0
        announcements.connected = True
        announcements.tell(ANYTHING)
        assert begun.wait(SECONDS)
        assert (_told(memory, "a"), _told(memory, "b")) == ("new", "old")
        gone.set()
        _until(lambda: _told(memory, "b") is None)


def test_what_nobody_foresaw_ends_no_following(
    rehearsal: Rehearsal, caplog: pytest.LogCaptureFixture
) -> None:
    announcements = Announcements(rehearsal)
    memory = Memory(rehearsal, announcements)

    def broken(_tx: Reading) -> PromptVersion:
        raise ZeroDivisionError

    asks: dict[str, Any] = {"a": broken, "b": lambda _: version("new")}
    for name, ask_anew in asks.items():
        memory.keep((name, 1), ask_anew, version("old"), memory.changes)
    with _following(memory):
        announcements.tell("prompt a")
        announcements.tell("prompt b")
        _until(lambda: _told(memory, "b") == "new")
    assert _told(memory, "a") is None
    (record,) = caplog.records
    assert (record.levelname, "prompt a cannot be read" in record.getMessage()) == ("ERROR", True)


def test_what_the_database_does_not_say_is_asked_again(rehearsal: Rehearsal) -> None:
    announcements = Announcements(rehearsal)
    memory, asked = Memory(rehearsal, announcements), list[str]()

    def late(_tx: Reading) -> PromptVersion:
        asked.append("late")
        if len(asked) == 1:
            raise DatabaseUnavailable("All database connections are busy.")
        return version("new")

    memory.keep(("a", 1), late, version("old"), memory.changes)
    with _following(memory):
        announcements.tell("prompt a")
        assert _told(memory, "a") is None
        _until(lambda: _told(memory, "a") == "new")
    assert len(asked) == 2


def test_what_changed_again_while_it_was_read_anew_is_read_once_more(
    rehearsal: Rehearsal,
) -> None:
    """A process hears of its own commits twice: at once, and from the database."""
    announcements = Announcements(rehearsal)
    memory, asked = Memory(rehearsal, announcements), list[str]()

    def changing(_tx: Reading) -> PromptVersion:
        asked.append("changing")
        if len(asked) == 1:
            announcements.tell("prompt a")
        return version(f"new {len(asked)}")

    memory.keep(("a", 1), changing, version("old"), memory.changes)
    with _following(memory):
        announcements.tell("prompt a")
        _until(lambda: _told(memory, "a") == "new 2")
    assert len(asked) == 2
