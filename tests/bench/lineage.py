"""How long lineage takes as the ledger grows, beside ML Metadata.

Run it as ``python -m tests.bench.lineage``, with the extra ``test`` installed; with
``--large`` it goes on to ten million requests, which takes a quarter of an hour and 10 GB of disk.
It starts a PostgreSQL of its own and a server over it. The catalog is that of
``ledger.py``; before anything is measured the rollups must say what a recount says.

``in process`` is the action in a transaction that is open, over one connection; ``HTTP``
the same question to the server, from one connection. Both are medians after a warm-up,
of roots and requests that change from call to call where that matters. ``growth`` is the
largest ledger's median over the smallest's. ML Metadata answers from the memory of its
own process, and only for the smallest ledger: what it takes grows with the requests.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import event, text

from tests.bench import ledger, stage
from tests.support import ml_metadata
from twinline.db.session import Database, Reading, connect
from twinline.deployments import actions as deployments
from twinline.language.records import RequestFilter
from twinline.lineage import explanations, impacts, walks

SIZES, LARGE = (100_000, 1_000_000), 10_000_000
TIMES, WARM, TIMES_THEIRS = 100, 10, 20
HOPS, PAGES = 5, 10
THEIRS = Path(__file__).with_name("ml_metadata_lineage.py")
EVERYTHING = RequestFilter()


@dataclass(frozen=True)
class Question:
    """One thing to ask, in process and over HTTP, and what we aim at in milliseconds."""

    name: str
    aim: float
    ask: Callable[[Reading, int], Any]
    path: Callable[[int], str]


@dataclass(frozen=True)
class Taken:
    """Median milliseconds in process and over HTTP, and the statements of one call."""

    inside: float
    http: float
    statements: int


def questions(database: Database, span: ledger.Span) -> list[Question]:
    version, dataset = ledger.MODEL, ledger.DATASET
    ids, pages = _ids(database), _cursors(database, ledger.MODEL)
    moments = [span.at(random.random()) for random in [Random(3)] for _ in range(TIMES)]
    busy = ledger.BUSY

    def listed(root: str) -> Callable[[Reading, int], Any]:
        return lambda tx, _: impacts.requests(tx, root, EVERYTHING, cursor=None, limit=100)

    def paged(tx: Reading, turn: int) -> Any:
        cursor = pages[turn % len(pages)]
        return impacts.requests(tx, version, EVERYTHING, cursor=cursor, limit=100)

    def walked(tx: Reading, _: int) -> Any:
        return walks.walk(tx, ledger.THING, direction="downstream", depth=HOPS, limit=500)

    return [
        Question("impact of a version", 2, lambda tx, _: impacts.impact(tx, version, EVERYTHING),
                 lambda _: f"/impact?node={version}"),
        Question("impact of a dataset", 8, lambda tx, _: impacts.impact(tx, dataset, EVERYTHING),
                 lambda _: f"/impact?node={dataset}"),
        Question("newest 100 of a version", 2, listed(version),
                 lambda _: f"/impact/inferences?node={version}"),
        Question("newest 100 of a dataset", 8, listed(dataset),
                 lambda _: f"/impact/inferences?node={dataset}"),
        Question("next pages of a version", 2, paged, lambda turn:
                 f"/impact/inferences?node={version}&cursor={pages[turn % len(pages)]}"),
        Question("decisions of a version", 8, lambda tx, _: impacts.decisions(
                     tx, version, EVERYTHING, cursor=None, limit=100),
                 lambda _: f"/impact/decisions?node={version}"),
        Question("explain", 3, lambda tx, turn: explanations.explain(tx, ids[turn % len(ids)]),
                 lambda turn: f"/inferences/{ids[turn % len(ids)]}/lineage"),
        Question("walk", 10, walked,
                 lambda _: f"/lineage?node={ledger.THING}&direction=downstream&depth={HOPS}"),
        Question("live at", 8, lambda tx, turn: deployments.live(
                     tx, busy, moments[turn % len(moments)]),
                 lambda turn: f"/slots/{busy.short}?at="
                 + moments[turn % len(moments)].isoformat().replace("+00:00", "Z")),
    ]  # fmt: skip


def _ids(database: Database) -> list[UUID]:
    """Requests from all over the ledger."""
    with database.reading() as tx:
        return tx.values(text(f"select id from inference order by md5(id::text) limit {TIMES}"))


def _cursors(database: Database, root: str) -> list[str]:
    """Where the pages after the first begin."""
    found: list[str] = []
    with database.reading() as tx:
        for _ in range(PAGES):
            cursor = found[-1] if found else None
            page = impacts.requests(tx, root, EVERYTHING, cursor=cursor, limit=100)
            if page.next is None:
                break
            found.append(page.next)
    return found


def measure(database: Database, http: httpx.Client, one: Question) -> Taken:
    with database.reading() as tx:
        inside = _median(lambda turn: one.ask(tx, turn))
        with _counted(database) as executed:
            one.ask(tx, 0)
    return Taken(inside, _median(lambda turn: _answered(http, one.path(turn))), len(executed))


def _answered(http: httpx.Client, path: str) -> None:
    http.get(path).raise_for_status()


def _median(ask: Callable[[int], Any]) -> float:
    """Milliseconds."""
    taken: list[float] = []
    for turn in range(WARM + TIMES):
        begun = time.perf_counter()
        ask(turn)
        taken.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(taken[WARM:])


@contextmanager
def _counted(database: Database) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def theirs() -> dict[str, float]:
    """The medians of ML Metadata for the smallest ledger."""
    asked = {
        "models": ledger.MODELS,
        "prompts": ledger.PROMPTS,
        "requests": SIZES[0],
        "nodes": ledger.GRAPH_NODES,
        "edges": ledger.graph_edges(Random(11)),
        "thing": ledger.GRAPH_NODES // 2,
        "hops": HOPS,
        "times": TIMES_THEIRS,
    }
    return ml_metadata.ask(THEIRS, asked)


def report(found: dict[int, dict[str, Taken]], asked: list[Question], beside: dict[str, float]):
    sizes = sorted(found)
    heads = "".join(f"{size:>12,}" for size in sizes)
    print(f"milliseconds, p50      aim {heads}   growth  statements  ML Metadata      ratio")
    for one in asked:
        taken = [found[size][one.name] for size in sizes]
        cells = "".join(f"{each.inside:12.2f}" for each in taken)
        other = beside.get(one.name)
        compared = f"{other:13.1f} {other / taken[0].inside:8.1f} x" if other else ""
        growth = taken[-1].inside / taken[0].inside
        statements = taken[-1].statements
        print(f"{one.name:24}{one.aim:4.0f}{cells} {growth:6.2f} x {statements:11} {compared}")
    print(f"over HTTP                  {heads}")
    for one in asked:
        cells = "".join(f"{found[size][one.name].http:12.2f}" for size in sizes)
        print(f"{one.name:27}{cells}")


def main() -> None:
    print(f"{os.cpu_count()} processors; {os.getloadavg()[0]:.1f} programs want one already")
    beside = theirs()
    found: dict[int, dict[str, Taken]] = {}
    with stage.opened() as on:
        server = on.server("server")
        headers = {"X-API-Key": stage.key_of(server)}
        database = connect(on.database_url, pool_size=1)
        span = ledger.fill(database)
        asked: list[Question] = []
        have = 0
        with httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=60) as http:
            for size in (*SIZES, *([LARGE] if "--large" in sys.argv else [])):
                ledger.grow(database, span, have, size)
                ledger.check(database, size)
                have = size
                asked = questions(database, span)
                found[size] = {one.name: measure(database, http, one) for one in asked}
                print(f"{size:,} requests measured", file=sys.stderr)
        database.close()
    report(found, asked, beside)


if __name__ == "__main__":
    main()
