"""The requests that MLflow's traces remember, from a real MLflow server."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.otel.conftest import without
from twinline.cli.demo.mlflow_server import QUIET, MlflowProcess
from twinline.cli.mlflow_backfill import Backfill
from twinline.client import Client
from twinline.language.errors import MlflowUnavailable
from twinline.language.records import TracesTaken
from twinline.mirror.traces import PAGE, Chunk, Trace, TraceInfo, TraceReader, otlp_spans
from twinline.otel.dialects import KNOWN

NOW = datetime(2026, 1, 10, tzinfo=UTC)

WRITE = """
import mlflow, sys
from mlflow.entities import SpanType
mlflow.set_experiment("answers")
mlflow.genai.register_prompt("answer", "Answer {{ question }}.")

@mlflow.trace
def request():
    mlflow.genai.load_prompt("prompts:/answer/1")
    with mlflow.start_span("chat", span_type=SpanType.CHAT_MODEL) as span:
        span.set_attribute("mlflow.llm.model", "gpt-4o-2024-08-06")
        span.set_attribute("mlflow.llm.provider", "openai")
        span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 12, "output_tokens": 34})

for _ in range(int(sys.argv[1])):
    request()
mlflow.flush_trace_async_logging()
"""


@pytest.mark.slow
def test_mlflows_traces_become_inferences_once(
    url: str, key: str, client: Client, tmp_path: Path
) -> None:
    count = 4
    with MlflowProcess(tmp_path) as server:
        server.wait_until_ready()
        settings = {
            "MLFLOW_TRACKING_URI": server.url,
            "TWINLINE_MLFLOW_URL": server.url,
            "TWINLINE_URL": url,
            "TWINLINE_API_KEY": key,
            "TWINLINE_HOME": str(tmp_path),
        }
        ours = without("MLFLOW", "COVERAGE")

        def run(*words: str) -> str:
            command = [sys.executable, "-W", "ignore", *words]
            environment = {**ours, **QUIET, **settings}
            return subprocess.run(
                command, env=environment, check=True, stdout=subprocess.PIPE, timeout=120
            ).stdout.decode()

        run("-c", WRITE, str(count))
        backfill = ("-m", "twinline", "mlflow", "backfill", "--json")
        first = json.loads(run(*backfill, "--experiment", "answers", "--from", "20d"))
        assert (first["traces"], first["spans"], first["rejected"]) == (count, 2 * count, 0)
        goes_on = json.loads(run(*backfill, "--experiment", "answers"))
        assert (goes_on["traces"], goes_on["until"]) == (1, first["until"])
    (bundle,) = client.bundles.list()
    assert bundle.words == {"model": "openai/gpt-4o-2024-08-06", "prompt": "prompts:/answer/1"}
    service = client.lineage.impact(bundle.ref).service
    assert (service.requests, service.input_tokens) == (count, 12 * count)


def test_a_page_that_ends_within_a_moment_skips_nothing() -> None:
    """However MLflow's offsets move while traces are deleted."""
    kept = [_info(f"tr-{n}", NOW + timedelta(milliseconds=n // 130)) for n in range(330)]

    def search(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"traces": []})
        wanted = json.loads(request.content)
        since = int(wanted["filter"].split()[2])
        found = [one for one in kept if one.request_time.timestamp() * 1000 >= since]
        start = int(wanted.get("page_token", 0))
        page = found[start : start + PAGE]
        more = {"next_page_token": str(start + PAGE)} if len(found) > start + PAGE else {}
        return httpx.Response(200, json={"traces": [_sent(one) for one in page], **more})

    seen = {
        one.trace_id
        for chunk in _reader(search).chunks(["1"], NOW, _later())
        for one in chunk.infos
    }
    assert seen == {one.trace_id for one in kept}


def test_a_trace_that_is_too_large_is_named_and_the_others_are_read() -> None:
    ids = [f"tr-{n}" for n in range(30)]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("search"):
            return httpx.Response(200, json={"traces": [_sent(_info(id, NOW)) for id in ids]})
        if request.url.path == "/health":
            return httpx.Response(200, text="OK")
        asked = request.url.params.get_list("trace_ids")
        if "tr-7" in asked:
            return httpx.Response(500)
        traces = [{"trace_info": _sent(_info(id, NOW)), "spans": []} for id in asked]
        return httpx.Response(200, json={"traces": traces})

    (chunk,) = _reader(answer).chunks(["1"], NOW, _later())
    assert chunk.unread == ("tr-7",)
    assert [one.trace_info.trace_id for one in chunk.traces] == [id for id in ids if id != "tr-7"]


def test_an_mlflow_that_went_away_ends_it() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("search"):
            return httpx.Response(200, json={"traces": [_sent(_info("tr-1", NOW))]})
        return httpx.Response(503)

    with pytest.raises(MlflowUnavailable):
        list(_reader(answer).chunks(["1"], NOW, _later()))


def test_the_position_waits_for_a_trace_that_has_not_ended() -> None:
    ended = [_info("tr-1", NOW), _info("tr-3", NOW + timedelta(minutes=2))]
    running = _info("tr-2", NOW + timedelta(minutes=1), "IN_PROGRESS")
    noted: list[datetime] = []
    job = Backfill(lambda _: TracesTaken(rejected=0, why=""), noted.append, lambda _: None)
    chunks = [Chunk((ended[0],), (), ()), Chunk((running, ended[1]), (), ())]
    job.run(iter(chunks), NOW + timedelta(hours=1))
    assert noted == [NOW, running.request_time]
    noted.clear()
    job.run(iter(chunks), NOW + timedelta(days=2))
    assert noted == [NOW, ended[1].request_time]


def test_a_span_of_mlflow_is_otlp_with_what_is_looked_at() -> None:
    sent = {
        "trace_id": "qqqqqqqqqqqqqqqqqqqqqg==",
        "span_id": "u7u7u7u7u7s=",
        "start_time_unix_nano": 1,
        "end_time_unix_nano": "2",
        "status": {"code": "STATUS_CODE_ERROR", "message": ""},
        "attributes": [
            {"key": "mlflow.spanType", "value": {"string_value": "LLM"}},
            {"key": "mlflow.spanInputs", "value": {"string_value": "secret"}},
            {
                "key": "mlflow.chat.tokenUsage",
                "value": {"kvlist_value": {"values": [{"key": "n", "value": {"int_value": "7"}}]}},
            },
        ],
    }
    info = _info("tr-1", NOW).model_copy(update={"tags": {"mlflow.linkedPrompts": "[]"}})
    trace = Trace.model_validate_json(json.dumps({"trace_info": _sent(info), "spans": [sent]}))
    assert list(otlp_spans(trace, KNOWN)) == [
        {
            "traceId": "aa" * 16,
            "spanId": "bb" * 8,
            "parentSpanId": "",
            "startTimeUnixNano": "1",
            "endTimeUnixNano": "2",
            "status": {"code": "STATUS_CODE_ERROR"},
            "attributes": [
                {"key": "mlflow.spanType", "value": {"stringValue": "LLM"}},
                {"key": "mlflow.chat.tokenUsage", "value": {"stringValue": '{"n": 7}'}},
                {"key": "mlflow.linkedPrompts", "value": {"stringValue": "[]"}},
            ],
        }
    ]


def _info(id: str, at: datetime, state: str = "OK") -> TraceInfo:
    return TraceInfo(trace_id=id, request_time=at, state=state)


def _sent(info: TraceInfo) -> dict[str, Any]:
    return info.model_dump(mode="json")


def _later() -> datetime:
    return NOW + timedelta(days=1)


def _reader(answer: Callable[[httpx.Request], httpx.Response]) -> TraceReader:
    return TraceReader("http://mlflow.test", transport=httpx.MockTransport(answer))
