"""Read the traces that MLflow keeps, in the order of their time.

Pages are found by time and not by MLflow's page tokens, which are offsets: a trace that
is deleted meanwhile would make them skip another.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import Field

from twinline.language.errors import MlflowUnavailable
from twinline.language.nearest import not_found
from twinline.language.records import Instant, Json
from twinline.mirror.answers import Answer, Text
from twinline.mirror.asking import Asking
from twinline.mirror.remote import MlflowServer

PAGE = 100
TOGETHER = 25
"""Traces that are read in one request: less than 16 MB, as a rule."""
LINKED_PROMPTS = "mlflow.linkedPrompts"
RUNNING = "IN_PROGRESS"


class TraceInfo(Answer):
    """What MLflow knows about a trace, without its spans."""

    trace_id: Text
    request_time: Instant
    state: Text = ""
    tags: dict[str, Text] = Field(default_factory=dict[str, Text])


class Page(Answer):
    """The answer of ``traces/search``."""

    traces: tuple[TraceInfo, ...] = ()
    next_page_token: str = ""


class Value(Answer):
    """OpenTelemetry's ``AnyValue`` in protobuf's JSON: one of these is set."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | None = None
    double_value: float | None = None
    array_value: "Values | None" = None
    kvlist_value: "Members | None" = None

    def plain(self) -> Any:
        """The value without its wrapping; None when it is none of these."""
        if self.array_value is not None:
            return [one.plain() for one in self.array_value.values]
        if self.kvlist_value is not None:
            return {one.key: one.value.plain() for one in self.kvlist_value.values}
        scalars = (self.string_value, self.bool_value, self.int_value, self.double_value)
        return next((one for one in scalars if one is not None), None)


class Member(Answer):
    """An attribute, or a member of a list of them."""

    key: str
    value: Value = Field(default_factory=Value)


class Values(Answer):
    """A list of values."""

    values: tuple[Value, ...] = ()


class Members(Answer):
    """A list of members."""

    values: tuple[Member, ...] = ()


class SpanStatus(Answer):
    """How a span ended: a code of OpenTelemetry's by name."""

    code: str | int = 0


class SentSpan(Answer):
    """A span as OpenTelemetry's message has it in protobuf's JSON: ids in base64."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes = b""
    start_time_unix_nano: int = 0
    end_time_unix_nano: int = 0
    status: SpanStatus = SpanStatus()
    attributes: tuple[Member, ...] = ()


class Trace(Answer):
    """A trace with its spans."""

    trace_info: TraceInfo
    spans: tuple[SentSpan, ...] = ()


class Traces(Answer):
    """The answer of ``traces/batchGet``."""

    traces: tuple[Trace, ...] = ()


class Experiment(Answer):
    """An experiment, by id and name."""

    experiment_id: str
    name: Text = ""


class Experiments(Answer):
    """A page of ``experiments/search``."""

    experiments: tuple[Experiment, ...] = ()
    next_page_token: str = ""


class Chunk(NamedTuple):
    """Traces of a page, in the order of their time; ``unread`` are those that are too large
    to be read, by their ids."""

    infos: tuple[TraceInfo, ...]
    traces: tuple[Trace, ...]
    unread: tuple[str, ...]


class TraceReader(MlflowServer):
    """Reads the traces of an MLflow server; see `MlflowServer`. Every request has a deadline
    of its own."""

    def experiments(self, names: Sequence[str]) -> dict[str, str]:
        """The ids of experiments by name; without names, of all that are active.

        Raises:
            NotFound: there is no active experiment of a name.
        """
        known = self.ask(_experiments)
        for name in names:
            if name not in known:
                raise not_found("MLflow experiment", name, known)
        return {name: known[name] for name in names} if names else known

    def chunks(
        self, experiments: Sequence[str], since: datetime, until: datetime
    ) -> Iterator[Chunk]:
        """The traces of these experiments from a time up to another, the oldest first.

        Those of the moment at which a page ends may come twice.
        """
        at, token = _milliseconds(since), ""
        while True:
            page = self._page(experiments, at, _milliseconds(until), token)
            if page.traces:
                ids = [one.trace_id for one in page.traces if one.state != RUNNING]
                yield Chunk(page.traces, *self._whole(ids))
            if not page.next_page_token:
                return
            newest = _milliseconds(page.traces[-1].request_time) if page.traces else at
            at, token = (newest, "") if newest > at else (at, page.next_page_token)

    def _page(self, experiments: Sequence[str], since: int, until: int, token: str) -> Page:
        where = [
            {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": id}}
            for id in experiments
        ]
        wanted: dict[str, Any] = {
            "locations": where,
            "filter": f"timestamp_ms >= {since} AND timestamp_ms < {until}",
            "max_results": PAGE,
            "order_by": ["timestamp_ms ASC"],
            **({"page_token": token} if token else {}),
        }

        async def read(server: Asking) -> Page:
            return await server.search_traces(Page, wanted)

        return self.ask(read)

    def _whole(self, ids: Sequence[str]) -> tuple[tuple[Trace, ...], tuple[str, ...]]:
        """Traces with their spans; a group that cannot be read is read in halves."""
        found: list[Trace] = []
        unread: list[str] = []
        waiting = [list(ids[start : start + TOGETHER]) for start in range(0, len(ids), TOGETHER)]
        while waiting:
            group = waiting.pop(0)
            try:
                found += self._read(group)
            except MlflowUnavailable:
                if not self.reachable():
                    raise
                if len(group) == 1:
                    unread += group
                else:
                    half = len(group) // 2
                    waiting[:0] = [group[:half], group[half:]]
        return tuple(found), tuple(unread)

    def _read(self, ids: Sequence[str]) -> tuple[Trace, ...]:
        async def read(server: Asking) -> Traces:
            return await server.traces(Traces, ids)

        return self.ask(read).traces


async def _experiments(server: Asking) -> dict[str, str]:
    found: dict[str, str] = {}
    more = {"max_results": "1000"}
    while True:
        page = await server.ask(Experiments, "experiments/search", **more)
        if page is None:
            return found
        found |= {one.name: one.experiment_id for one in page.experiments}
        if not page.next_page_token:
            return found
        more["page_token"] = page.next_page_token


def otlp_spans(trace: Trace, known: frozenset[str]) -> Iterator[Json]:
    """The spans of a trace in OTLP's JSON, with those attributes that are ``known``.

    A prompt that is linked to the trace is linked to its root, as spans have it.
    """
    linked = trace.trace_info.tags.get(LINKED_PROMPTS)
    for sent in trace.spans:
        attributes = {one.key: one.value.plain() for one in sent.attributes if one.key in known}
        if linked and not sent.parent_span_id:
            attributes.setdefault(LINKED_PROMPTS, linked)
        yield {
            "traceId": _hex(sent.trace_id),
            "spanId": _hex(sent.span_id),
            "parentSpanId": _hex(sent.parent_span_id),
            "startTimeUnixNano": str(sent.start_time_unix_nano),
            "endTimeUnixNano": str(sent.end_time_unix_nano),
            "status": {"code": sent.status.code},
            "attributes": [
                {"key": name, "value": {"stringValue": _text(value)}}
                for name, value in attributes.items()
            ],
        }


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _hex(encoded: bytes) -> str:
    try:
        return base64.b64decode(encoded).hex()
    except binascii.Error:
        return ""


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
