"""The newest manifest of each environment, in memory, and those who wait for the next."""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Generic

from starlette.concurrency import run_in_threadpool

from twinline.db.listening import ANYTHING, Announcements
from twinline.db.session import Database
from twinline.environments import actions as environments
from twinline.language.errors import NotFound, TwinlineError
from twinline.language.records import ServedBundle
from twinline.language.refs import BundleRef
from twinline.manifests import actions
from twinline.routing.evaluation import Made
from twinline.routing.manifest import Make, Router, Signed

RETRY_SECONDS = 1.0

_log = logging.getLogger("twinline")


@dataclass(frozen=True)
class Held(Generic[Made]):
    """A manifest as a process holds it."""

    signed: Signed
    router: Router[Made]
    etag: str

    @property
    def version(self) -> int:
        """Of the environment."""
        return self.router.manifest.version


@dataclass
class _Shelf(Generic[Made]):
    """What is held of one environment, and whether it is known to be the newest.

    Attributes:
        noted: another object with every change that is announced.
        seen: what ``noted`` was when reading what is held began.
    """

    held: Held[Made] | None = None
    noted: object = field(default_factory=object)
    seen: object = None
    confirmed_at: float = float("-inf")  # on the monotonic clock
    retry_at: float = float("-inf")
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    swapped: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def stale(self) -> bool:
        """Whether something changed that is not read yet."""
        return self.seen is not self.noted

    def note(self) -> None:
        """Something changed. From any thread."""
        self.noted = object()


class Feed(Generic[Made]):
    """Holds manifests, and reads one anew when its environment changed."""

    def __init__(self, database: Database, announcements: Announcements, make: Make[Made]) -> None:
        self._database = database
        self._announcements = announcements
        self._make = make
        self._shelves: dict[str, _Shelf[Made]] = {}
        self._served: dict[BundleRef, ServedBundle] = {}
        self._noted = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ended = False
        announcements.subscribe(self._take_note)

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncGenerator[None]:
        """Follow every change until the block ends."""
        self._loop = asyncio.get_running_loop()
        following = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following

    def end(self) -> None:
        """Let nobody wait any longer, because the server stops."""
        self.ended = True
        for shelf in self._shelves.values():
            shelf.swapped.set()

    def fresh(self, environment: str) -> Held[Made] | None:
        """The manifest of an environment, when it is surely the newest that we can have."""
        shelf = self._shelves.get(environment)
        return None if shelf is None or shelf.stale else shelf.held

    async def newest(self, environment: str) -> Held[Made]:
        """The newest manifest; the last known one while the database is away.

        Raises:
            NotFound: nothing was ever live there.
            DatabaseUnavailable: none is known, and it cannot be read.
        """
        shelf = self._shelves.setdefault(environment, _Shelf())
        if shelf.stale and not (shelf.held and time.monotonic() < shelf.retry_at):
            await self._refresh_in_time(environment, shelf)
        assert shelf.held is not None
        return shelf.held

    async def changed(self, environment: str, etag: str | None, wait_seconds: float) -> Held[Made]:
        """The newest manifest, as soon as it is another than ``etag``, or after the wait."""
        deadline = time.monotonic() + wait_seconds
        while True:
            held = await self.newest(environment)
            left = deadline - time.monotonic()
            if held.etag != etag or left <= 0 or self.ended:
                return held
            with suppress(TimeoutError):
                await asyncio.wait_for(self._shelves[environment].swapped.wait(), left)

    def stale_seconds(self, environment: str) -> float:
        """How long since the manifest was known to be the newest; 0 while we listen."""
        shelf = self._shelves.get(environment)
        if shelf is None or (self._announcements.connected and not shelf.stale):
            return 0.0
        return round(time.monotonic() - shelf.confirmed_at, 3)

    def _take_note(self, topic: str) -> None:
        kind, _, name = topic.partition(" ")
        if kind == environments.TOPIC:
            shelf = self._shelves.get(name)
            if shelf is not None:
                shelf.note()
        elif kind == ANYTHING:
            for shelf in list(self._shelves.values()):
                shelf.note()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._noted.set)

    async def _follow(self) -> None:
        while True:
            await self._noted.wait()
            self._noted.clear()
            for environment, shelf in list(self._shelves.items()):
                if not shelf.stale:
                    continue
                try:
                    await self._refresh(environment, shelf)
                except TwinlineError as error:
                    _log.warning("the manifest of %s stays as it is: %s", environment, error.detail)
                    asyncio.get_running_loop().call_later(RETRY_SECONDS, self._noted.set)

    async def _refresh_in_time(self, environment: str, shelf: _Shelf[Made]) -> None:
        """Refresh, or go on with what is held when the database takes too long."""
        if shelf.held is None:
            await self._refresh(environment, shelf)
            return
        refreshing = asyncio.ensure_future(self._refresh(environment, shelf))
        done, _ = await asyncio.wait([refreshing], timeout=self._database.wait_seconds)
        if not done:
            shelf.retry_at = time.monotonic() + RETRY_SECONDS

    async def _refresh(self, environment: str, shelf: _Shelf[Made]) -> None:
        async with shelf.reading:
            if not shelf.stale:
                return  # somebody else did it while we waited
            self._shelves[environment] = shelf  # what is announced from here on is noted
            noted = shelf.noted
            try:
                held = await run_in_threadpool(self._read, environment, shelf.held)
            except TwinlineError as error:
                shelf.retry_at = time.monotonic() + RETRY_SECONDS
                if shelf.held is None:
                    self._shelves.pop(environment, None)
                if shelf.held is None or isinstance(error, NotFound):
                    raise
                return
            shelf.seen = noted
            shelf.confirmed_at = time.monotonic()
            if held is not shelf.held:
                shelf.held = held
                shelf.swapped.set()
                shelf.swapped = asyncio.Event()

    def _read(self, environment: str, before: Held[Made] | None) -> Held[Made]:
        with self._database.reading() as tx:
            now = environments.find(tx, environment)
            if before and now and (now.epoch, now.number) == _place(before):
                return before
            manifest = actions.build(tx, environment, self._served)
            signed = actions.sign(manifest, actions.private_key(tx))
        etag = hashlib.sha256(signed.content).hexdigest()[:32]
        return Held(signed, Router(manifest, self._make), etag)


def _place(held: Held[Made]) -> tuple[object, int]:
    return held.router.manifest.epoch, held.version
