"""Cursors: where a page of a list ended, in one opaque word.

A cursor names the list that it belongs to, so that one from another list is refused
instead of answering with something odd.
"""

import base64
import binascii
import json
from typing import Any, TypeVar

from twinline.language.errors import Invalid

Key = TypeVar("Key", str, int)


def encode(listing: str, *key: Any) -> str:
    """The cursor after the item with this key in ``listing``."""
    return base64.urlsafe_b64encode(json.dumps([listing, *key]).encode()).decode().rstrip("=")


def decode(listing: str, cursor: str | None, kind: type[Key]) -> Key | None:
    """The key in a cursor of ``listing``; None for no cursor.

    Raises:
        Invalid: it is no cursor of ours, or one of another list.
    """
    if cursor is None:
        return None
    try:
        found, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError) as error:
        raise _wrong(cursor) from error
    if found != listing or not isinstance(key, kind) or "\x00" in str(key):
        raise _wrong(cursor)
    return key


def _wrong(cursor: str) -> Invalid:
    return Invalid(
        f"{cursor!r} is no cursor of this list; take `next` of its last page, or none to begin.",
        field="cursor",
        value=cursor,
    )
