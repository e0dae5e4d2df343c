"""How soon the mirror has what MLflow has: by webhook, and from nothing.

    python tests/bench/mirror.py [VERSIONS]

It starts an MLflow (one worker, SQLite) and a PostgreSQL of its own, and prints how long a
registration takes to be visible in the catalog when a webhook tells of it, and what a
first sync of VERSIONS (10,000) versions takes, in time and in this process's memory. A
tenth of the versions come from runs, and a tenth are prompts.
"""

import resource
import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from tests.mlflow_fixtures import TELLING
from tests.support.mlflow_registry import TEXT, MlflowRegistry
from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.cli.demo.mlflow_server import MlflowProcess
from twinline.client import Client
from twinline.db import migrations
from twinline.db.embedded import Cluster, find_binaries
from twinline.db.session import Database, connect
from twinline.language.errors import NotFound
from twinline.language.records import NewKey, Role
from twinline.mirror.mirroring import Mirroring
from twinline.mirror.remote import MlflowServer
from twinline.mirror.sweeping import Cadence

VERSIONS = 10_000
NAMES = 100
REGISTRATIONS = 100


@contextmanager
def catalog(folder: Path) -> Iterator[Database]:
    """A migrated, empty catalog."""
    with Cluster(folder, find_binaries(None), single_owner=True) as cluster:
        database = connect(cluster.url)
        migrations.upgrade(database)
        yield database
        database.close()


@contextmanager
def at_work(database: Database, mlflow: str) -> Iterator[tuple[str, Client]]:
    """A server with its mirror, which sweeps once and then only when it is told."""
    with database.writing("bench") as tx:
        key = access.issue_key(tx, NewKey(owner="bench", role=Role.ADMIN)).key
    cadence = Cadence(fast_seconds=10**9, full_seconds=10**9)
    mirroring = Mirroring([MlflowServer(mlflow)], cadence=cadence)
    with served(make_app(database, mirroring)) as url, Client(url, key) as client:
        yield url, client


def until_synced(client: Client) -> None:
    while not all(place.synced_at for place in client.mirror.status().places or [None]):
        time.sleep(0.1)


def visible_after(registry: MlflowRegistry, client: Client) -> list[float]:
    """Milliseconds from MLflow's answer to a registration until the catalog has it."""
    name = f"told-{uuid4().hex[:8]}"
    registry.make(name)
    taken: list[float] = []
    for _ in range(REGISTRATIONS):
        number = registry.add(name)
        begun = time.perf_counter()
        while not _has(client, name, number):
            time.sleep(0.002)
        taken.append(1000 * (time.perf_counter() - begun))
    return sorted(taken)


def _has(client: Client, name: str, number: int) -> bool:
    try:
        return client.models.get(name, number).number == number
    except NotFound:
        return False


def fill(registry: MlflowRegistry, mlflow: MlflowProcess, versions: int) -> None:
    """Put versions into MLflow: the names by its API, the bulk into its database, where
    nobody has to wait for it."""
    each = versions // NAMES
    for number in range(NAMES):
        is_prompt = number % 10 == 0
        name = f"bulk-{number}"
        registry.make(name, prompt=is_prompt)
        registry.add_prompt(name, "text 1") if is_prompt else registry.add(name)
    now = int(time.time() * 1000)
    run = registry.tell("POST", "runs/create", experiment_id="0", start_time=now)
    run_id = run["run"]["info"]["run_id"]
    with sqlite3.connect(mlflow.folder / "mlflow.db") as bulk:
        columns = [row[1] for row in bulk.execute("pragma table_info(model_versions)")]
        kept = [column for column in columns if column not in ("version", "run_id")]
        names = ", ".join(kept)
        for number in range(NAMES):
            name = f"bulk-{number}"
            for version in range(2, each + 1):
                made_by = run_id if version % 10 == 0 and number % 10 else ""
                bulk.execute(
                    f"insert into model_versions ({names}, version, run_id) select {names}, ?, ?"
                    " from model_versions where name = ? and version = 1",
                    (version, made_by, name),
                )
        tags = [row[1] for row in bulk.execute("pragma table_info(model_version_tags)")]
        copied = [tag for tag in tags if tag not in ("version", "value")]
        bulk.execute(
            f"insert into model_version_tags ({', '.join(copied)}, version, value)"
            f" select {', '.join('t.' + tag for tag in copied)}, v.version,"
            f" case when t.key = '{TEXT}' then 'text ' || v.version else t.value end"
            " from model_version_tags t join model_versions v on v.name = t.name"
            " where t.version = 1 and v.version > 1"
        )
    bulk.close()


def peak_mb() -> float:
    """The most memory that this process has taken so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    versions = int(sys.argv[1]) if len(sys.argv) > 1 else VERSIONS
    with (
        TemporaryDirectory() as name,
        MlflowProcess(Path(name) / "mlflow", also=TELLING) as mlflow,
        MlflowRegistry(mlflow.url) as registry,
    ):
        folder = Path(name)
        mlflow.wait_until_ready()
        with catalog(folder / "first") as database, at_work(database, mlflow.url) as (url, client):
            until_synced(client)
            client.mirror.install_hooks(url)
            time.sleep(1.2)
            taken = visible_after(registry, client)
        fill(registry, mlflow, versions)
        before = peak_mb()
        with catalog(folder / "second") as database:
            begun = time.perf_counter()
            with at_work(database, mlflow.url) as (_, client):
                until_synced(client)
                seconds = time.perf_counter() - begun
                (place,) = client.mirror.status().places
                begun = time.perf_counter()
                swept = place.fully_swept_at
                client.mirror.sync(full=True)
                while True:
                    (now,) = client.mirror.status().places
                    if now.fully_swept_at != swept and now.waiting == 0:
                        break
                    time.sleep(0.1)
                again = time.perf_counter() - begun
    p99 = taken[int(0.99 * len(taken)) - 1]
    print(f"{'registered -> visible, by webhook, ms':40} p50 {statistics.median(taken):8.0f}"
          f"  p99 {p99:8.0f}")  # fmt: skip
    print(f"{'first sync':40} {place.versions:,} versions in {seconds:.1f} s")
    print(f"{'full sweep of the same':40} {again:.1f} s")
    print(f"{'peak memory, MB':40} {before:.0f} before, {peak_mb():.0f} after")


if __name__ == "__main__":
    main()
