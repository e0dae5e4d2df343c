"""Hooks in programs of their own: without MLflow, without its server, with what it loads of us."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from tests.hooks.conftest import ROUTE, Stage, mlflow

ROOT = Path(__file__).parents[2]

ANSWER = f"""
import sys, twinline.mlflow
from pathlib import Path
from twinline import Client
url, key, folder = sys.argv[1:]
with Client(url, key, folder=Path(folder)) as client:
    with twinline.mlflow.inference(client, "{ROUTE}") as call:
        pass
    print(call.id, call.trace_id, call.spooled)
"""
WITHOUT_MLFLOW = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "mlflow":
            raise ModuleNotFoundError("MLflow is not installed here", name=name)

sys.meta_path.insert(0, Absent())
"""


def run(program: str, *arguments: object, **environment: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip().splitlines()[-1]


def test_without_mlflow_the_inference_is_recorded(stage: Stage, tmp_path: Path) -> None:
    said = run(WITHOUT_MLFLOW + ANSWER, stage.url, stage.key, tmp_path)
    id, trace_id, spooled = said.split()
    kept = stage.inference(id)
    assert spooled == "True"
    assert (kept.trace_id, kept.bundle) == (trace_id, stage.bundle.ref)


def test_without_mlflow_s_server_the_inference_is_recorded(stage: Stage, tmp_path: Path) -> None:
    away = {
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "true",
    }
    id, trace_id, _ = run(ANSWER, stage.url, stage.key, tmp_path, **away).split()
    assert stage.inference(id).trace_id == trace_id


EXPORTED = f"""
import sys, mlflow, twinline.mlflow
from pathlib import Path
from twinline import Client
url, key, folder = sys.argv[1:]
with Client(url, key, folder=Path(folder)) as client:
    try:
        with twinline.mlflow.inference(client, "{ROUTE}") as call:
            for tokens in (5, 7):
                with mlflow.start_span("llm", span_type="LLM") as span:
                    span.set_attribute("mlflow.chat.tokenUsage", {{"input_tokens": tokens}})
            1 / 0
    except ZeroDivisionError:
        pass
mlflow.flush_trace_async_logging()
print(call.id)
"""


def test_spans_that_are_exported_to_us_too_change_no_measure(stage: Stage, tmp_path: Path) -> None:
    """What the hook says of the whole stands, however late the spans of its parts come."""
    dual = {
        "MLFLOW_TRACKING_URI": stage.mlflow.url,
        "MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT": "true",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{stage.url}/v1/traces",
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={stage.key}",
    }
    before = parts(stage)
    id = UUID(run(EXPORTED, stage.url, stage.key, tmp_path, **dual))
    assert parts(stage) - before >= 2
    httpx.post(
        f"{stage.url}/v1/traces", json={}, headers={"X-API-Key": stage.key}
    ).raise_for_status()  # by now the inference is here: what waited for it is settled
    told = stage.admin.inferences.explain(id)
    assert told.outcomes == ()
    assert (told.inference.measured.status, told.inference.measured.input_tokens) == ("error", 12)


def parts(stage: Stage) -> int:
    """How many spans came that belong to an inference, or to none."""
    lines = httpx.get(f"{stage.url}/metrics").text.splitlines()
    spans = [line for line in lines if line.startswith("twinline_otlp_spans_total{")]
    return sum(int(line.rpartition(" ")[2]) for line in spans)


def entry_points(folder: Path) -> Path:
    """A folder that says which entry points this project has, as if it were installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    info = folder / "hooks_under_test-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hooks-under-test\nVersion: 1\n")
    lines = [
        line
        for group, points in project["entry-points"].items()
        if group == "mlflow.run_context_provider"
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


RUN_INSIDE = f"""
import sys, warnings
warnings.simplefilter("error", UserWarning)  # how MLflow says that it could not load ours
import mlflow
heavy = {{"httpx", "pydantic_settings", "twinline.client"}} & set(sys.modules)
assert "twinline.mlflow.run_tags" in sys.modules
assert not heavy, heavy
warnings.simplefilter("ignore")
import twinline.mlflow
from pathlib import Path
from twinline import Client
url, key, folder = sys.argv[1:]
with mlflow.start_run() as before:
    pass
with Client(url, key, folder=Path(folder)) as client:
    with twinline.mlflow.inference(client, "{ROUTE}") as call:
        with mlflow.start_run() as inside:
            pass
print(before.info.run_id, inside.info.run_id, call.id)
"""


def test_a_run_that_begins_inside_a_call_says_so(stage: Stage, tmp_path: Path) -> None:
    """By the entry point, which loads nothing heavy while MLflow is being imported."""
    path = f"{ROOT / 'src'}{os.pathsep}{entry_points(tmp_path)}"
    said = run(
        RUN_INSIDE,
        stage.url,
        stage.key,
        tmp_path / "client",
        PYTHONPATH=path,
        MLFLOW_TRACKING_URI=stage.mlflow.url,
    )
    before, inside, id = said.split()
    tags = {run_id: mlflow.get_run(run_id).data.tags for run_id in (before, inside)}
    ours = {name: value for name, value in tags[inside].items() if name.startswith("twinline.")}
    assert ours == {
        "twinline.bundle": str(stage.bundle.ref),
        "twinline.slot": f"routes:/{ROUTE}@production",
        "twinline.inference_id": id,
    }
    assert not any(name.startswith("twinline.") for name in tags[before])


@pytest.mark.parametrize("module", ["twinline.mlflow", "twinline.mlflow.run_tags"])
def test_importing_hooks_loads_nothing_but_hooks(module: str) -> None:
    program = f"import sys, {module}; print('!', *sorted(sys.modules))"
    loaded = run(program).split()
    assert not {"httpx", "pydantic", "mlflow", "opentelemetry"} & set(loaded)
    assert {name for name in loaded if name.startswith("twinline")} <= {
        "twinline",
        "twinline.mlflow",
        module,
    }
