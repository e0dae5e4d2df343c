"""Read a request to resolve, fast, when there is nothing unusual about it.

Whatever is unusual - a member that does not fit, a number or a text that JSON cannot
carry exactly, a member that is there twice - makes the answer None, and the web
framework reads the body again, slowly, and says what is wrong with it.
"""

import hashlib
import re
from typing import Any
from uuid import UUID

import msgspec

from twinline.language.canonical import SAFE_INTEGER
from twinline.routing.conditions import exact_type

DEPTH_MAX = 40

_suspicious = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_member = re.compile(rb'"\s*:')
_FLOATS_FROM, _FLOATS_TO = 1e-4, 1e15


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """The members of a request to resolve."""

    route: str
    environment: str
    context: dict[str, Any] = {}
    record: bool = True
    inference_id: UUID | None = None
    keep_context: bool = False
    decision: str | None = None
    trace_id: str | None = None
    parent_id: UUID | None = None


_decoder = msgspec.json.Decoder(Wanted)
_sorted = msgspec.json.Encoder(order="deterministic")
_shallow = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(body: bytes) -> Wanted | None:
    """The request, when it is sure that the slow reader would take it for the same."""
    if _suspicious.search(body):
        return None
    try:
        wanted = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    ok = all(text is None or 1 <= len(text) <= 500 for text in (wanted.decision, wanted.trace_id))
    return wanted if ok else None


def canonical_context(body: bytes, wanted: Wanted) -> bytes | None:
    """The context in RFC 8785 form; None when only the slow way can tell, or a member
    of the body is there twice."""
    inside = _count_plain(wanted.context, 0)
    if inside is None or len(_member.findall(body)) != inside + len(_shallow.decode(body)):
        return None
    return _sorted.encode(wanted.context)


def context_digest(form: bytes) -> str:
    """The digest of a context in canonical form."""
    return hashlib.sha256(form).hexdigest()


def _count_plain(value: Any, depth: int) -> int | None:
    """How many members objects hold in all; None when the value is not plain.

    Plain is what msgspec writes exactly as RFC 8785 wants it: ASCII names (their order
    is then the same), integers that every JSON reader keeps, and no floats but those
    written without an exponent and with a fraction.
    """
    kind = exact_type(value)
    if kind is str or kind is bool or value is None:
        return 0
    if kind is int:
        return 0 if -SAFE_INTEGER <= value <= SAFE_INTEGER else None
    if kind is float:
        plain = _FLOATS_FROM <= abs(value) < _FLOATS_TO and not value.is_integer()
        return 0 if plain else None
    if depth == DEPTH_MAX:
        return None
    if kind is dict:
        return _count_members(value, depth)
    return _count_items(value, depth)


def _count_members(value: dict[str, Any], depth: int) -> int | None:
    count = len(value)
    for name, member in value.items():
        inside = _count_plain(member, depth + 1)
        if inside is None or not name.isascii():
            return None
        count += inside
    return count


def _count_items(value: list[Any], depth: int) -> int | None:
    count = 0
    for item in value:
        inside = _count_plain(item, depth + 1)
        if inside is None:
            return None
        count += inside
    return count
