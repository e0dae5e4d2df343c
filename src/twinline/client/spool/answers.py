"""What a spool answers with."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """Payloads to ship, and what `Spool.done` needs to know to forget them.

    `segment` is the name of the file they came from ("" if there are none), `end` the
    offset in bytes behind the last of them.
    """

    payloads: tuple[bytes, ...] = ()
    segment: str = ""
    end: int = 0


@dataclass(frozen=True, slots=True)
class Depth:
    """How full the spool is.

    `waiting` counts the lines of all processes that wait to be shipped, damaged ones
    included; `bytes_on_disk` is what counts against the bound, preallocated space included.
    `dropped` and `damaged` count records since this process began. `oldest_at` is when
    the oldest segment with waiting records was begun: no waiting record is older.
    """

    waiting: int
    bytes_on_disk: int
    dropped: int
    damaged: int
    oldest_at: datetime | None
