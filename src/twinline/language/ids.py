"""UUIDv7 (RFC 9562, section 5.7): ids that carry the time at which they were made.

The ledger is partitioned by id, so that an id alone says in which day's partition
its inference lies. Version 7 is in Python's standard library from 3.14 on; until
that is our oldest Python, these few lines stand in for it.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM = (1 << 74) - 1
_LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


def new_id(at: datetime | None = None) -> UUID:
    """A UUIDv7 for ``at`` (default: now), random beyond the millisecond."""
    ms = time.time_ns() // 1_000_000 if at is None else _milliseconds(at)
    random = int.from_bytes(os.urandom(10)) & _RANDOM
    high, low = random >> 62, random & ((1 << 62) - 1)
    return UUID(int=(ms << 80) | _VERSION | (high << 64) | _VARIANT | low)


def first_id(at: datetime) -> UUID:
    """The lowest UUIDv7 of the millisecond ``at``: a lower bound for id ranges."""
    return UUID(int=(_milliseconds(at) << 80) | _VERSION | _VARIANT)


def made_at(id: UUID) -> datetime:
    """When a UUIDv7 was made, to the millisecond, in UTC; the year 9999 at the latest."""
    return EPOCH + timedelta(milliseconds=min(id.int >> 80, _LAST))


def _milliseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)
