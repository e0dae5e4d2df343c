"""What nobody should send: each is a clear 4xx in an exporter's words, and nothing is kept."""

import gzip
import json
import random
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.otel.conftest import Send, words
from tests.support import traces
from tests.support.traces import CHAT, JSON, PROTOBUF, message, request, span
from twinline.client import Client
from twinline.language.records import Role

GOOD = message([span(CHAT)]).SerializeToString()
EMPTY = gzip.compress(b"")


def nested(depth: int) -> bytes:
    """An attribute of lists in lists, in the binary form."""
    made = message([span(CHAT)])
    value = made.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="x").value
    for _ in range(depth):
        value = value.array_value.values.add()
    return made.SerializeToString()


def in_json(**members: Any) -> bytes:
    return json.dumps(request([span(CHAT) | members])).encode()


BODIES = {
    "truncated protobuf": (400, PROTOBUF, GOOD[:-7]),
    "protobuf of something else": (400, PROTOBUF, b"\x0a\xff\xff\xff\xff\x0f"),
    "json said to be protobuf": (400, PROTOBUF, b"{}"),
    "text that is not UTF-8": (400, PROTOBUF, GOOD.replace(b"chat", b"\xff\xfe\xff\xfe")),
    "deep protobuf": (400, PROTOBUF, nested(150)),
    "truncated json": (400, JSON, in_json()[:-9]),
    "a list": (400, JSON, b"[]"),
    "spans that are none": (400, JSON, b'{"resourceSpans": [{"scopeSpans": [{"spans": [7]}]}]}'),
    "resources that are none": (400, JSON, b'{"resourceSpans": {}}'),
    "attributes that are none": (400, JSON, in_json(attributes="x")),
    "a time that is none": (400, JSON, in_json(startTimeUnixNano="soon")),
    "a time beyond 64 bits": (400, JSON, in_json(endTimeUnixNano=str(2**64))),
    "a time before all": (400, JSON, in_json(endTimeUnixNano=-1)),
    "an id that is a number": (400, JSON, in_json(spanId=7)),
    "a status that is text": (400, JSON, in_json(status="bad")),
    "NaN": (400, JSON, in_json(x=float("nan"))),
    "NUL": (400, JSON, in_json(name="a\x00b")),
    "a lone surrogate": (400, JSON, in_json(name="\ud800")),
    "a member twice": (400, JSON, b'{"resourceSpans": [], "resourceSpans": []}'),
    "deep json": (400, JSON, b"[" * 100_000 + b"]" * 100_000),
    "a value of no kind": (
        400,
        JSON,
        in_json(attributes=[{"key": "gen_ai.system", "value": {"stringValue": {}}}]),
    ),
    "another content type": (415, "text/plain", GOOD),
    "no content type": (415, "", GOOD),
}


@pytest.mark.parametrize(("status", "kind", "body"), BODIES.values(), ids=BODIES)
def test_a_body_that_is_none(
    otlp: httpx.Client, client: Client, status: int, kind: str, body: bytes
) -> None:
    answer = otlp.post("/v1/traces", content=body, headers={"Content-Type": kind} if kind else {})
    assert answer.status_code == status, answer.text
    assert len(_said(answer)) > 15
    assert list(client.bundles.list()) == []


@pytest.mark.parametrize(
    ("status", "encoding", "body", "says"),
    [
        pytest.param(400, "gzip", GOOD, "no gzip", id="not packed"),
        pytest.param(400, "gzip", gzip.compress(GOOD)[:-5], "no gzip", id="cut short"),
        pytest.param(400, "deflate", gzip.compress(GOOD)[9:], "no deflate", id="without its head"),
        pytest.param(415, "br", GOOD, "none of gzip", id="packed in another way"),
        pytest.param(413, "gzip", gzip.compress(bytes(64 << 20)), "16 MB", id="a bomb"),
        pytest.param(
            413, "gzip", gzip.compress(bytes(9 << 20)) * 2, "16 MB", id="a bomb in two parts"
        ),
        pytest.param(413, "gzip", gzip.compress(GOOD) + EMPTY * 16, "16 members", id="many parts"),
        pytest.param(413, "deflate", zlib.compress(bytes(64 << 20)), "16 MB", id="a zlib bomb"),
        pytest.param(413, "identity", bytes((16 << 20) + 1), "16 MB", id="too large as it is"),
    ],
)
def test_a_body_that_is_packed_wrongly_or_too_large(
    otlp: httpx.Client, status: int, encoding: str, body: bytes, says: str
) -> None:
    headers = {"Content-Type": PROTOBUF, "Content-Encoding": encoding}
    answer = otlp.post("/v1/traces", content=body, headers=headers)
    assert (answer.status_code, says in _said(answer)) == (status, True), answer.text


def test_a_body_that_is_packed_in_several_parts_is_taken(otlp: httpx.Client) -> None:
    headers = {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}
    body = gzip.compress(GOOD[:9]) + gzip.compress(GOOD[9:]) + EMPTY * 14
    assert traces.rejected(otlp.post("/v1/traces", content=body, headers=headers)) == (0, "")


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Authorization": "Bearer twl_wrong"}, 401), ({"Authorization": "Basic x"}, 401)],
    ids=["no key", "a wrong key", "another scheme"],
)
@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_whoever_may_not_record_is_refused_before_anything_is_read(
    url: str, headers: dict[str, str], status: int, kind: str
) -> None:
    sent = {"Content-Type": kind, **headers}
    answer = httpx.post(f"{url}/v1/traces", content=b"nonsense", headers=sent)
    assert answer.status_code == status
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "key" in _said(answer)


