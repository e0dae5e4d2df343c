"""A span, as far as we look at it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Scalar = str | bool | int | float

_UNPACKED_MOST = 3
"""How often JSON in text is unpacked: MLflow encodes links to prompts twice."""


@dataclass(frozen=True, slots=True)
class Span:
    """One span; ids in lower-case hex, times in nanoseconds since 1970, 0 when unknown.

    ``failed`` is None when the span does not say how it ended. ``attributes`` are those
    that a dialect reads.
    """

    trace_id: str
    span_id: str
    parent_id: str
    begun_ns: int
    ended_ns: int
    failed: bool | None
    attributes: Mapping[str, Scalar]


def unpacked(value: Any) -> Any:
    """The value, or what it holds when it is JSON of text, an object or a list.

    MLflow encodes every attribute so, and a link to a prompt twice.
    """
    for _ in range(_UNPACKED_MOST):
        if not isinstance(value, str) or value[:1] not in ('"', "{", "["):
            break
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            break
    return value
