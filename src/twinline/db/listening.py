"""Hear what transactions announce: of this process at once, of others from PostgreSQL.

While the listening connection is lost, subscribers are told every second that anything
may have changed, and once more when it is back; each then looks at what it holds, or reads
it anew, so no change is missed.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from psycopg import AsyncConnection, Error, sql

from twinline.db.session import CHANNEL, Database

ANYTHING = "*"
"""The topic that stands for every topic."""

POLL_SECONDS = 1.0

Subscriber = Callable[[str], None]

_log = logging.getLogger("twinline")


class Announcements:
    """Passes announced topics on to subscribers, in the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscribers: list[Subscriber] = []
        self.connected = False
        database.on_announced = self.tell

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call ``subscriber`` with every topic. It may come from any thread, and must
        only take note."""
        self._subscribers.append(subscriber)

    def tell(self, topic: str) -> None:
        """Pass a topic on to all, whatever one of them makes of it."""
        for subscriber in self._subscribers:
            try:
                subscriber(topic)
            except Exception:  # noqa: BLE001 -- else nobody would hear of anything any more
                _log.exception("%r was announced, and a subscriber failed", topic)

    @asynccontextmanager
    async def heard(self) -> AsyncGenerator[None]:
        """Listen until the block ends."""
        listening = asyncio.create_task(self._listen_for_ever())
        try:
            yield
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except (Error, OSError) as error:
                if self.connected:
                    _log.warning("not listening to the database, polling instead: %s", error)
            self.connected = False
            self.tell(ANYTHING)
            await asyncio.sleep(POLL_SECONDS)

    async def _listen(self) -> None:
        url = self._database.url
        connection = await AsyncConnection.connect(
            url, autocommit=True, connect_timeout=3, keepalives_idle=5, keepalives_interval=2,
            keepalives_count=2, tcp_user_timeout=10_000,
        )  # fmt: skip
        async with connection:
            await connection.execute(sql.SQL("listen {}").format(sql.Identifier(CHANNEL)))
            self.connected = True
            self.tell(ANYTHING)  # what was announced before we listened
            async for notice in connection.notifies():
                self.tell(notice.payload)
