"""How long a million requests take into a notebook, by columns and by pages of JSON.

Run it as ``python -m tests.bench.frames``, with the extra ``test`` installed; another number
of requests can be given. It starts a PostgreSQL of its own and a server over it, with the
catalog of ``ledger.py``. Each way is a program of its own, so that its peak of memory is its
own; the libraries that it loads are in it, and said beside. One reading goes before what is
measured, so that no way pays for what the disk takes.

Pages of 500 are read for a part of the requests only, and their seconds multiplied: `records`
as our client lists them, `plain` with nothing but `json.loads`, into pandas both.
"""

import itertools
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas
import polars
from sqlalchemy import event

from tests.bench import ledger, stage
from twinline.client.frames import to_pandas, to_polars
from twinline.client.http import Http
from twinline.client.tables import Table
from twinline.db.session import connect
from twinline.language.records import Inference

TOTAL, PART, PAGE = 1_000_000, 20_000, 500
NODE = {"node": ledger.DATASET}


def by_columns(into: Callable[[Any], Any]) -> Callable[[str, str], int]:
    return lambda url, key: len(into(Table(Http(url, key), "/impact.arrow", NODE)))


def whole_ledger(url: str, key: str) -> int:
    return len(to_polars(Table(Http(url, key), "/inferences.arrow", {})))


def records(url: str, key: str) -> int:
    pages = Http(url, key).pages(Inference, "/impact/inferences", NODE | {"limit": PAGE})
    return len(to_pandas(itertools.islice(pages, PART)))


def plain(url: str, key: str) -> int:
    return len(pandas.json_normalize(list(itertools.islice(_plain_pages(url, key), PART))))


def _plain_pages(url: str, key: str) -> Iterator[dict[str, Any]]:
    headers, query = {"X-API-Key": key}, NODE | {"limit": str(PAGE)}
    with httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=60) as http:
        while True:
            page = http.get("/impact/inferences", params=query).raise_for_status().json()
            yield from page["items"]
            query["cursor"] = page["next"]


WAYS: dict[str, Callable[[str, str], int]] = {
    "pandas": by_columns(to_pandas),
    "polars": by_columns(to_polars),
    "polars, whole ledger": whole_ledger,
    "records": records,
    "plain": plain,
}
PARTIAL = {"records", "plain"}


def one_way(name: str, url: str, key: str) -> None:
    """In a program of its own: rows, seconds, MB before and at the peak."""
    before = _peak_mb()
    begun = time.perf_counter()
    rows = WAYS[name](url, key)
    print(rows, time.perf_counter() - begun, before, _peak_mb())


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _server_peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(name: str, url: str, key: str) -> tuple[float, ...]:
    words = [sys.executable, "-m", "tests.bench.frames", "--way", name, url, key]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return tuple(map(float, ran.stdout.split()))


def _have_time(connection: Any, _record: Any) -> None:
    """To fill the ledger may take long."""
    connection.execute("set statement_timeout = 0")
    connection.commit()


def main(total: int) -> None:
    print(f"{os.cpu_count()} processors; {os.getloadavg()[0]:.1f} programs want one already")
    print(f"pandas {pandas.__version__}, polars {polars.__version__}")
    with stage.opened() as on:
        server = on.server("server")
        database = connect(on.database_url, pool_size=1)
        event.listen(database.engine, "connect", _have_time)
        ledger.grow(database, ledger.fill(database), 0, total)
        database.close()
        print(f"{total:,} requests\n{'way':22}{'rows':>12}{'s':>9}{'s for all':>11}{'ratio':>8}"
              f"{'MB before':>11}{'MB peak':>9}{'MB server':>11}")  # fmt: skip
        base = 0.0
        measure("polars", server.url, stage.key_of(server))  # all that is read has been read before
        for name in WAYS:
            rows, seconds, before, peak = measure(name, server.url, stage.key_of(server))
            assert rows == (PART if name in PARTIAL else total), (name, rows)
            whole = seconds * total / rows
            base = base or whole
            said = f"{name:22}{rows:12,.0f}{seconds:9.2f}{whole:11.1f}{whole / base:7.1f}x"
            served = _server_peak_mb(server.process.pid)
            print(f"{said}{before:11.0f}{peak:9.0f}{served:11.0f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--way"]:
        one_way(*sys.argv[2:])
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else TOTAL)
