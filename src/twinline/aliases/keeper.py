"""Looks after all links, for as long as the process serves.

Any number of processes may do so: a turn with a link is taken in the database.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress

from starlette.concurrency import run_in_threadpool

from twinline.aliases.actions import TOPIC
from twinline.aliases.turns import Turns
from twinline.db.listening import ANYTHING, Announcements
from twinline.db.session import Database
from twinline.environments import actions as environments
from twinline.language.errors import Unavailable
from twinline.mirror.remote import MlflowServer

LOOK_SECONDS = 10.0
"""How often an alias is looked at when nothing else happens."""

_RETRY_SECONDS = 1.0
_PAUSE_SECONDS_MIN = 0.05

_log = logging.getLogger("twinline")


class Keeper:
    """Takes turns as soon as something changes here, and every ``look_seconds``.

    Without an MLflow server there is nothing to look after.
    """

    def __init__(
        self,
        database: Database,
        announcements: Announcements,
        servers: Mapping[str, MlflowServer],
        *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._turns = Turns(database, servers, look_seconds=look_seconds)
        self._look_seconds = look_seconds
        self._idle = not servers
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = False
        announcements.subscribe(self._take_note)

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """Look after links until the block ends."""
        if self._idle:
            yield
            return
        self._loop = asyncio.get_running_loop()
        working = asyncio.create_task(self._work())
        try:
            yield
        finally:
            self._ended = True  # a turn that was begun is finished, so that it is given back
            self._woken.set()
            await working

    def _take_note(self, topic: str) -> None:
        if topic.partition(" ")[0] not in (environments.TOPIC, TOPIC, ANYTHING):
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    async def _work(self) -> None:
        while not self._ended:
            self._woken.clear()
            pause = await run_in_threadpool(self._take_turns)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause)

    def _take_turns(self) -> float:
        """Have every turn that waits; how long until the next."""
        try:
            while not self._ended and self._turns.take():
                pass
            return max(self._turns.seconds_to_next(), _PAUSE_SECONDS_MIN)
        except Unavailable as error:
            _log.warning("aliases in MLflow wait: %s", error.detail)
        except Exception:  # noqa: BLE001 -- nobody would begin again; the link waits for its next turn
            _log.exception("a turn with an alias in MLflow fails, and the keeper goes on")
        return _RETRY_SECONDS
