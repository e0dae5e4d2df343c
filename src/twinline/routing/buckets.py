"""Bucketing ``b1``: which of 100,000 buckets a unit falls into under a salt.

::

    hash   = first 8 bytes, big-endian, of SHA-256(utf8(salt) + 0x1F + utf8(unit))
    bucket = (hash * 100000) >> 64

Golden vectors in the tests hold it fast: a unit never changes its bucket, in no
language and no version.
"""

from collections.abc import Callable
from hashlib import sha256
from struct import Struct

BUCKETS = 100_000
"""So one bucket is a thousandth of a per cent of the units."""


_first_64_bits = Struct(">Q").unpack_from


def unit_hasher(salt: str) -> Callable[[str], int]:
    """Hashes units under a salt to 64 bits. A lone surrogate counts as ``?``."""
    begin = f"{salt}\x1f".encode(errors="replace")

    def hash(unit: str) -> int:
        return _first_64_bits(sha256(begin + unit.encode("utf-8", "replace")).digest())[0]

    return hash


def unit_hash(salt: str, unit: str) -> int:
    """64 bits of a unit under a salt."""
    return unit_hasher(salt)(unit)


def bucket(salt: str, unit: str) -> int:
    """The bucket of a unit under a salt, in [0, 100000)."""
    return bucket_of(unit_hash(salt, unit))


def bucket_of(hash: int) -> int:
    """The bucket of a unit's hash."""
    return hash * BUCKETS >> 64
