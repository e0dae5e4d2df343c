"""Canonical JSON and the digests taken over it.

Identical content has one canonical form (RFC 8785, JSON Canonicalization Scheme),
so it has one digest, whatever language or key order it arrived in.
"""

import hashlib
from decimal import Decimal
from typing import Annotated, Any

import rfc8785
from pydantic import Field

from twinline.language.errors import Invalid

DIGEST_PATTERN = r"^[0-9a-f]{64}$"

SAFE_INTEGER = 2**53 - 1

Digest = Annotated[
    str,
    Field(
        pattern=DIGEST_PATTERN,
        examples=["9f86d081884c7d65" * 4],
        description="SHA-256 of the canonical JSON (RFC 8785), in hexadecimal.",
    ),
]
"""SHA-256 in lower-case hexadecimal: 64 characters."""


def canonical(value: object) -> bytes:
    """The RFC 8785 form of a JSON value, in UTF-8.

    Raises:
        Invalid: the value holds something that JSON cannot carry exactly: NaN, an
            infinity, a lone surrogate, or an integer that no double is equal to.
    """
    try:
        return rfc8785.dumps(_as_doubles(value))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise Invalid(f"The value has no canonical JSON form: {error}") from error


def _as_doubles(value: Any) -> Any:
    """The same value with integers beyond 2**53 - 1 as floats where nothing is lost.

    JSON has one kind of number, and PostgreSQL gives 1e16 back as an integer; both
    spellings must have one digest.
    """
    match value:
        case int() if abs(value) > SAFE_INTEGER and _is_a_double(value):
            return float(value)
        case dict():
            return {name: _as_doubles(member) for name, member in value.items()}  # pyright: ignore[reportUnknownVariableType] -- any JSON object
        case list() | tuple():
            return [_as_doubles(item) for item in value]  # pyright: ignore[reportUnknownVariableType] -- any JSON array
        case _:
            return value


def _is_a_double(value: int) -> bool:
    """Whether a double is equal to it, or is written with its digits."""
    try:
        double = float(value)
    except OverflowError:
        return False
    return double == value or Decimal(repr(double)) == value


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON of ``value``, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()
