"""All requests of a part of the ledger as one stream, however many there are.

They are read stretch by stretch, each in a transaction of its own: whoever reads slowly,
or goes away, holds nothing up. A stretch is a window of time, as wide as the one before it
tells will hold the right number: so each request is looked at once, also where the ones
that are wanted are few among the others.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from twinline.db.session import Reading
from twinline.inferences import affected
from twinline.inferences.columnar import Arrow
from twinline.inferences.selections import DAY, Scope
from twinline.language.ids import first_id, made_at
from twinline.language.records import RequestFilter

STRETCH, STRETCH_MAX = 10_000, 40_000
"""Requests that a stretch is meant to hold, and how many it may."""

OpenReading = Callable[[], AbstractContextManager[Reading]]


@dataclass
class Window:
    """How much time to look at next, between a millisecond and a day."""

    width: timedelta = timedelta(minutes=1)

    def before(self, end: UUID, begin: UUID) -> UUID:
        """Where the window that ends before ``end`` begins, at ``begin`` at the earliest."""
        latest = min(made_at(end), datetime.now(UTC))  # the last one holds what is to come
        return max(first_id(latest - self.width), begin)

    def held(self, requests: int) -> None:
        """Learn from how many requests were in it."""
        factor = min(STRETCH / requests, 8) if requests else 8
        self.width = min(max(self.width * factor, timedelta(milliseconds=1)), DAY)


def arrow(
    reading: OpenReading, scope: Callable[[Reading], Scope], wanted: RequestFilter
) -> Iterator[bytes]:
    """The requests of a scope as a stream of Arrow's IPC format, the newest first.

    What is wrong with the question is said at once, before the first piece.

    Raises:
        NotInstalled: the server runs without pyarrow.
        Invalid: the filter ends before it begins.
        NotFound: there is no such slot, or what ``scope`` says.
    """
    made = Arrow()
    with reading() as tx:
        part, days = affected.places(tx, scope(tx), wanted)

    def tables() -> Iterator[Any]:
        window = Window()
        for begin, before in days:
            while begin < before:
                first = window.before(before, begin)
                with reading() as tx:
                    table = made.newest(
                        tx, part, wanted, begin=first, before=before, limit=STRETCH_MAX
                    )
                window.held(len(table))
                full = len(table) == STRETCH_MAX  # there may be more in the window
                before = UUID(table["id"][-1].as_py()) if full else first
                if len(table):
                    yield table

    return made.stream(tables())
