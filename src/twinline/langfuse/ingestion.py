"""Events, as Langfuse's SDKs before version 3 send them: which tell of calls of a model.

A call is told by a generation that is created and later updated, under ids of the sender's
own; they become parts of spans in the attributes of `otel.dialects.langfuse`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from twinline.language.ids import EPOCH
from twinline.language.records import Json
from twinline.otel.spans import Scalar, Span

GENERATIONS = frozenset({"generation-create", "generation-update"})
OBSERVATIONS = frozenset({"observation-create", "observation-update"})
"""Of any kind; the body says which."""

_ATTRIBUTES = {
    "model": "langfuse.observation.model.name",
    "promptName": "langfuse.observation.prompt.name",
    "promptVersion": "langfuse.observation.prompt.version",
    "level": "langfuse.observation.level",
}
_USAGE = "langfuse.observation.usage_details"
_COST = "langfuse.observation.cost_details"
_TYPE = "langfuse.observation.type"
_TOKENS = {"promptTokens": "input", "completionTokens": "output"}

_not_hex = re.compile(r"[^0-9a-f]")


@dataclass
class Sorted:
    """What a batch of events comes to.

    Attributes:
        calls: the parts, one for each call.
        by_call: the events that each of them is made of, in the same order.
        others: events that tell of no call.
        malformed: events that cannot be read, and why.
    """

    calls: list[Span] = field(default_factory=list[Span])
    by_call: list[list[str]] = field(default_factory=list[list[str]])
    others: list[str] = field(default_factory=list[str])
    malformed: dict[str, str] = field(default_factory=dict[str, str])


def sort(events: Iterable[Json]) -> Sorted:
    """Tell calls from what else is sent, and put the parts of each call together."""
    found = Sorted()
    places: dict[tuple[str, str], int] = {}
    for number, event in enumerate(events):
        id = event.get("id")
        name = id if isinstance(id, str) else f"event {number + 1}"
        body = event.get("body")
        if not isinstance(body, dict):
            found.malformed[name] = "it has no body that is an object"
        elif not _is_call(event.get("type"), cast("Json", body)):
            found.others.append(name)
        else:
            try:
                part = _part(cast("Json", body))
            except ValueError as error:
                found.malformed[name] = str(error)
                continue
            place = places.setdefault((part.trace_id, part.span_id), len(found.calls))
            if place == len(found.calls):
                found.calls.append(part)
                found.by_call.append([name])
            else:
                found.calls[place] = _joined(found.calls[place], part)
                found.by_call[place].append(name)
    return found


def _is_call(kind: object, body: Json) -> bool:
    if kind in OBSERVATIONS:
        return str(body.get("type")).upper() == "GENERATION"
    return kind in GENERATIONS


def _part(body: Json) -> Span:
    id = body.get("id")
    if not isinstance(id, str) or not id:
        raise ValueError("its body has no id")
    trace = body.get("traceId")
    return Span(
        trace_id=_hex(trace if isinstance(trace, str) and trace else id, 32),
        span_id=_hex(id, 16),
        parent_id="",
        begun_ns=_nanoseconds(body, "startTime"),
        ended_ns=_nanoseconds(body, "endTime"),
        failed=None,
        attributes=_attributes(body),
    )


def _joined(before: Span, now: Span) -> Span:
    return replace(
        before,
        begun_ns=before.begun_ns or now.begun_ns,
        ended_ns=now.ended_ns or before.ended_ns,
        attributes={**before.attributes, **now.attributes},
    )


def _attributes(body: Json) -> Mapping[str, Scalar]:
    found: dict[str, Scalar] = {_TYPE: "generation"}
    for member, attribute in _ATTRIBUTES.items():
        value = body.get(member)
        if isinstance(value, str | int | float) and value != "":
            found[attribute] = value
    usage = {**_object(body.get("usage")), **_object(body.get("usageDetails"))}
    tokens = {_TOKENS.get(name, name): value for name, value in usage.items() if value is not None}
    if tokens:
        found[_USAGE] = json.dumps(tokens)
    cost = {"total": usage.get("totalCost"), **_object(body.get("costDetails"))}
    if cost["total"] is not None:
        found[_COST] = json.dumps(cost)
    return found


def _object(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _hex(id: str, digits: int) -> str:
    """An id as traces have it: itself, if it is of that form, else what follows from it."""
    plain = id.replace("-", "").lower()
    if len(plain) == digits and not _not_hex.search(plain):
        return plain
    return hashlib.sha256(id.encode("utf-8", "replace")).hexdigest()[:digits]


def _nanoseconds(body: Json, member: str) -> int:
    """A time since 1970; 0 when it is not told."""
    said = body.get(member)
    if said is None:
        return 0
    try:
        at = datetime.fromisoformat(said)
    except (TypeError, ValueError) as error:
        raise ValueError(f"its {member} {said!r} is no time of ISO 8601") from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max((at - EPOCH) // timedelta(microseconds=1) * 1_000, 0)
