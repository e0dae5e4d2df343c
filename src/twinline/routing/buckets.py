"""Bucketing ``b1``: which of 100,000 buckets a unit falls into under a salt.

::

    hash   = first 8 bytes, big-endian, of SHA-256(utf8(salt) + 0x1F + utf8(unit))
    bucket = (hash * 100000) >> 64

Golden vectors in the tests hold it fast: a unit never changes its bucket, in no
language and no version.
"""

from hashlib import sha256

BUCKETS = 100_000
"""So one bucket is a thousandth of a per cent of the units."""


def unit_hash(salt: str, unit: str) -> int:
    """64 bits of a unit under a salt. A lone surrogate counts as ``?``."""
    digest = sha256(f"{salt}\x1f{unit}".encode(errors="replace")).digest()
    return int.from_bytes(digest[:8])


def bucket(salt: str, unit: str) -> int:
    """The bucket of a unit under a salt, in [0, 100000)."""
    return bucket_of(unit_hash(salt, unit))


def bucket_of(hash: int) -> int:
    """The bucket of a unit's hash."""
    return hash * BUCKETS >> 64
