"""The group-commit writer: requests join the open batch and wait for its commit.

A batch is written as soon as the one before it is committed, with no timer: under load
batches grow by themselves, and a lone request waits for nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from twinline.language.errors import Invalid, Overloaded, TwinlineError, Unavailable

BATCH_MAX = 1_000
WAITING_MAX = 5_000
"""Requests; when so many wait, more are refused instead of queued."""

Write = Callable[[str], Awaitable[set[UUID]]]
"""Commits a JSON array of rows; the ids of those that were new."""


@dataclass(slots=True)
class _Waiting:
    """A request's rows as JSON, its own id, and its future: whether the id was new."""

    id: UUID
    rows: str
    fresh: asyncio.Future[bool]


class Recorder:
    """Writes what requests record, many in one commit."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._open: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many requests wait for the next commit."""
        return len(self._open)

    def add(self, id: UUID, rows: str) -> asyncio.Future[bool]:
        """Join the open batch; the future tells, after the commit, whether the id was new.

        ``rows`` are JSON objects joined by commas; the first has the id.

        Raises:
            Overloaded: too many wait already.
        """
        if len(self._open) >= WAITING_MAX:
            raise Overloaded(f"{WAITING_MAX} requests wait to be recorded; try again in a moment.")
        waiting = _Waiting(id, rows, asyncio.get_running_loop().create_future())
        self._open.append(waiting)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._drain())
        return waiting.fresh

    async def close(self) -> None:
        """Return when everything that joined is written."""
        while self._writer is not None and not self._writer.done():
            await self._writer

    async def _drain(self) -> None:
        while self._open:
            batch, self._open = self._open[:BATCH_MAX], self._open[BATCH_MAX:]
            try:
                await self._commit(batch)
            except Invalid:
                await self._commit_each(batch)
            except TwinlineError as error:
                _fail(batch, error)
            except BaseException:
                _fail(batch, Unavailable("The server stopped before this was recorded."))
                raise

    async def _commit(self, batch: list[_Waiting]) -> None:
        fresh = await self._write(f"[{','.join(waiting.rows for waiting in batch)}]")
        for waiting in batch:
            if not waiting.fresh.done():
                waiting.fresh.set_result(waiting.id in fresh)
            fresh.discard(waiting.id)  # its twin in this batch is not new

    async def _commit_each(self, batch: list[_Waiting]) -> None:
        """Keep what can be kept when something in a batch was refused."""
        for waiting in batch:
            try:
                await self._commit([waiting])
            except TwinlineError as error:
                _fail([waiting], error)


def _fail(batch: list[_Waiting], error: TwinlineError) -> None:
    for waiting in batch:
        if not waiting.fresh.done():
            waiting.fresh.set_exception(error)
