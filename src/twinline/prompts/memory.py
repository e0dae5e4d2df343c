"""Reads of prompts that outlast the database: what was read before is kept in memory.

While the database answers, every read asks it, so nobody gets an older label than what is
committed. While it is away, what was read before is told again with its age; what has
changed since, as far as this process heard, is not: it was read anew at once, or is gone.
Where it could not hear for a while, all is read anew as soon as it can.
"""

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from twinline.db.listening import ANYTHING, Announcements
from twinline.db.session import Database, Reading
from twinline.language.errors import (
    DatabaseUnavailable,
    InvalidReference,
    NotFound,
)
from twinline.language.refs import PromptVersionRef
from twinline.prompts.store import TOPIC
from twinline.withdrawals import actions as withdrawals

RETRY_SECONDS = 1.0
"""How long a database that was away is not asked again for what is in memory."""
ANSWERS_MAX, BYTES_MAX = 10_000, 64 << 20
"""What memory holds at most; of more, what was not asked for longest is forgotten."""

_log = logging.getLogger("twinline")

Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True)
class Told(Generic[Answer]):
    """An answer; ``stale_seconds`` is how old it is when it comes from memory, else None."""

    answer: Answer
    stale_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer as memory holds it, with what asks for it anew."""

    answer: Any
    ask: Callable[[Reading], Any]
    size: int
    read_at: float = field(default_factory=time.monotonic)


_Place = tuple[str, Hashable]
"""The name of a prompt, and what was asked about it."""


class Memory:
    """The answers that were given lately. For many threads."""

    def __init__(
        self,
        database: Database,
        announcements: Announcements,
        *,
        answers_max: int = ANSWERS_MAX,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        self._database, self._announcements = database, announcements
        self._answers_max, self._bytes_max = answers_max, bytes_max
        self._kept: OrderedDict[_Place, _Kept] = OrderedDict()
        self._by_prompt: dict[str, set[_Place]] = {}
        self._bytes = 0
        self._turn = threading.Lock()
        self._noted: OrderedDict[_Place, Callable[[Reading], Any]] = OrderedDict()
        self._something: asyncio.Event = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.changes = 0
        """Counts what was heard; an answer that was read across a change is not kept."""
        self._ask_again_at: float | None = None
        announcements.subscribe(self._take_note)

    def is_away(self) -> bool:
        """Whether the database was away a moment ago, so that it should be left alone.

        Once a second somebody is told that it may be asked: only they wait for it.
        """
        with self._turn:
            if self._ask_again_at is None:
                return False
            now = time.monotonic()
            if now < self._ask_again_at:
                return True
            self._ask_again_at = now + RETRY_SECONDS
            return False

    def was_asked(self, *, answered: bool) -> None:
        """Somebody asked the database."""
        with self._turn:
            self._ask_again_at = None if answered else time.monotonic() + RETRY_SECONDS

    def find(self, place: _Place) -> Told[Any] | None:
        """What was told last, None when it is not here."""
        with self._turn:
            kept = self._kept.get(place)
        return kept and Told(kept.answer, round(time.monotonic() - kept.read_at, 3))

    def keep(self, place: _Place, ask: Callable[[Reading], Any], answer: Any, seen: int) -> bool:
        """Keep what was read since the count of changes was ``seen``, and whether it was: not
        when there was a change meanwhile, or when it is too large."""
        with self._turn:
            if seen != self.changes:
                return False
            before = self._take_out(place)
            known = before is not None and before.answer == answer
            size = before.size if before and known else len(answer.model_dump_json())
            if size > self._bytes_max:
                return False
            self._kept[place] = _Kept(answer, ask, size)
            self._by_prompt.setdefault(place[0], set()).add(place)
            self._bytes += size
            while self._bytes > self._bytes_max or len(self._kept) > self._answers_max:
                self._take_out(next(iter(self._kept)))
            return True

    def forget(self, place: _Place) -> None:
        """There is no such answer any more."""
        with self._turn:
            self._take_out(place)

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncGenerator[None]:
        """Read anew what changed, until the block ends."""
        self._loop = asyncio.get_running_loop()
        following = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following

    def _take_note(self, topic: str) -> None:
        prompt = _prompt_of(topic)
        if prompt is not None:
            self._note(prompt)
        elif topic == ANYTHING and self._announcements.connected:
            self._note_all()
        else:  # of another noun, or nobody can say what changes until we hear again
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._something.set)

    def _note(self, prompt: str) -> None:
        with self._turn:
            self.changes += 1
            for place in list(self._by_prompt.get(prompt, ())):
                gone = self._take_out(place)
                if gone is not None:
                    self._noted[place] = gone.ask

    def _note_all(self) -> None:
        """Most of it is as it was, so nothing is gone before it was read anew."""
        with self._turn:
            self.changes += 1
            for place, kept in self._kept.items():
                self._noted.setdefault(place, kept.ask)

    def _take_out(self, place: _Place) -> _Kept | None:
        gone = self._kept.pop(place, None)
        if gone is not None:
            self._bytes -= gone.size
            of_prompt = self._by_prompt[place[0]]
            of_prompt.discard(place)
            if not of_prompt:
                del self._by_prompt[place[0]]
        return gone

    async def _follow(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._noted:
                with self._turn:
                    place, ask = self._noted.popitem(last=False)
                if not await run_in_threadpool(self._read_anew, place, ask):
                    with self._turn:
                        self._noted.setdefault(place, ask)
                    await asyncio.sleep(RETRY_SECONDS)

    def _read_anew(self, place: _Place, ask: Callable[[Reading], Any]) -> bool:
        """Whether the database could be asked."""
        seen = self.changes
        try:
            with self._database.reading() as tx:
                answer = ask(tx)
        except DatabaseUnavailable:
            return False
        except NotFound:
            self.forget(place)
        except Exception:  # noqa: BLE001 -- nobody would begin to follow again
            self.forget(place)
            _log.exception("prompt %s cannot be read anew; nothing of it is in memory", place[0])
        else:
            if not self.keep(place, ask, answer, seen):
                self.forget(place)
                if seen != self.changes:  # perhaps of this, and perhaps after it was read
                    with self._turn:
                        self._noted.setdefault(place, ask)
        return True


def _prompt_of(topic: str) -> str | None:
    """The prompt of which something else is true since a topic was announced, if any."""
    kind, _, subject = topic.partition(" ")
    if kind == withdrawals.TOPIC:
        with suppress(InvalidReference):  # what has another scheme has another reader
            return PromptVersionRef.parse(subject).name
        return None
    return subject if kind == TOPIC else None


@dataclass(frozen=True)
class Reads:
    """Somebody who may read prompts, whether the database is there or not.

    ``by`` is the owner of the key that was sent.
    """

    by: str
    _memory: Memory
    _database: Database

    def read(
        self, prompt: str, question: Hashable, ask: Callable[[Reading], Answer]
    ) -> Told[Answer]:
        """What ``ask`` reads; what it read before while the database is away.

        ``question`` stands for ``ask``: the same question about a prompt has one answer.

        Raises:
            NotFound: as ``ask`` says.
            DatabaseUnavailable: the database is away, and memory does not know.
        """
        place = (prompt, question)
        told = self._memory.find(place)
        if told is not None and self._memory.is_away():
            return told
        seen = self._memory.changes
        try:
            with self._database.reading() as tx:
                answer = ask(tx)
        except DatabaseUnavailable:
            self._memory.was_asked(answered=False)
            told = self._memory.find(place)
            if told is None:
                raise
            return told
        except NotFound:
            self._memory.forget(place)
            raise
        self._memory.was_asked(answered=True)
        self._memory.keep(place, ask, answer, seen)
        return Told(answer)
