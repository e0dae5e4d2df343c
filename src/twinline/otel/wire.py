"""OTLP/HTTP: bodies in, spans out, and the answers that exporters understand.

Of a span's attributes only those that a dialect knows are decoded, however many it has.
(https://opentelemetry.io/docs/specs/otlp/, version 1)
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple, cast

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan

from twinline.language import strict_json
from twinline.language.errors import MalformedOtlp, TooLarge, UnsupportedMedia
from twinline.otel.dialects import KNOWN
from twinline.otel.spans import Scalar, Span

UNPACKED_BYTES_MAX = 16 << 20
SPANS_MAX = 20_000
MEMBERS_MAX = 16
"""Members of gzip in one body: what follows a member is copied, so many empty ones would
take the square of their number."""
_NANOSECONDS_MAX = (1 << 64) - 1

Encoding = Literal["application/x-protobuf", "application/json"]
PROTOBUF: Encoding = "application/x-protobuf"
JSON: Encoding = "application/json"

_OK, _FAILED = 1, 2
"""Codes of a span's status; 0 says nothing."""
_INVALID_ARGUMENT = 3
_CODES = {401: 16, 403: 7, 429: 8, 503: 14}
"""Codes of ``google.rpc.Status`` for HTTP's."""


class Answer(NamedTuple):
    """A body, and what it is encoded as."""

    content: bytes
    encoding: Encoding


