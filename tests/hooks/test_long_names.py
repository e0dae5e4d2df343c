"""The link from a trace to a prompt with a long name, in MLflow on PostgreSQL and here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import twinline.mlflow
from tests.client.conftest import soon
from tests.hooks.conftest import Stage, mlflow
from tests.hooks.test_calls import LONG, Shipped
from tests.support.mlflow_servers import START_SECONDS, OtherMlflow
from twinline.client import Client
from twinline.db.session import Database

SHORT = "a-short-name"


@pytest.fixture
def on_postgres(empty_database: Database, tmp_path: Path) -> Iterator[None]:
    """MLflow's client talks to a server over PostgreSQL."""
    url = empty_database.engine.url.render_as_string(hide_password=False)
    known = mlflow.get_tracking_uri()
    with OtherMlflow(tmp_path, database=url) as server:
        server.wait_until_ready(deadline_seconds=START_SECONDS)
        mlflow.set_tracking_uri(server.url)
        mlflow.set_experiment("long names")
        yield
        mlflow.flush_trace_async_logging()
        mlflow.set_tracking_uri(known)


def traces_of(prompt: str) -> list[str]:
    found = mlflow.search_traces(filter_string=f"prompt = '{prompt}/1'", return_type="list")
    return [trace.info.trace_id for trace in found]


@pytest.mark.slow
@pytest.mark.usefixtures("on_postgres")
def test_mlflow_on_postgresql_loses_the_link_and_the_ledger_keeps_it(
    stage: Stage, application: Client, shipped: Shipped
) -> None:
    traced: dict[str, str] = {}
    for name in (LONG, SHORT):  # the short one last: when it is there, both were tried
        mlflow.genai.register_prompt(name, "Answer {{ question }}")
        with mlflow.start_span("by MLflow alone") as span:
            mlflow.genai.load_prompt(f"prompts:/{name}/1")
        traced[name] = span.trace_id
        mlflow.flush_trace_async_logging()
    soon(lambda: traces_of(SHORT))
    assert traces_of(SHORT) == [traced[SHORT]]
    assert traces_of(LONG) == []

    stage.release("long@production", LONG)
    with twinline.mlflow.inference(application, "long") as call:
        pass
    kept = shipped(call.id)
    affected = stage.admin.lineage.affected(f"prompts:/{LONG}/1")
    assert (kept.id, kept.trace_id) in [(one.id, one.trace_id) for one in affected]
