"""How fast records of requests are taken, beside a bare COPY into the same table.

Run it as ``python -m tests.bench.ingest``, with the extra ``test`` installed. It starts a
PostgreSQL of its own and a server over it as ``twinline up`` starts it. The ways take
turns; after each the ledger must hold, and the rollups count, exactly what was sent. COPY
writes finished rows through one connection: nothing is looked up, counted or answered
item by item. ``processor`` is what the server's process used for a row.
"""

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.bench import stage
from tests.bench.resolve import psycopg_url
from twinline.client import Client
from twinline.language.ids import made_at, new_id

ROWS = 20_000
ROUNDS = 3
BATCHES = ((1_000, 1), (10_000, 1), (1_000, 4))
COLUMNS = (
    "id, at, slot_id, deployment, bundle_id, arm, rule, decision, trace_id, role, status,"
    " latency_ms, input_tokens, output_tokens, cost_usd"
)


@dataclass
class Way:
    """One way to write rows: takes how many, and how long each turn took for one."""

    name: str
    write: Callable[[int], None]
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Rows a second."""
        return 1 / statistics.median(self.seconds)


def measures(number: int) -> dict[str, Any]:
    return {
        "arm": "control",
        "rule": "canary",
        "decision": f"loan-{number}",
        "trace_id": f"{number:032x}",
        "latency_ms": 100.0 + number % 900,
        "input_tokens": 500,
        "output_tokens": 80,
        "cost_usd": 0.001,
    }


def bodies(rows: int, batch: int, bundles: list[str]) -> Iterator[bytes]:
    for _ in range(rows // batch):
        items = [
            {"id": str(new_id()), "slot": stage.SLOT, "deployment": 1, "status": "ok"}
            | {"bundle": bundles[number % len(bundles)], **measures(number)}
            for number in range(batch)
        ]
        yield json.dumps({"inferences": items}).encode()


def posting(http: httpx.Client, batch: int, connections: int, bundles: list[str]) -> Way:
    ready: list[bytes] = []

    def send(body: bytes) -> None:
        answer = http.post("/inferences", content=body).raise_for_status().json()
        assert answer["recorded"] == batch, {**answer, "items": answer["items"][:3]}

    def write(rows: int) -> None:
        if not ready:
            ready.extend(bodies(rows, batch, bundles))
            return  # bodies are made outside what is measured
        with ThreadPoolExecutor(connections) as threads:
            list(threads.map(send, ready))
        ready.clear()

    return Way(f"POST {batch:,} at once, {connections} at a time", write)


def copying(url: str, slot: int, bundles: list[int]) -> Way:
    ready: list[tuple[Any, ...]] = []

    def write(rows: int) -> None:
        if not ready:
            for number in range(rows):
                id, known = new_id(), measures(number)
                arm, rule, decision, trace, latency, *tokens = known.values()
                chosen = bundles[number % len(bundles)]
                routed = (id, made_at(id), slot, 1, chosen, arm, rule, decision, trace)
                ready.append((*routed, 0, 0, latency, *tokens))
            return
        with (
            psycopg.connect(url) as connection,
            connection.cursor().copy(f"copy inference ({COLUMNS}) from stdin") as copy,
        ):
            for row in ready:
                copy.write_row(row)
        ready.clear()

    return Way("bare COPY", write)


def used(pid: int) -> float:
    """Processor seconds that a process used until now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def turn(way: Way, pid: int) -> None:
    way.write(ROWS)
    begun, before = time.perf_counter(), used(pid)
    way.write(ROWS)
    way.seconds.append((time.perf_counter() - begun) / ROWS)
    way.processor.append((used(pid) - before) / ROWS)


def check(connection: "psycopg.Connection[Any]", sent: int, counted: int) -> None:
    for query, expected in (
        ("select count(*) from inference", sent),
        ("select coalesce(sum(requests), 0) from rollup_day", counted),
        ("select coalesce(sum(requests), 0) from rollup_hour", counted),
    ):
        found = connection.execute(query).fetchone()
        assert found == (expected,), f"{query}: {found}, not {expected}"
    connection.rollback()


def main() -> None:
    print(f"{os.cpu_count()} processors; {os.getloadavg()[0]:.1f} programs want one already")
    with stage.opened() as on:
        server = on.server("server")
        url = psycopg_url(on.database_url)
        key = stage.key_of(server)
        with Client(server.url, key) as client:
            bundles = stage.make_bundles(client)
            policy = stage.policy(bundles)
            client.slots.deploy(stage.SLOT, policy=policy, reason="bench", expected=0)
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        with (
            httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=60) as http,
            psycopg.connect(url) as connection,
        ):
            ids = [row[0] for row in connection.execute("select node_id from bundle")]
            slot = connection.execute("select id from slot").fetchone()
            assert slot is not None
            connection.rollback()
            copy = copying(url, slot[0], ids)
            ways = [copy, *(posting(http, *size, bundles) for size in BATCHES)]
            sent = counted = 0
            for _ in range(ROUNDS):
                for way in ways:
                    turn(way, server.process.pid)
                    sent, counted = sent + ROWS, counted + (ROWS if way is not copy else 0)
                    check(connection, sent, counted)
    print(f"rows a second, of {ROWS:,} in each of {ROUNDS} turns          to COPY   processor")
    for way in ways:
        processor = statistics.median(way.processor) * 1e6
        print(f"{way.name:32}{way.rate:10,.0f}{way.rate / copy.rate:17.2f} x{processor:8.1f} us")


if __name__ == "__main__":
    main()