def encoding_of(content_type: str | None) -> Encoding:
    """Which of the two encodings a body is in.

    Raises:
        UnsupportedMedia: neither.
    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind in ("application/x-protobuf", "application/protobuf"):
        return PROTOBUF
    if kind == JSON:
        return JSON
    raise UnsupportedMedia(
        f"The content type {content_type!r} is neither {PROTOBUF} nor {JSON}; set "
        "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf.",
        value=content_type,
    )


def unpacked_body(body: bytes, content_encoding: str | None) -> bytes:
    """The body without its compression.

    Raises:
        UnsupportedMedia: it is compressed in another way than gzip or deflate.
        TooLarge: it is larger than 16 MB, or would be, or is of more than 16 members.
        MalformedOtlp: it is not compressed as it says.
    """
    way = (content_encoding or "identity").strip().lower()
    if way == "identity":
        return body
    if way not in ("gzip", "x-gzip", "deflate"):
        raise UnsupportedMedia(
            f"The content encoding {content_encoding!r} is none of gzip, deflate and identity.",
            value=content_encoding,
        )
    try:
        return _inflated(body)
    except zlib.error as error:
        raise MalformedOtlp(f"The body is no {way}: {error}.") from error


def spans(body: bytes, encoding: Encoding) -> tuple[Span, ...]:
    """The spans of a request.

    Raises:
        MalformedJson: the body is said to be JSON, and is none.
        MalformedOtlp: it is no ``ExportTraceServiceRequest``.
        TooLarge: it holds more than 20,000 spans.
    """
    found: list[Span] = []
    for span in _in_json(body) if encoding == JSON else _in_protobuf(body):
        if len(found) == SPANS_MAX:
            raise TooLarge(
                f"These are more than {SPANS_MAX:,} spans; send fewer at once "
                "(OTEL_BSP_MAX_EXPORT_BATCH_SIZE).",
                limit=SPANS_MAX,
            )
        found.append(span)
    return tuple(found)


def accepted(encoding: Encoding, rejected: int, why: str) -> Answer:
    """The answer to a request that was taken, but for the spans that were rejected."""
    message = ExportTraceServiceResponse()
    if rejected:
        message.partial_success.rejected_spans = rejected
        message.partial_success.error_message = why
    if encoding == JSON:
        return Answer(json_format.MessageToJson(message, indent=None).encode(), encoding)
    return Answer(message.SerializeToString(), encoding)


def failed(encoding: Encoding, status: int, detail: str) -> Answer:
    """The answer to a request that was not taken: a ``google.rpc.Status``.

    Its two members are encoded here; the package that has it brings forty other messages.
    """
    code = _CODES.get(status, _INVALID_ARGUMENT)
    if encoding == JSON:
        return Answer(json.dumps({"code": code, "message": detail}).encode(), encoding)
    said = detail.encode("utf-8", "replace")
    return Answer(b"\x08" + _varint(code) + b"\x12" + _varint(len(said)) + said, encoding)


def _varint(number: int) -> bytes:
    head = b""
    while number > 0x7F:
        head += bytes([number & 0x7F | 0x80])
        number >>= 7
    return head + bytes([number])


def _inflated(body: bytes) -> bytes:
    """What gzip (of one or several members) or zlib packed, up to the limit."""
    parts: list[bytes] = []
    left = UNPACKED_BYTES_MAX
    while body:
        if len(parts) == MEMBERS_MAX:
            raise TooLarge(
                f"The body is packed in more than {MEMBERS_MAX} members of gzip; pack it in one.",
                limit_members=MEMBERS_MAX,
            )
        reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # either header
        part = reader.decompress(body, left + 1)
        left -= len(part)
        if left < 0:
            raise TooLarge(
                f"The body unpacks to more than {UNPACKED_BYTES_MAX >> 20} MB; send fewer spans "
                "at once (OTEL_BSP_MAX_EXPORT_BATCH_SIZE).",
                limit_bytes=UNPACKED_BYTES_MAX,
            )
        if not reader.eof:
            raise zlib.error("it ends in the middle")
        parts.append(part)
        body = reader.unused_data
    return b"".join(parts)


# --- the binary form -------------------------------------------------------------------


def _in_protobuf(body: bytes) -> Iterator[Span]:
    sent = ExportTraceServiceRequest()
    try:
        sent.ParseFromString(body)
    except DecodeError as error:
        raise MalformedOtlp(f"The body is no ExportTraceServiceRequest: {error}.") from error
    for resource in sent.resource_spans:
        for scope in resource.scope_spans:
            yield from map(_of_message, scope.spans)


def _of_message(sent: SentSpan) -> Span:
    return Span(
        trace_id=sent.trace_id.hex(),
        span_id=sent.span_id.hex(),
        parent_id=sent.parent_span_id.hex(),
        begun_ns=sent.start_time_unix_nano,
        ended_ns=sent.end_time_unix_nano,
        failed={_OK: False, _FAILED: True}.get(sent.status.code),
        attributes=dict(_scalars(sent.attributes)),
    )


def _scalars(sent: Iterable[KeyValue]) -> Iterator[tuple[str, Scalar]]:
    for one in sent:
        if one.key in KNOWN:
            kind = one.value.WhichOneof("value")
            if kind in ("string_value", "bool_value", "int_value", "double_value"):
                yield one.key, getattr(one.value, kind)


# --- the form in JSON ------------------------------------------------------------------

Object = dict[str, Any]


def _in_json(body: bytes) -> Iterator[Span]:
    sent = _object(strict_json.loads(body), "the body")
    for resource in _objects(sent, "resourceSpans"):
        for scope in _objects(resource, "scopeSpans"):
            yield from map(_of_object, _objects(scope, "spans"))


def _of_object(sent: Object) -> Span:
    status = _object(sent.get("status") or {}, "status")
    return Span(
        trace_id=_id(sent, "traceId"),
        span_id=_id(sent, "spanId"),
        parent_id=_id(sent, "parentSpanId"),
        begun_ns=_nanoseconds(sent, "startTimeUnixNano"),
        ended_ns=_nanoseconds(sent, "endTimeUnixNano"),
        failed=_failed(status.get("code")),
        attributes=dict(_members(sent)),
    )


def _failed(code: Any) -> bool | None:
    """Whether a status says so: by number, or by name as some exporters write it."""
    if code in (_FAILED, "STATUS_CODE_ERROR"):
        return True
    return False if code in (_OK, "STATUS_CODE_OK") else None


def _members(sent: Object) -> Iterator[tuple[str, Scalar]]:
    for one in _objects(sent, "attributes"):
        name = one.get("key")
        if isinstance(name, str) and name in KNOWN:
            for kind, value in _object(one.get("value") or {}, name).items():
                if kind == "intValue":
                    yield name, _integer(value, name)
                elif kind in ("stringValue", "boolValue", "doubleValue"):
                    yield name, _scalar(value, name)


def _scalar(value: Any, name: str) -> Scalar:
    if isinstance(value, str | bool | int | float):
        return value
    raise MalformedOtlp(f"The value of {name} is {_shown(value)}, which is none.", field=name)


def _integer(value: Any, name: str) -> int:
    """A number; 64 bits of it come as text."""
    try:
        if isinstance(value, str | int) and not isinstance(value, bool):
            return int(value)
    except ValueError:
        pass
    raise MalformedOtlp(f"{name} is {_shown(value)}, which is no whole number.", field=name)


def _nanoseconds(sent: Object, name: str) -> int:
    found = _integer(sent.get(name) or 0, name)
    if 0 <= found <= _NANOSECONDS_MAX:
        return found
    raise MalformedOtlp(f"{name} is {_shown(found)}, beyond 64 bits.", field=name)


def _id(sent: Object, name: str) -> str:
    found = sent.get(name) or ""
    if isinstance(found, str):
        return found.lower()
    raise MalformedOtlp(f"{name} is {_shown(found)}, not hexadecimal text.", field=name)


def _objects(sent: Object, name: str) -> Iterator[Object]:
    found: Any = sent.get(name)
    if found is None:
        return
    if not isinstance(found, list):
        raise MalformedOtlp(f"{name} is {_shown(found)}, not a list.", field=name)
    for one in cast("list[Any]", found):
        yield _object(one, name)


def _object(value: Any, name: str) -> Object:
    if isinstance(value, dict):
        return cast("Object", value)
    raise MalformedOtlp(f"{name} is {_shown(value)}, not an object.", field=name)


def _shown(value: Any) -> str:
    return repr(value)[:60]
