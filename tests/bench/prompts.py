"""Reading a prompt by its label, beside MLflow's server reading one by its alias.

    python tests/bench/prompts.py [SECONDS]

It starts a ``twinline up`` over a PostgreSQL of its own and an MLflow (one worker, SQLite),
gives both the same prompt, and reads it in turns of SECONDS (3), in two ways. By their
addresses, from one load generator with eight connections: our native one, Langfuse's, and
MLflow's by the requests that its own ``load_prompt`` sends, recorded from it. And as
applications do, through a client in a process of its own, one read after the other: ours, the
unmodified Langfuse SDK over our server, and ``load_prompt``; the SDK and MLflow without their
caches. Medians of several rounds; a prompt is read when all of its requests are answered. Ends
with 1 when we read less than five times as fast as ``load_prompt`` by address or by client.
"""

import json
import os
import statistics
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import requests
from rich.console import Console
from rich.table import Table

from tests.bench.load import http_turn
from tests.bench.stage import key_of, opened
from tests.support.environments import python_with
from twinline.cli.demo.mlflow_server import QUIET, MlflowProcess
from twinline.client import Client

SECONDS = 3.0
ROUNDS = 5
CONNECTIONS = 8
TIMES_MIN = 5
"""How many times as fast as MLflow we read, at least."""
SDK = "langfuse==5.0.4"
READER = Path(__file__).with_name("prompt_reader.py")
NAME, TEXT = "answer", "Answer {{question}} in one sentence, for {{tenant}}."


class Turn(NamedTuple):
    """What a turn read: prompts in a second, and the median of one read in ms."""

    rate: float
    middle_ms: float


Take = Callable[[float], Turn]
"""Reads for so many seconds."""


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


def by_address(port: int, asked: list[bytes]) -> Take:
    """Eight connections, each asking again when it is answered."""

    def take(seconds: float) -> Turn:
        taken = http_turn([port], CONNECTIONS, asked, seconds)
        rate = len(taken.each) / len(asked) / taken.whole * 1e9
        return Turn(rate, statistics.median(taken.each) / 1e6 * len(asked))

    return take


def by_client(stack: ExitStack, python: Path, kind: str, url: str, key: str) -> Take:
    """A client in a process of its own, which reads one after the other."""
    told = {"PUBLIC_KEY": key[:12], "SECRET_KEY": key, "HOST": url, "BASE_URL": url}
    told |= {"TRACING_ENABLED": "false"}
    ours = os.environ if python == Path(sys.executable) else {"PATH": os.environ["PATH"]}
    reader = stack.enter_context(
        subprocess.Popen(
            [str(python), str(READER), kind, url, NAME],
            env={**ours, **QUIET, **{f"LANGFUSE_{name}": value for name, value in told.items()}},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    stack.callback(reader.kill)

    def take(seconds: float) -> Turn:
        assert reader.stdin is not None
        assert reader.stdout is not None
        print(seconds, file=reader.stdin, flush=True)
        each = json.loads(reader.stdout.readline())
        return Turn(len(each) / sum(each) * 1e9, statistics.median(each) / 1e6)

    return take


def measured(sides: dict[str, Take], seconds: float) -> dict[str, Turn]:
    """The median of several rounds, in which the sides take turns; the first warms up."""
    turns: dict[str, list[Turn]] = {name: [] for name in sides}
    for round in range(ROUNDS + 1):
        for name, take in sides.items():
            turn = take(seconds)
            turns[name] += [turn] if round else []
    return {
        name: Turn(*(statistics.median(values) for values in zip(*taken, strict=True)))
        for name, taken in turns.items()
    }


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    sdk, us = python_with(SDK), Path(sys.executable)
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
        theirs = [get(mlflow.port, path) for path in paths]
        by_addresses = {
            "twinline, GET by label": by_address(ours, [native]),
            "twinline, Langfuse's GET": by_address(ours, [face]),
            "MLflow, its GET of the alias": by_address(
                mlflow.port, [one for one in theirs if b"/alias" in one][:1]
            ),
            f"MLflow, load_prompt ({len(paths)} GETs)": by_address(mlflow.port, theirs),
        }
        with ExitStack() as stack:
            by_clients = {
                "twinline, its client": by_client(stack, us, "twinline", server.url, key),
                f"twinline, {SDK} uncached": by_client(stack, sdk, "langfuse", server.url, key),
                "MLflow, load_prompt": by_client(stack, us, "mlflow", mlflow.url, key),
            }
            times = [
                show(f"by address, {CONNECTIONS} connections", measured(by_addresses, seconds)),
                show("by client, one after the other", measured(by_clients, seconds)),
            ]
    return 0 if min(times) >= TIMES_MIN else 1


def show(title: str, turns: dict[str, Turn]) -> float:
    """Print a table; how many times as fast the first side is as the last, `load_prompt`."""
    table = Table("read", "prompts/s", "p50 ms", "of load_prompt", title=title)
    ours, *_, theirs = turns.values()
    for name, turn in turns.items():
        ratio = f"{turn.rate / theirs.rate:.1f}x"
        table.add_row(name, f"{turn.rate:,.0f}", f"{turn.middle_ms:.1f}", ratio)
    Console().print(table)
    return ours.rate / theirs.rate


if __name__ == "__main__":
    sys.exit(main())