def test_a_reader_may_not_send_traces(url: str, issue: Callable[[Role], str]) -> None:
    headers = {"X-API-Key": issue(Role.VIEWER), "Content-Type": JSON}
    answer = httpx.post(f"{url}/v1/traces", content=b"{}", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == 7


def test_a_million_attributes_are_passed_over(otlp: httpx.Client, client: Client) -> None:
    made = message([span(CHAT | {"gen_ai.request.model": "m"})])
    one = made.resource_spans[0].scope_spans[0].spans[0]
    head = one.SerializeToString()
    empty = b"\x4a\x02\x0a\x00"  # an attribute without name and value
    one.ParseFromString(head + empty * 1_000_000)
    answer = otlp.post(
        "/v1/traces", content=made.SerializeToString(), headers={"Content-Type": PROTOBUF}
    )
    assert traces.rejected(answer) == (0, "")
    (bundle,) = client.bundles.list()
    assert bundle.words == {"model": "m"}


def test_too_many_spans_are_refused_whole(otlp: httpx.Client, client: Client) -> None:
    made = message([span(CHAT)])
    spans = made.resource_spans[0].scope_spans[0].spans
    spans.extend([spans[0]] * 20_000)
    headers = {"Content-Type": PROTOBUF}
    answer = otlp.post("/v1/traces", content=made.SerializeToString(), headers=headers)
    assert (answer.status_code, "20,000" in _said(answer)) == (413, True)


def test_parents_in_a_ring_or_a_long_row_end(send: Send, client: Client) -> None:
    ids = [f"{number:016x}" for number in range(1, 5_001)]
    row = [
        span(CHAT, trace="ab" * 16, id=id, parent=ids[number - 1]) for number, id in enumerate(ids)
    ]
    assert traces.rejected(send(*row)) == (0, "")
    (bundle,) = client.bundles.list()
    assert client.lineage.impact(bundle.ref).service.requests == len(ids)


def test_words_that_cannot_be_kept_as_they_are(otlp: httpx.Client, client: Client) -> None:
    """NUL in text is no error in protobuf, and measures that are none are unknown."""
    told = {
        "gen_ai.request.model": "a\x00b\x1b[31m" + "x" * 600,
        "gen_ai.usage.input_tokens": -1,
        "gen_ai.usage.output_tokens": 2**63 - 1,
        "gen_ai.usage.cost": float("nan"),
        "twinline.score": float("inf"),
        "twinline.slot": "no slot",
        "twinline.deployment": "many",
        "twinline.inference_id": "none",
        "mlflow.chat.tokenUsage": "[" * 100_000,
    }
    call = span({**CHAT, **{k: v for k, v in told.items() if v == v and v != float("inf")}})
    sent = message([call])
    for name in ("gen_ai.usage.cost", "twinline.score"):
        added = sent.resource_spans[0].scope_spans[0].spans[0].attributes.add(key=name)
        added.value.double_value = told[name]
    headers = {"Content-Type": PROTOBUF}
    answer = otlp.post("/v1/traces", content=sent.SerializeToString(), headers=headers)
    assert traces.rejected(answer) == (0, "")
    (one,) = client.inferences.find(trace_id=call["traceId"])
    assert one.measured.model_dump(exclude_none=True) == {"status": "ok", "latency_ms": 120}
    model = words(client, one)["model"]
    assert model.startswith("a\ufffdb\ufffd[31mxxx")
    assert (len(model), model[-1]) == (500, "…")


def test_words_that_are_long_or_empty(send: Send, client: Client) -> None:
    long = {f"gen_ai.{name}": "é" * 499 for name in ("system", "request.model", "response.model")}
    long |= {"gen_ai.prompt.name": "p" * 499, "gen_ai.prompt.version": "v" * 499}
    blank = {"gen_ai.prompt.name": " ", "gen_ai.request.model": "", "twinline.bundle": " "}
    ours = {"gen_ai.request.model": "models:/", "gen_ai.prompt.name": "prompts:/x@latest"}
    calls = [span(CHAT | one) for one in (long, blank, ours)]
    huge = {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "9" * 4_000}}
    calls[1]["attributes"].append(huge)
    assert traces.rejected(send(*calls)) == (0, "")
    found = [words(client, *client.inferences.find(trace_id=one["traceId"])) for one in calls]
    assert [len(word) for word in found[0].values()] == [500, 500]
    assert found[1:] == [{"model": "unnamed"}, {"model": "models:/", "prompt": "x@latest"}]


def test_random_bytes_never_break_it(otlp: httpx.Client) -> None:
    chance = random.Random(11)
    base = message([span(CHAT | {"gen_ai.request.model": "m"}) for _ in range(3)])
    good = base.SerializeToString()
    assert MessageToDict(ExportTraceServiceRequest.FromString(good))
    for _ in range(60):
        body = bytearray(good)
        for _ in range(chance.randint(1, 6)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        answer = otlp.post("/v1/traces", content=bytes(body), headers={"Content-Type": PROTOBUF})
        assert answer.status_code in (200, 400), answer.text


def _said(answer: httpx.Response) -> str:
    """What an error says, in whichever form it came."""
    kind = answer.headers["content-type"]
    if kind == PROTOBUF:
        code, rest = answer.content[:2], answer.content[3:]
        assert code[0] == 8
        length = rest[0] if rest[0] < 128 else rest[0] - 128 + (rest[1] << 7)
        text = rest[1 if rest[0] < 128 else 2 :].decode()
        assert len(text.encode()) == length
        return text
    found = answer.json()
    return found["message"] if kind == JSON else found["detail"]
