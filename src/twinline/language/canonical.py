"""Canonical JSON and the digests taken over it.

Identical content has one canonical form (RFC 8785, JSON Canonicalization Scheme),
so it has one digest, whatever language or key order it arrived in.
"""

import hashlib
from typing import Annotated

import rfc8785
from pydantic import Field

from twinline.language.errors import Invalid

DIGEST_PATTERN = r"^[0-9a-f]{64}$"

Digest = Annotated[str, Field(pattern=DIGEST_PATTERN, examples=["9f86d081884c7d65" * 4])]
"""SHA-256 in lower-case hexadecimal: 64 characters."""


def canonical(value: object) -> bytes:
    """The RFC 8785 form of a JSON value, in UTF-8.

    Raises:
        Invalid: the value holds something that JSON cannot carry exactly: NaN, an
            infinity, a lone surrogate, or an integer beyond 2**53 - 1.
    """
    try:
        return rfc8785.dumps(value)  # pyright: ignore[reportArgumentType] -- any JSON value
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise Invalid(f"The value has no canonical JSON form: {error}") from error


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON of ``value``, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()
