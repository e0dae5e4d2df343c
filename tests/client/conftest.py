"""A server with commits of its own, a way to it that can be cut, and applications."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.client.wire import Wire
from tests.support.catalog import Catalog
from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.client import Client
from twinline.db.session import Database
from twinline.language.records import Inference, NewKey, Role

SECONDS = 20.0
"""Far from what anything here should take, whatever the machine does beside."""

SLOT = "answer@production"


@dataclass
class Stage:
    """A server where one bundle is live at ``answer@production``.

    Attributes:
        url: the server itself, which an administrator asks.
        wire: the way that applications take to it.
        key: a service's key, which applications show.
    """

    url: str
    wire: Wire
    key: str
    admin: Client
    catalog: Catalog
    database: Database
    open: ExitStack
    applications: list[Client] = field(default_factory=list)

    def application(self, folder: Path, **more: Any) -> Client:
        """A client as an application has it, on a machine that may be busy; closed after the
        test."""
        more.setdefault("cold_start_seconds", 15.0)
        made = Client(more.pop("url", self.wire.url), self.key, folder=folder, **more)
        self.open.callback(made.close)
        return made

    def recorded(self) -> Counter[UUID]:
        """How often each id is in the ledger."""
        with self.database.reading() as tx:
            return Counter(row["id"] for row in tx.rows(text("select id from inference")))

    def inference(self, id: UUID | str) -> Inference:
        return self.admin.inferences.get(UUID(str(id)))


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Iterator[Stage]:
    with staged(database, tmp_path) as made:
        yield made


@contextmanager
def staged(database: Database, folder: Path) -> Generator[Stage]:
    """A stage over a database of its own."""
    with database.writing("test") as tx:
        admin_key = access.issue_key(tx, NewKey(owner="ana", role=Role.ADMIN)).key
        key = access.issue_key(tx, NewKey(owner="app", role=Role.SERVICE)).key
    with (
        served(make_app(database)) as url,
        Wire(url) as wire,
        Client(url, admin_key, folder=folder / "admin") as admin,
        ExitStack() as open,
    ):
        catalog = Catalog(admin)
        catalog.deploy(SLOT, catalog.bundle(1, 1))
        yield Stage(url, wire, key, admin, catalog, database, open)


@pytest.fixture
def application(stage: Stage, tmp_path: Path) -> Client:
    """One that has not resolved anything yet."""
    return stage.application(tmp_path / "application")


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the client warned of so far."""

    def messages() -> list[str]:
        return [
            one.getMessage()
            for one in caplog.records
            if one.name == "twinline.client" and one.levelno >= logging.WARNING
        ]

    return messages


def soon(done: Callable[[], object], seconds: float = SECONDS) -> None:
    """Return as soon as it is so."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def threads_of_ours() -> list[threading.Thread]:
    names = {"twinline-manifest", "twinline-ship"}
    return [one for one in threading.enumerate() if one.name in names]


def refused_manifests(client: Client, environment: str = "production") -> int:
    return client._applications[environment]._follower.refused


def dropped(client: Client) -> int:
    """How many records were dropped in this process."""
    return client._spool.depth().dropped
