"""Reading a prompt by its label, beside MLflow's server reading one by its alias.

    python tests/bench/prompts.py [SECONDS]

It starts a ``twinline up`` over a PostgreSQL of its own and an MLflow (one worker, SQLite),
gives both the same prompt, and asks each in turns of SECONDS (3) by the same load generator:
our native address, Langfuse's, and MLflow by the requests that its own ``load_prompt``
sends, recorded from it, without its cache. Medians of several rounds; a prompt is read when
all of its requests are answered. The first of MLflow's rows is its single look at the alias.
"""

import os
import statistics
import sys
from base64 import b64encode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from rich.console import Console
from rich.table import Table

from tests.bench.load import http_turn
from tests.bench.stage import key_of, opened
from twinline.cli.demo.mlflow_server import QUIET, MlflowProcess
from twinline.client import Client

SECONDS = 3.0
ROUNDS = 5
CONNECTIONS = 8
NAME, TEXT = "answer", "Answer {{question}} in one sentence, for {{tenant}}."


def get(port: int, path: str, **headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Accept: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def sent_by_load_prompt(url: str) -> list[str]:
    """What MLflow's client asks for one prompt by its alias; the prompt is made first."""
    os.environ.update(QUIET)
    import mlflow

    mlflow.set_tracking_uri(url)
    mlflow.genai.register_prompt(NAME, TEXT)
    mlflow.genai.set_prompt_alias(NAME, "production", 1)
    paths: list[str] = []
    send = requests.Session.send

    def noted(self: requests.Session, request: Any, **options: Any) -> requests.Response:
        paths.append(request.path_url)
        assert request.method == "GET"
        return send(self, request, **options)

    requests.Session.send = noted  # only to see what is sent
    try:
        prompt = mlflow.genai.load_prompt(f"prompts:/{NAME}@production", cache_ttl_seconds=0)
    finally:
        requests.Session.send = send
    assert prompt.template == TEXT
    return paths


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with opened() as stage, TemporaryDirectory() as folder, MlflowProcess(Path(folder)) as mlflow:
        server = stage.server("bench")
        key = key_of(server)
        with Client(server.url, key) as client:
            client.prompts.create(NAME, TEXT, labels=["production"])
        mlflow.wait_until_ready()
        paths = sent_by_load_prompt(mlflow.url)
        ours = int(server.url.rpartition(":")[2])
        basic = b64encode(f"{key[:12]}:{key}".encode()).decode()
        native = get(ours, f"/api/v1/prompts/{NAME}?label=production", X_API_Key=key)
        face = get(ours, f"/api/public/v2/prompts/{NAME}", Authorization=f"Basic {basic}")
        alias = next(path for path in paths if "/alias" in path)
        sides = {
            "twinline, GET by label": (ours, [native]),
            "twinline, Langfuse's GET": (ours, [face]),
            "MLflow, its GET of the alias": (mlflow.port, [get(mlflow.port, alias)]),
            f"MLflow, load_prompt ({len(paths)} GETs)": (
                mlflow.port,
                [get(mlflow.port, path) for path in paths],
            ),
        }
        rates: dict[str, list[float]] = {name: [] for name in sides}
        middle: dict[str, list[float]] = {name: [] for name in sides}
        for round in range(ROUNDS + 1):
            for name, (port, asked) in sides.items():
                taken = http_turn([port], CONNECTIONS, asked, seconds)
                if round:  # the first warms up
                    rates[name].append(len(taken.each) / len(asked) / taken.whole * 1e9)
                    middle[name].append(statistics.median(taken.each) / 1e6 * len(asked))
    show(rates, middle)


def show(rates: dict[str, list[float]], middle: dict[str, list[float]]) -> None:
    table = Table(
        "read", "prompts/s", "p50 ms", "of load_prompt", title=f"{CONNECTIONS} connections"
    )
    *_, theirs = rates.values()
    for name, measured in rates.items():
        rate = statistics.median(measured)
        ratio = f"{rate / statistics.median(theirs):.1f}x"
        table.add_row(name, f"{rate:,.0f}", f"{statistics.median(middle[name]):.1f}", ratio)
    Console().print(table)


if __name__ == "__main__":
    main()
