"""What waits is told in order, at least once, whatever becomes of Twinline or of MLflow's
database; Twinline keeps it once."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from tests.outbox.servers import ROOT, Twinline
from twinline.client import Client
from twinline.db.session import Database
from twinline.mlflow import outbox_sender
from twinline.mlflow.outbox import Outbox
from twinline.mlflow.outbox_sender import Destination, Sender

PATIENCE_SECONDS = 30.0

on_sqlite = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
"""For what is the same over any database."""


@pytest.fixture
def engine(outbox: Outbox) -> Iterator[Engine]:
    """MLflow's, to write with."""
    made = create_engine(outbox._engine.url)
    yield made
    made.dispose()


@pytest.fixture
def twinline(database: Database) -> Twinline:
    return Twinline(database)


def change(name: str) -> dict[str, Any]:
    return {
        "workspace": "default",
        "entity": "registered_model",
        "action": "insert",
        "key": {"name": name},
        "before": None,
        "after": {"name": name},
        "actor": None,
    }


def add(engine: Engine, outbox: Outbox, *names: str) -> None:
    with engine.begin() as connection:
        outbox.append(connection, time.time_ns() // 1_000_000, [change(name) for name in names])


def sending(outbox: Outbox, twinline: Twinline, **more: Any) -> ExitStack:
    """A sender of its own, as in another process, until the block ends."""
    own = Outbox(outbox._engine.url.render_as_string(hide_password=False))
    destination = Destination(twinline.url, more.pop("key", twinline.key))
    stack = ExitStack()
    stack.callback(Sender(own, destination, **more).close)
    return stack


def names(client: Client) -> list[str | None]:
    return [one.name for one in client.mlflow_changes.list()]


def eventually(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not happens():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def all_told(outbox: Outbox) -> bool:
    position = outbox.position()
    return position.delivered == position.last


def test_many_senders_tell_everything_once_and_in_order(
    outbox: Outbox, engine: Engine, twinline: Twinline
) -> None:
    expected = [f"m{number}" for number in range(500)]
    with twinline.up() as client, ExitStack() as senders:
        for _ in range(4):
            senders.enter_context(sending(outbox, twinline))
        for first in range(0, 500, 25):
            add(engine, outbox, *expected[first : first + 25])
        eventually(lambda: all_told(outbox))
        assert names(client) == expected


def test_a_twinline_that_was_away_catches_up(
    outbox: Outbox, engine: Engine, twinline: Twinline, caplog: pytest.LogCaptureFixture
) -> None:
    with sending(outbox, twinline):
        add(engine, outbox, "a", "b")
        eventually(lambda: outbox.position().failures > 0)
        add(engine, outbox, "c")
        assert outbox.position().delivered == 0
        with twinline.up() as client:
            eventually(lambda: all_told(outbox))
            assert names(client) == ["a", "b", "c"]
            assert outbox.position().failures == 0
    assert "changes wait for Twinline" in caplog.text


@on_sqlite
def test_a_key_that_is_refused_loses_nothing(
    outbox: Outbox, engine: Engine, twinline: Twinline, caplog: pytest.LogCaptureFixture
) -> None:
    add(engine, outbox, "a")
    with twinline.up() as client:
        with sending(outbox, twinline, key="twl_nonsense"):
            eventually(lambda: outbox.position().failures > 0)
        assert names(client) == []
        with sending(outbox, twinline):
            eventually(lambda: all_told(outbox))
        assert names(client) == ["a"]
    assert "1 changes wait for Twinline" in caplog.text


@on_sqlite
def test_what_is_refused_for_ever_is_told_to_be_lost_and_holds_up_nothing(
    outbox: Outbox, engine: Engine, twinline: Twinline, caplog: pytest.LogCaptureFixture
) -> None:
    add(engine, outbox, "a")
    with engine.begin() as connection:
        outbox.append(connection, 0, [change("b") | {"actor": "x" * 501}])
    with twinline.up() as client, sending(outbox, twinline):
        eventually(lambda: outbox.position().failures > 0)
        assert names(client) == ["a"]  # it may yet be taken, and nothing waits for it
        add(engine, outbox, "c")
        eventually(lambda: all_told(outbox))
        changes = list(client.mlflow_changes.list())
    assert [one.name for one in changes] == ["a", None, "c"]
    assert changes[1].after == {"first": 2, "last": 2}
    assert "refuses the change with sequence 2" in caplog.text


@on_sqlite
def test_a_twinline_that_refuses_everything_is_given_up_nothing(
    outbox: Outbox, engine: Engine, twinline: Twinline, caplog: pytest.LogCaptureFixture
) -> None:
    with engine.begin() as connection:
        outbox.append(connection, 0, [change(name) | {"new": True} for name in "abc"])
    with twinline.up() as client, sending(outbox, twinline):
        eventually(lambda: outbox.position().failures > 0)
        assert names(client) == []
    assert outbox.position().delivered == 0
    assert "3 changes wait for Twinline" in caplog.text


def test_a_twinline_that_was_put_back_is_told_again_what_is_still_kept(
    outbox: Outbox, engine: Engine, twinline: Twinline
) -> None:
    add(engine, outbox, "a", "b", "c")
    outbox.settle(3, 0)  # another Twinline has these
    with twinline.up() as client, sending(outbox, twinline):
        add(engine, outbox, "d")
        eventually(lambda: names(client) == ["a", "b", "c", "d"])


@on_sqlite
def test_an_outbox_that_was_full_says_what_it_lost(
    outbox: Outbox, engine: Engine, twinline: Twinline, caplog: pytest.LogCaptureFixture
) -> None:
    add(engine, outbox, *"abcdef")
    with twinline.up() as client, sending(outbox, twinline, waiting_max=2):
        eventually(lambda: all_told(outbox))
        lost, *rest = client.mlflow_changes.list()
    assert (lost.action, lost.after) == ("lost", {"first": 1, "last": 4})
    assert [one.name for one in rest] == ["e", "f"]
    assert "the oldest 4 that waited" in caplog.text


def test_an_outbox_whose_database_was_put_back_goes_on_under_a_new_id(
    outbox: Outbox, engine: Engine, twinline: Twinline
) -> None:
    with twinline.up() as client, sending(outbox, twinline):
        add(engine, outbox, "a", "b", "c")
        eventually(lambda: all_told(outbox))
        with engine.begin() as connection:  # as after `a`
            for statement in (
                "delete from twinline_outbox where sequence > 1",
                "update twinline_outbox_head set last = 1",
                "update twinline_outbox_tail set delivered = 1",
            ):
                connection.execute(text(statement))
        add(engine, outbox, "other")
        eventually(lambda: all_told(outbox) and None in names(client))
        changes = list(client.mlflow_changes.list())
    assert [one.name for one in changes] == ["a", "b", "c", None, "other"]
    assert changes[3].after == {"first": 1, "last": 1}
    assert len({one.outbox for one in changes}) == 2


@on_sqlite
def test_without_an_address_changes_wait_and_somebody_is_told_why(
    outbox: Outbox, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    assert Destination.of({"TWINLINE_API_KEY": "twl_x"}) is None
    sender = Sender(Outbox(outbox._engine.url.render_as_string(hide_password=False)), None)
    add(engine, outbox, "a")
    sender.wake()
    sender.close()
    assert (outbox.position().delivered, outbox.position().last) == (0, 1)
    assert "TWINLINE_URL is not set" in caplog.text


@on_sqlite
@pytest.mark.parametrize("url", ["nonsense", "http://[", "ftp://x", "http://127.0.0.1:1"])
def test_an_address_that_leads_nowhere_ends_no_thread(
    outbox: Outbox, engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_sender, "PAUSE_MS", 10)
    add(engine, outbox, "a")
    own = Outbox(outbox._engine.url.render_as_string(hide_password=False))
    sender = Sender(own, Destination(url, None))
    eventually(lambda: outbox.position().failures > 1)
    sender.close()


_FORKED = """
import json, os, signal, sys, time
from twinline.mlflow.outbox import Outbox
from twinline.mlflow.outbox_sender import Destination, Sender

url, twinline, key, change = sys.argv[1:]
outbox = Outbox(url)
sender = Sender(outbox, Destination(twinline, key))
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os.kill(os.getppid(), signal.SIGSTOP)
try:
    sender.wake()  # as after a commit
    with outbox._transaction() as connection:
        outbox.append(connection, 0, [json.loads(change)])
    while outbox.position().delivered < 1:
        time.sleep(0.02)
finally:
    os.kill(os.getppid(), signal.SIGCONT)
os._exit(0)
"""


@on_sqlite
def test_a_forked_worker_sends_by_itself(outbox: Outbox, twinline: Twinline) -> None:
    """As with gunicorn's --preload; the parent is stopped meanwhile."""

    url = outbox._engine.url.render_as_string(hide_password=False)
    with twinline.up() as client:
        subprocess.run(
            [
                *(sys.executable, "-W", "ignore", "-c", _FORKED),
                *(url, twinline.url, twinline.key, json.dumps(change("a"))),
            ],
            env={"PYTHONPATH": str(ROOT / "src")},
            timeout=60,
            check=True,
        )
        assert names(client) == ["a"]
