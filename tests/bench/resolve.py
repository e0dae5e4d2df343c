"""How fast a server resolves, beside the endpoint that one writes first.

Run it as ``python -m tests.bench.resolve``, with the extra ``test`` installed. It starts
a PostgreSQL of its own, two servers over it as ``twinline up`` starts them, and the
naive endpoint of ``naive.py`` over the same database; the load comes from one more
process. The lanes take turns. After each turn the database must hold exactly as many
more inferences, and count as many more in its rollups, as were answered.

Every request passes five rules into a split in three. ``durable`` is with the record
committed before the answer leaves, ``no record`` the same without; ``statement`` is what
a durable answer waits for, alone: the recording statement with one row, prepared, on
one connection. All share this machine's processors: ``two workers`` can only be as much
faster as there are processors left for the second.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.bench import stage
from tests.bench.load import Taken, http_turn, statement_turn
from twinline.inferences.store import RECORD_STATEMENT
from twinline.language.ids import new_id
from twinline.language.refs import BundleRef

SECONDS = 4.0
WARM_SECONDS = 1.0
ROUNDS = 2
REQUESTS = 1_000
MANY = 64
ROWS_PER_SECOND = 5_000
ROOT = Path(__file__).parents[2]
LEDGER, NAIVE = "inference", "naive"


@dataclass
class Lane:
    """One way to answer: a turn of it for some seconds, and the table that it fills."""

    name: str
    turn: Callable[[float], Taken]
    fills: str | None
    turns: list[Taken] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self._answered / (sum(taken.whole for taken in self.turns) / 1e9)

    @property
    def _answered(self) -> int:
        return sum(len(taken.each) for taken in self.turns)

    def milliseconds(self) -> tuple[float, float]:
        """p50 and p99."""
        cuts = statistics.quantiles((ns for taken in self.turns for ns in taken.each), n=100)
        return cuts[49] / 1e6, cuts[98] / 1e6


def requests(key: str, *, record: bool) -> list[bytes]:
    return [_request(key, number, record=record) for number in range(REQUESTS)]


def _request(key: str, number: int, *, record: bool) -> bytes:
    wanted = {
        "route": stage.ROUTE,
        "environment": stage.ENVIRONMENT,
        "context": stage.context_of(number),
        "record": record,
    }
    body = json.dumps(wanted).encode()
    head = (
        "POST /api/v1/resolve HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"X-API-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def rows(bundles: list[str], count: int) -> list[str]:
    """Rows as a server makes them, each a batch of its own."""
    units = [new_id().hex[16:] for _ in range(REQUESTS)]
    digests = [BundleRef.parse(bundle).digest for bundle in bundles]
    return [_row(number, digests, units[number % REQUESTS]) for number in range(count)]


def _row(number: int, digests: list[str], unit: str) -> str:
    at = number % len(digests)
    row = {
        "route": stage.ROUTE,
        "environment": stage.ENVIRONMENT,
        "deployment": 1,
        "bundle": digests[at],
        "assigned": None,
        "arm": list(stage.ARMS)[at],
        "rule": "eu",
        "reason": "split",
        "experiment": stage.ROUTE,
        "role": 0,
        "served_from": "server",
        "manifest_version": 1,
        "id": str(new_id()),
        "at": datetime.now(UTC).isoformat(),
        "unit": unit,
        "stale_seconds": 0.0,
        "context_digest": "ab" * 32,
    }
    return json.dumps([row])


@contextmanager
def naive_server(url: str) -> Iterator[int]:
    """The naive endpoint in a process of its own; its port."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.naive"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"NAIVE_DATABASE_URL": url},
    )
    assert server.stdout is not None
    with server:
        port = int(server.stdout.readline())
        try:
            yield port
        finally:
            server.terminate()


