"""UUIDv7 (RFC 9562, section 5.7): ids that carry the time at which they were made.

The ledger is partitioned by id, so that an id alone says in which day's partition
its inference lies. Version 7 is in Python's standard library from 3.14 on; until
that is our oldest Python, these few lines stand in for it.
"""

import hashlib
import os
import time
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEFORE_ALL, AFTER_ALL = UUID(int=0), UUID(int=(1 << 128) - 1)
"""Bounds of a range of ids that is open."""
_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_LOW = (1 << 62) - 1
# A generator of our own: seeded by the system in every process, also after a fork, and
# out of reach of programs that seed the common one to repeat their experiments.
_generator = Random()  # noqa: S311 -- nothing secret is made of it
_getrandbits = _generator.getrandbits
if hasattr(os, "register_at_fork"):  # pragma: no branch -- only Windows has none
    os.register_at_fork(after_in_child=_generator.seed)
_LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


def new_id(at: datetime | None = None) -> UUID:
    """A UUIDv7 for ``at`` (default: now), random beyond the millisecond."""
    return UUID(int=_new(time.time_ns() // 1_000_000 if at is None else _milliseconds(at)))


def new_id_text(milliseconds: int) -> str:
    """A UUIDv7 of that time since 1970 as text: twice as fast, for where ids are made in
    passing."""
    high = _getrandbits(28)  # small integers are shifted faster than one of 74 bits
    return "%08x-%04x-7%03x-%04x-%012x" % (  # noqa: UP031 -- faster than an f-string here
        milliseconds >> 16,
        milliseconds & 0xFFFF,
        high >> 16,
        0x8000 | (high & 0x3FFF),
        _getrandbits(48),
    )


def random_hex(bits: int) -> str:
    """A random id in hexadecimal, as W3C trace context has them: unlike others, not secret.

    The system is not asked for it: that lets other threads go first, for milliseconds
    where they are busy.
    """
    return f"{_getrandbits(bits):0{bits // 4}x}"


def id_beside(id: UUID, name: str) -> UUID:
    """A UUIDv7 of the same millisecond that follows from another and a name."""
    random = int.from_bytes(hashlib.sha256(id.bytes + name.encode()).digest()[:10])
    return UUID(
        int=(id.int >> 80 << 80) | _VERSION | (random >> 68 << 64) | _VARIANT | (random & _LOW)
    )


def first_id(at: datetime) -> UUID:
    """The lowest UUIDv7 of the millisecond ``at``, from 1970 on: a bound of id ranges."""
    return UUID(int=(max(_milliseconds(at), 0) << 80) | _VERSION | _VARIANT)


def made_at(id: UUID) -> datetime:
    """When a UUIDv7 was made, to the millisecond, in UTC; the year 9999 at the latest."""
    return EPOCH + timedelta(milliseconds=min(id.int >> 80, _LAST))


def _new(milliseconds: int) -> int:
    random = _getrandbits(74)
    return (milliseconds << 80) | _VERSION | (random >> 62 << 64) | _VARIANT | (random & _LOW)


def _milliseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)
