"""All requests of a part of the ledger as one stream, however many there are.

They are read stretch by stretch, each in a transaction of its own: whoever reads slowly,
or goes away, holds nothing up. A stretch is a window of time, as wide as the one before it
tells will hold the right number and be looked through in time: so each request is looked
at once, also where the ones that are wanted are few among the others.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from twinline.db.session import Reading
from twinline.inferences import affected
from twinline.inferences.columnar import Arrow, Found
from twinline.inferences.selections import DAY, Scope
from twinline.language.errors import DatabaseUnavailable
from twinline.language.ids import first_id, made_at
from twinline.language.records import RequestFilter

STRETCH, STRETCH_MAX = 10_000, 40_000
"""Requests that a stretch is meant to hold, and how many it may."""
BYTES, BYTES_MAX = 16 << 20, 32 << 20
"""How large a stretch is meant to be, as CSV, and how large it may be: kept contexts are up
to nearly a megabyte each. A single request goes in any case."""
SECONDS = 1.0
"""How long it is meant to take to look through a window."""
NARROWEST, NARROW = timedelta(milliseconds=1), timedelta(minutes=1)
"""How narrow a window may be, and how narrow one becomes because it took long: what does not
depend on its width, say a busy machine, would make it ever narrower."""
PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""How long is waited before a stretch is tried again that the database refused."""
FASTEST = 8
"""How many times as wide a window may be as the one before it."""

OpenReading = Callable[[], AbstractContextManager[Reading]]
Look = Callable[[UUID, UUID], Found | None]


@dataclass
class Window:
    """How much time to look at next, between a millisecond and a day."""

    width: timedelta = timedelta(minutes=1)

    def before(self, end: UUID, begin: UUID) -> UUID:
        """Where the window that ends before ``end`` begins, at ``begin`` at the earliest."""
        latest = min(made_at(end), datetime.now(UTC))  # the last one holds what is to come
        return max(first_id(latest - self.width), begin)

    def held(self, requests: int, size_bytes: int, seconds: float) -> None:
        """Learn from what was in it, and from how long it took to look."""
        slow = min(seconds / SECONDS, max(self.width / NARROW, 1))
        share = max(requests / STRETCH, size_bytes / BYTES, slow, 1 / FASTEST)
        self.width = min(max(self.width / share, NARROWEST), DAY)

    def took_too_long(self) -> None:
        """Learn that it could not be looked through.

        Raises:
            DatabaseUnavailable: it cannot be any narrower.
        """
        if self.width == NARROWEST:
            raise DatabaseUnavailable(
                "The database does not find the requests of one millisecond in time; "
                "ask for fewer (from, to), or try again when it is less busy."
            )
        self.width = max(self.width / FASTEST, NARROWEST)


def arrow(
    reading: OpenReading, scope: Callable[[Reading], Scope], wanted: RequestFilter
) -> Iterator[bytes]:
    """The requests of a scope as a stream of Arrow's IPC format, the newest first.

    What is wrong with the question, or with the database, is said at once, before the first
    piece; and there is a piece for every window, so that a long way to the next request is
    no silence.

    Raises:
        NotInstalled: the server runs without pyarrow.
        Invalid: the filter ends before it begins.
        NotFound: there is no such slot, or what ``scope`` says.
        DatabaseUnavailable: PostgreSQL does not answer, or all connections are busy.
    """
    made = Arrow()
    with reading() as tx:
        part, days = affected.places(tx, scope(tx), wanted)

    def look(begin: UUID, before: UUID) -> Found | None:
        bounds = {"begin": begin, "before": before}
        with reading() as tx:
            return made.newest(tx, part, wanted, **bounds, limit=STRETCH_MAX, bytes_max=BYTES_MAX)

    pieces = made.stream(_tables(look, days, made.nothing))
    return chain([next(pieces)], pieces)


def _tables(look: Look, days: Iterable[tuple[UUID, UUID]], nothing: Any) -> Iterator[Any]:
    """The requests of some days, a table for each window.

    Only once it has begun it is patient: who has got nothing yet may well ask again.
    """
    window = Window()
    pauses: Sequence[float] = ()
    for begin, before in days:
        while begin < before:
            first = window.before(before, begin)
            asked_at = time.monotonic()
            found = _look_patiently(look, first, before, pauses)
            pauses = PAUSES_SECONDS
            if found is None:
                window.took_too_long()
                yield nothing
            else:
                window.held(len(found.table), found.size_bytes, time.monotonic() - asked_at)
                before = first if found.whole else UUID(found.table["id"][-1].as_py())
                yield found.table


def _look_patiently(look: Look, begin: UUID, before: UUID, pauses: Sequence[float]) -> Found | None:
    for pause in pauses:
        with suppress(DatabaseUnavailable):
            return look(begin, before)
        time.sleep(pause)
    return look(begin, before)
