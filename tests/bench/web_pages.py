"""How long each page takes over a large ledger, and how heavy it is.

    python -m tests.bench.web_pages [--requests 1000000]

It starts a PostgreSQL of its own and a server over it; the catalog is that of
``ledger.py``, in which every slot had six deployments and 800 bundles served. With 20
million requests filling takes about half an hour and 20 GB of disk. What is measured is
what one browser waits for a page over loopback, without drawing it: the median and the
worst of several times after a warm-up, in milliseconds. What we aim at is 60 ms, and
200 ms with 20 million requests; and 150 kB without the picture. No time is asserted; it
says which page was not answered with 200, and ends with 1 then.
"""

import argparse
import re
import statistics
import sys
import time
from collections.abc import Mapping
from typing import NamedTuple

from tests.bench import ledger, stage
from tests.browser.pages import DOWNLOADS, SIGN_IN, places
from tests.support.browsing import Browser
from twinline.client import Client
from twinline.db.session import connect
from twinline.language.records import NewEvaluation
from twinline.web import addresses

SLOT = "route-0@production"
BUSY, SERVING = "prompts:/busy/1", "prompts:/answer/3"
"""A prompt version with a thousand deployments in each of a hundred slots, and one of many that
serve."""

TIMES, WARM = 20, 3
SHOWN_SLOWEST = 5
AS_A_FILE = "impact as CSV"
"""A file of all requests of a slot, which is as heavy as these are many."""

_PICTURE = re.compile(r"<svg.*?</svg>", re.DOTALL)


class Taken(NamedTuple):
    """A page: how it was answered, how long that took, and its bytes with and without pictures."""

    name: str
    status: int
    median_ms: float
    worst_ms: float
    kilobytes: float
    whole_kilobytes: float

    def __str__(self) -> str:
        times = f"{self.median_ms:9.1f}{self.worst_ms:9.1f}"
        return (
            f"{self.name:30}{self.status:6}{times}{self.kilobytes:8.1f}{self.whole_kilobytes:8.1f}"
        )


def take(browser: Browser, name: str, address: str) -> Taken:
    """Ask for a page, again and again."""
    times: list[float] = []
    for turn in range(WARM + TIMES):
        begun = time.perf_counter()
        answer = browser.http.get(address, headers={"Accept": "text/html"})
        passed = 1000 * (time.perf_counter() - begun)
        times += [passed] if turn >= WARM else []
    whole, light = answer.text, _PICTURE.sub("", answer.text)
    sizes = (len(light.encode()) / 1000, len(whole.encode()) / 1000)
    return Taken(name, answer.status_code, statistics.median(times), max(times), *sizes)


def asked(client: Client) -> Mapping[str, str]:
    """All pages, lineages of some size, a release before it is confirmed, and a file."""
    around = places(client, SLOT)
    sizes = {f"lineage of {nodes}": _lineage(client, nodes) for nodes in (60, 400)}
    (busy,) = (one.number for one in client.recalls.list() if str(one.node) == BUSY)
    return {
        **around.every(),
        **sizes,
        "deploy, before it is confirmed": addresses.deploy(SLOT, bundle=around.old_digest),
        AS_A_FILE: around.fill(DOWNLOADS[AS_A_FILE]),
        "requests with a rare score": "/inferences?status=error&score_min=0.99",
        "recall of 100,000 deployments": addresses.recall(busy),
    }


def _lineage(client: Client, nodes: int) -> str:
    """The least steps down from a thing that show so many nodes."""
    for hops in range(1, 20):
        found = client.lineage.walk(ledger.THING, direction="downstream", depth=hops)
        if len(found.nodes) >= nodes:
            break
    return addresses.asked("/lineage", node=ledger.THING, up="0", down=hops)


def _judge(client: Client) -> None:
    """What the ledger's catalog lacks: an evaluation, and recalls, the last of what serves."""
    live = client.slots.get(SLOT).live
    assert live is not None
    new = {"subject": live.bundle, "suite": "bench", "passed": 9, "failed": 1, "score": 0.9}
    client.evaluations.record(NewEvaluation.model_validate(new))
    client.recalls.create(BUSY, "bench")
    client.recalls.create(SERVING, "bench")


def _report(requests: int, found: list[Taken]) -> None:
    print(f"{requests:,} requests; {TIMES} times each, in milliseconds and kB\n")
    print(f"{'page':30}{'status':>6}{'median':>9}{'worst':>9}{'kB':>9}{'whole':>9}")
    print(*found, sep="\n")
    slowest = sorted(found, key=lambda one: -one.median_ms)[:SHOWN_SLOWEST]
    print("\nThe slowest:", ", ".join(f"{one.name} {one.median_ms:.0f} ms" for one in slowest))
    heaviest = max((one for one in found if one.name != AS_A_FILE), key=lambda one: one.kilobytes)
    print(f"The heaviest: {heaviest.name} {heaviest.kilobytes:.0f} kB without pictures")


def main() -> int:
    wanted = argparse.ArgumentParser(description="How long each page takes.")
    wanted.add_argument("--requests", type=int, default=1_000_000)
    requests: int = wanted.parse_args().requests
    with stage.opened() as opened:
        server = opened.server("one")
        database = connect(opened.database_url)
        try:
            ledger.grow(database, ledger.fill(database), 0, requests)
        finally:
            database.close()
        key = stage.key_of(server)
        with Client(server.url, key) as client, Browser(server.url, key) as browser:
            _judge(client)
            found = [take(browser, *page) for page in asked(client).items() if page[0] != SIGN_IN]
    _report(requests, found)
    refused = [one for one in found if one.status != 200]
    for one in refused:
        print(f"not 200: {one.name} ({one.status})", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