def lanes(load: Executor, on: stage.Stage, naive: int) -> list[Lane]:
    first, second = on.server("first"), on.server("second")
    key = stage.key_of(first)
    with first.client(key) as client:
        bundles = stage.make_bundles(client)
        client.slots.deploy(stage.SLOT, policy=stage.policy(bundles), reason="bench", expected=0)
    ports = [urlsplit(server.url).port or 0 for server in (first, second)]
    plain, durable = requests(key, record=False), requests(key, record=True)

    def http(ports: list[int], connections: int, sent: list[bytes]) -> Callable[[float], Taken]:
        return lambda seconds: load.submit(http_turn, ports, connections, sent, seconds).result()

    def statement(seconds: float) -> Taken:
        made = rows(bundles, int(seconds * ROWS_PER_SECOND))
        url = psycopg_url(on.database_url)
        return load.submit(statement_turn, url, RECORD_STATEMENT, made, seconds).result()

    return [
        Lane("no record, 64", http(ports[:1], MANY, plain), None),
        Lane("durable, 64", http(ports[:1], MANY, durable), LEDGER),
        Lane("two workers, 64", http(ports, MANY, durable), LEDGER),
        Lane("naive, 64", http([naive], MANY, durable), NAIVE),
        Lane("no record, 1", http(ports[:1], 1, plain), None),
        Lane("durable, 1", http(ports[:1], 1, durable), LEDGER),
        Lane("statement, 1", statement, LEDGER),
    ]


def psycopg_url(url: str) -> str:
    return url.replace("+psycopg", "", 1)


def checked(lane: Lane, seconds: float, url: str) -> Taken:
    """A turn of a lane; leaves when the database holds another number than were answered."""
    with psycopg.connect(psycopg_url(url), autocommit=True) as connection:
        before = _counts(connection)
        taken = lane.turn(seconds)
        added = [now - then for now, then in zip(_counts(connection), before, strict=True)]
    answered = len(taken.each)
    expected = [answered * (lane.fills == table) for table in (LEDGER, LEDGER, NAIVE)]
    if added != expected:
        sys.exit(f"{lane.name}: answered {answered}, ledger, rollup and naive got {added}")
    return taken


def _counts(connection: psycopg.Connection) -> list[int]:
    """Inferences, inferences as the rollup counts them, and rows of the naive table."""
    counts = connection.execute(
        "select (select count(*) from inference),"
        " (select coalesce(sum(requests), 0)::bigint from rollup_day),"
        " (select count(*) from naive)"
    ).fetchone()
    assert counts is not None
    return list(counts)


def measure(all_lanes: list[Lane], url: str) -> None:
    for lane in all_lanes:
        checked(lane, WARM_SECONDS, url)
    for _ in range(ROUNDS):
        for lane in all_lanes:
            lane.turns.append(checked(lane, SECONDS, url))


def report(all_lanes: list[Lane]) -> None:
    print("lane, connections     requests/s   p50 ms   p99 ms  p99/p50")
    for lane in all_lanes:
        p50, p99 = lane.milliseconds()
        print(f"{lane.name:20} {lane.rate:11,.0f} {p50:8.2f} {p99:8.2f} {p99 / p50:8.2f}")
    rate = {lane.name: lane.rate for lane in all_lanes}
    p50s = {lane.name: lane.milliseconds()[0] for lane in all_lanes}
    print("requests/s")
    for name, beside in (
        ("durable, 64", "no record, 64"),
        ("durable, 64", "naive, 64"),
        ("two workers, 64", "durable, 64"),
    ):
        print(f"{name + ' / ' + beside:44} {rate[name] / rate[beside]:6.2f} x")
    ratio = p50s["durable, 1"] / (p50s["no record, 1"] + p50s["statement, 1"])
    print(f"p50\n{'durable, 1 / (no record, 1 + statement, 1)':44} {ratio:6.2f} x")


def main() -> None:
    with (
        stage.opened() as on,
        naive_server(on.database_url) as naive,
        ProcessPoolExecutor(1, get_context("spawn")) as load,
    ):
        print(f"{os.cpu_count()} processors; {os.getloadavg()[0]:.1f} programs want one already")
        all_lanes = lanes(load, on, naive)
        measure(all_lanes, on.database_url)
        report(all_lanes)


if __name__ == "__main__":
    main()
