"""Cursors: where a page of a list ended, in one opaque word.

A cursor names the list that it belongs to, so that one from another list is refused
instead of answering with something odd.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from twinline.language import strict_json
from twinline.language.errors import Invalid, MalformedJson
from twinline.language.ids import AFTER_ALL
from twinline.language.records import Page

Key = TypeVar("Key", str, int)
Item = TypeVar("Item")


def encode(listing: str, key: str | int) -> str:
    """The cursor after the item with this key in ``listing``."""
    return base64.urlsafe_b64encode(json.dumps([listing, key]).encode()).decode().rstrip("=")


def page(
    listing: str, items: Sequence[Item], limit: int, key: Callable[[Item], str | int]
) -> Page[Item]:
    """A page of ``listing``; when it is full, ``key`` of its last item makes the cursor."""
    full = len(items) == limit
    return Page(items=tuple(items), next=encode(listing, key(items[-1])) if full else None)


def decode(listing: str, cursor: str | None, kind: type[Key]) -> Key | None:
    """The key in a cursor of ``listing``; None for no cursor.

    Raises:
        Invalid: it is no cursor of ours, or one of another list.
    """
    if cursor is None:
        return None
    try:
        read = strict_json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, MalformedJson) as error:
        raise _wrong(cursor) from error
    match read:
        case [str(found), key] if found == listing and type(key) is kind and _keepable(key):
            return key
        case _:
            raise _wrong(cursor)


def decode_id(listing: str, cursor: str | None) -> UUID:
    """The id in a cursor of ``listing`` from the newest down; beyond all for no cursor.

    Raises:
        Invalid: it is no cursor of ours, or one of another list.
    """
    last = decode(listing, cursor, str)
    if last is None:
        return AFTER_ALL
    try:
        return UUID(last)
    except ValueError as error:
        raise _wrong(cursor or "") from error


def _keepable(key: object) -> bool:
    return not isinstance(key, int) or abs(key) < 1 << 63


def _wrong(cursor: str) -> Invalid:
    return Invalid(
        f"{cursor!r} is no cursor of this list; take `next` of its last page, or none to begin.",
        field="cursor",
        value=cursor,
    )
