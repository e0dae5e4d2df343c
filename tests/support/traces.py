"""Spans to send, in both encodings of OTLP."""

import random
import time
from collections.abc import Iterable
from typing import Any

import httpx
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

CHAT = {"gen_ai.operation.name": "chat"}
PROTOBUF, JSON = "application/x-protobuf", "application/json"
Sent = dict[str, Any]


def span(
    attributes: dict[str, Any] | None = None,
    *,
    trace: str | None = None,
    id: str | None = None,
    parent: str = "",
    at: float | None = None,
    ms: float = 120,
    code: int = 0,
) -> Sent:
    """A span in OTLP's JSON; ``at`` in seconds since 1970, default: now."""
    begun = int((time.time() if at is None else at) * 1e9)
    return {
        "traceId": trace or f"{random.getrandbits(128) | 1:032x}",
        "spanId": id or f"{random.getrandbits(64) | 1:016x}",
        "parentSpanId": parent,
        "name": "a span",
        "kind": 3,
        "startTimeUnixNano": str(begun),
        "endTimeUnixNano": str(begun + int(ms * 1e6)),
        "attributes": [_attribute(name, value) for name, value in (attributes or {}).items()],
        "status": {"code": code} if code else {},
    }


def request(spans: Iterable[Sent]) -> Sent:
    """An ``ExportTraceServiceRequest`` in JSON."""
    scope = {"scope": {"name": "tests"}, "spans": list(spans)}
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [scope]}]}


def message(spans: Iterable[Sent]) -> ExportTraceServiceRequest:
    """The same as a message."""
    made = ExportTraceServiceRequest()
    scope = made.resource_spans.add().scope_spans.add()
    for one in spans:
        ids = {name: bytes.fromhex(one[name]) for name in ("traceId", "spanId", "parentSpanId")}
        kept = ParseDict({k: v for k, v in one.items() if k not in ids}, Message())
        kept.trace_id, kept.span_id, kept.parent_span_id = ids.values()
        scope.spans.append(kept)
    return made


def rejected(answer: httpx.Response) -> tuple[int, str]:
    """How many spans an answer says were rejected, and why."""
    assert answer.status_code == 200, answer.text
    if answer.headers["content-type"] == JSON:
        part = answer.json().get("partialSuccess", {})
        return int(part.get("rejectedSpans", 0)), part.get("errorMessage", "")
    found = ExportTraceServiceResponse.FromString(answer.content).partial_success
    return found.rejected_spans, found.error_message


def _attribute(name: str, value: Any) -> dict[str, Any]:
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    said = str(value) if type(value) is int else value
    return {"key": name, "value": {kinds[type(value)]: said}}
