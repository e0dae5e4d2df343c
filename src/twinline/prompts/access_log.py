"""Counts who reads which prompt version, without ever holding up a read.

Reads are counted in memory, and every second what was counted is added to the rows of its
day. So a process that is killed loses at most its last second; one that ends properly
loses nothing. When the database is away, counts wait; when there are too many different
ones, further ones are dropped, and that is counted. When the answer to a commit is lost, its
reads are counted twice, rather than not at all.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool

from twinline.access import actions as access
from twinline.db.session import Database
from twinline.language.errors import Unavailable
from twinline.language.figures import Figure, Sample
from twinline.language.records import Door
from twinline.language.refs import PromptVersionRef
from twinline.prompts import access_store as store

KEEP_SECONDS = 1.0
"""How often what was counted is kept."""

DIFFERENT_MAX = 20_000
"""Different readers, versions and doors that wait to be kept, in one process."""

_log = logging.getLogger("twinline")

_Key = tuple[PromptVersionRef, str, Door, str]


@dataclass(frozen=True)
class _Counted:
    count: int
    first_at: datetime
    last_at: datetime

    def with_(self, other: "_Counted") -> "_Counted":
        return _Counted(
            self.count + other.count,
            min(self.first_at, other.first_at),
            max(self.last_at, other.last_at),
        )


class AccessLog:
    """The reads that this process counts; for many threads.

    Args:
        database: where they are kept.
        clock: the time, in UTC.
    """

    def __init__(
        self, database: Database, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._clock = clock
        self._waiting: dict[_Key, _Counted] = {}
        self._kept = self._dropped = 0
        self._turn = threading.Lock()
        self._keeping = threading.Lock()

    def note(self, version: PromptVersionRef, principal: str, door: Door) -> None:
        """Count that ``principal`` read a version. Never waits, and never fails."""
        at = self._clock()
        key = (version, principal, door, at.date().isoformat())
        with self._turn:
            self._add(key, _Counted(1, at, at))

    def keep(self) -> None:
        """Add what was counted so far to the rows of its days.

        Raises:
            Unavailable: the database does not answer; the counts wait for the next time.
        """
        with self._keeping:
            with self._turn:
                taken, self._waiting = self._waiting, {}
            if not taken:
                return
            try:
                with self._database.writing(access.SYSTEM) as tx:
                    store.keep(tx, (_row(key, one) for key, one in taken.items()))
            except Exception:
                with self._turn:
                    for key, one in taken.items():
                        self._add(key, one)
                raise
            with self._turn:
                self._kept += sum(one.count for one in taken.values())

    @asynccontextmanager
    async def at_work(self, every_seconds: float = KEEP_SECONDS) -> AsyncGenerator[None]:
        """Keep what is counted, again and again until the block ends, and once more then."""
        ended = asyncio.Event()
        working = asyncio.create_task(self._work(ended, every_seconds))
        try:
            yield
        finally:
            ended.set()
            await working

    def figures(self) -> tuple[Figure, Figure]:
        """What became of the reads since this process began, and what waits."""
        with self._turn:
            results = {"kept": self._kept, "dropped": self._dropped}
            waiting = sum(one.count for one in self._waiting.values())
        return (
            Figure(
                "twinline_prompt_reads_total",
                "counter",
                "Reads of prompt versions, by whether they are in the access log.",
                tuple(Sample({"result": name}, count) for name, count in results.items()),
            ),
            Figure(
                "twinline_prompt_reads_waiting",
                "gauge",
                "Reads of prompt versions that wait to be kept.",
                (Sample({}, waiting),),
            ),
        )

    def _add(self, key: _Key, one: _Counted) -> None:
        there = self._waiting.get(key)
        if there is not None:
            self._waiting[key] = there.with_(one)
        elif len(self._waiting) < DIFFERENT_MAX:
            self._waiting[key] = one
        else:
            self._dropped += one.count

    async def _work(self, ended: asyncio.Event, every_seconds: float) -> None:
        while not ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), every_seconds)
            if self._waiting:  # else no thread is taken from those who serve
                await run_in_threadpool(self._try_to_keep)

    def _try_to_keep(self) -> None:
        try:
            self.keep()
        except Unavailable as error:
            _log.warning("the access log waits: %s", error.detail)
        except Exception:  # noqa: BLE001 -- nobody would begin again; the counts wait
            _log.exception("the access log cannot be kept, and is tried again")


def _row(key: _Key, one: _Counted) -> dict[str, Any]:
    version, principal, door, day = key
    return {
        "name": version.name,
        "number": version.number,
        "principal": principal,
        "door": door,
        "day": day,
        "count": one.count,
        "first_at": one.first_at.isoformat(),
        "last_at": one.last_at.isoformat(),
    }
