"""The exporters that people have, unmodified: OpenTelemetry's own and MLflow's dual export."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.otel.conftest import without
from twinline.cli.demo.mlflow_server import QUIET
from twinline.client import Client
from twinline.language.records import NewModelVersion, Role

EXPORT = """
import time
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

class Noted(OTLPSpanExporter):
    def export(self, spans):
        print(super().export(spans).name, len(spans))

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Noted()))
tracer = provider.get_tracer("app")
with tracer.start_as_current_span("request", attributes={"twinline.slot": "answer@production"}):
    with tracer.start_as_current_span("chat gpt-4o", attributes={
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.prompt.name": "support/answer",
        "gen_ai.prompt.version": 1,
        "gen_ai.usage.output_tokens": 34,
    }):
        pass
provider.shutdown()
"""

DUAL = """
import mlflow
from mlflow.entities import SpanType

mlflow.set_experiment("answers")
prompt = mlflow.genai.register_prompt("answer", "Answer {{ question }}.")

@mlflow.trace
def request():
    loaded = mlflow.genai.load_prompt("prompts:/answer/1")
    with mlflow.start_span("chat", span_type=SpanType.CHAT_MODEL) as span:
        span.set_attribute("mlflow.llm.model", "gpt-4o-2024-08-06")
        span.set_attribute("mlflow.llm.provider", "openai")
        span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 12, "output_tokens": 34})
        span.set_attribute("mlflow.llm.cost", {"total_cost": 0.25})

request()
mlflow.flush_trace_async_logging()
"""


@pytest.fixture
def run(url: str, issue: Callable[[Role], str], tmp_path: Path) -> Callable[..., str]:
    """Run a program whose exporter is set up by the environment alone; what it printed."""

    def ran(program: str, **more: str) -> str:
        ours = without("MLFLOW", "COVERAGE")
        key = issue(Role.SERVICE)
        settings = {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{url}/v1/traces",
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{key}",
        }
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            env={**ours, **settings, **{k: v.format(key=key) for k, v in more.items()}},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return ran


@pytest.fixture
def gpt(client: Client) -> None:
    new = NewModelVersion(name="gpt-4o", source_uri="openai:/gpt-4o-2024-08-06")
    client.models.register(new)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"},
        {"OTEL_EXPORTER_OTLP_HEADERS": "x-api-key={key}"},
    ],
    ids=["plain", "gzip", "our own header"],
)
def test_opentelemetrys_exporter(
    run: Callable[..., str], client: Client, gpt: None, settings: dict[str, str]
) -> None:
    client.prompts.create("support/answer", "Answer {{ question }}.")
    assert run(EXPORT, **settings) == "SUCCESS 2\n"
    (bundle,) = client.bundles.list()
    assert (str(bundle.model), str(bundle.prompt)) == (
        "models:/gpt-4o/1", "prompts:/support/answer/1",
    )  # fmt: skip
    service = client.lineage.impact(bundle.ref).service
    assert (service.requests, service.output_tokens) == (1, 34)
    (slot,) = client.slots.list()
    assert slot.ref.short == "answer@production"


def test_an_exporter_without_a_key_is_told_so(run: Callable[..., str], client: Client) -> None:
    assert run(EXPORT, OTEL_EXPORTER_OTLP_HEADERS="x-none=1") == "FAILURE 2\n"
    assert list(client.bundles.list()) == []


@pytest.mark.slow
def test_mlflows_dual_export(
    run: Callable[..., str], client: Client, gpt: None, tmp_path: Path
) -> None:
    client.prompts.create("answer", "Answer {{ question }}.")
    run(
        DUAL,
        MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path / 'mlflow.db'}",
        MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT="true",
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="http/protobuf",  # MLflow's default is gRPC
        **QUIET,
    )
    (bundle,) = client.bundles.list()
    assert (str(bundle.model), str(bundle.prompt)) == ("models:/gpt-4o/1", "prompts:/answer/1")
    service = client.lineage.impact(bundle.ref).service
    assert (service.requests, service.input_tokens, service.cost_usd) == (1, 12, 0.25)


OURSELVES = """
import asyncio, httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from twinline.app import make_app
from twinline.db.session import connect

spans = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
app = make_app(connect("postgresql://nowhere.invalid/x"))

async def ask():
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://twinline"
    ) as http:
        await http.get("/healthz")
        await http.post("/v1/traces", headers={"Content-Type": "application/json"})

asyncio.run(ask())
print(*(span.name for span in spans.get_finished_spans() if span.kind.name == "SERVER"))
"""


def test_taking_traces_leaves_no_trace_of_itself(run: Callable[..., str]) -> None:
    """Else a server that exports to itself would never be done."""
    assert run(OURSELVES, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="") == "GET /healthz\n"
