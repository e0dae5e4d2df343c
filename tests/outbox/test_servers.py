"""Real MLflow servers tell everything, whatever happens to them and to Twinline."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import httpx
import pytest
from sqlalchemy import create_engine, inspect

from tests.outbox.conftest import DatabaseUrl
from tests.outbox.histories import Step, history
from tests.outbox.replica import Replica, Rows, really
from tests.outbox.servers import ROOT, OutboxMlflow, Twinline, ask, installed_in, with_driver
from tests.support.mlflow_servers import START_SECONDS
from twinline.client import Client
from twinline.db.session import Database
from twinline.language.records import MlflowChange

PATIENCE_SECONDS = 60.0
Acknowledged = list[tuple[str, Step]]


@pytest.mark.slow
def test_whatever_happens_every_change_arrives_once_in_order_with_its_actor(
    mlflow_url: DatabaseUrl, database: Database, tmp_path: Path
) -> None:
    """With Twinline there and away, and MLflow killed in the middle; one worker over SQLite,
    four over PostgreSQL."""
    url = mlflow_url()
    workers = 1 if url.startswith("sqlite") else 4
    if workers == 4:
        url = with_driver(url, "postgresql+psycopg")
    twinline, acknowledged = Twinline(database), Acknowledged()

    def server() -> OutboxMlflow:
        return OutboxMlflow(tmp_path / "mlflow", url, workers=workers, told=twinline.told)

    with server() as mlflow:
        mlflow.wait_until_ready(deadline_seconds=START_SECONDS)
        with twinline.up() as client:
            work(mlflow, range(workers), acknowledged)
            eventually(lambda: heard(client) == registry(url))
        enough = len({actor for actor, _ in acknowledged}) + workers
        killer = threading.Thread(
            target=lambda: (
                eventually(lambda: len({actor for actor, _ in acknowledged}) == enough),
                mlflow.kill(),
            )
        )
        killer.start()
        work(mlflow, range(10, 10 + workers), acknowledged, length=10_000)
        killer.join()
    with twinline.up() as client, server() as mlflow:
        mlflow.wait_until_ready(deadline_seconds=START_SECONDS)
        work(mlflow, range(20, 20 + workers), acknowledged)
        eventually(lambda: heard(client) == registry(url))
        changes = list(client.mlflow_changes.list())
    assert [one.sequence for one in changes] == [*range(1, len(changes) + 1)]
    assert len({one.outbox for one in changes}) == 1
    actors = {actor for actor, _ in acknowledged}
    assert len(actors) == 3 * workers
    assert {one.actor for one in changes} <= actors
    created = [step[1][0] for _, step in acknowledged if step[0] == "create_model"]
    assert all(count_of(name, changes) >= created.count(name) for name in set(created))


def work(mlflow: OutboxMlflow, seeds: range, acknowledged: Acknowledged, length: int = 40) -> None:
    """Let somebody work for each seed, all at once, until done or until MLflow is gone."""
    workers = [
        threading.Thread(target=work_alone, args=(mlflow.url, seed, acknowledged, length))
        for seed in seeds
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def work_alone(url: str, seed: int, acknowledged: Acknowledged, length: int) -> None:
    actor = f"ana-{seed}"
    with httpx.Client(base_url=url, auth=(actor, "secret"), timeout=30) as http:
        for step in history(Random(seed), length):
            try:
                answer = ask(http, step)
            except httpx.TransportError:
                return
            if answer.is_success:
                acknowledged.append((actor, step))


def count_of(name: str, changes: list[MlflowChange]) -> int:
    """How often a model of this name was made."""
    made = [one for one in changes if (one.entity, one.action) == ("registered_model", "insert")]
    return sum(one.name == name for one in made)


def heard(client: Client) -> Rows:
    """The registry, from what Twinline was told alone."""
    replica = Replica()
    for change in client.mlflow_changes.list():
        replica.follow(change.model_dump())
    return replica.rows


def registry(url: str) -> Rows:
    engine = create_engine(url)
    try:
        return really(engine)
    finally:
        engine.dispose()


def eventually(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not happens():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


_WITH_THE_PLAIN_STORE = """
import sys, warnings
with warnings.catch_warnings(action="ignore"):
    from mlflow.server import handlers
    from mlflow.tracking._model_registry import utils
warnings.simplefilter("error")
loaded = {name for name in sys.modules if name.startswith("twinline")}
assert loaded == {"twinline", "twinline.mlflow", "twinline.mlflow.registry_store"}, loaded
for registry in (handlers.ModelRegistryStoreRegistryWrapper(), utils._get_store_registry()):
    store = registry.get_store(sys.argv[1])
    assert type(store).__module__.startswith("mlflow."), type(store)
    assert registry.get_store_builder("twinline+" + sys.argv[1])
store.create_registered_model("churn")
assert not [name for name in sys.modules if name.startswith("twinline.mlflow.outbox")]
"""


def test_whoever_has_the_plugin_and_does_not_use_it_has_mlflow_as_it_was(
    mlflow_url: DatabaseUrl, tmp_path: Path
) -> None:
    url, plugin = mlflow_url(), installed_in(tmp_path / "plugin")
    subprocess.run(
        [sys.executable, "-c", _WITH_THE_PLAIN_STORE, url],
        env={"PYTHONPATH": f"{plugin}:{ROOT / 'src'}"},
        timeout=120,
        check=True,
    )
    engine = create_engine(url)
    assert not [name for name in inspect(engine).get_table_names() if "twinline" in name]
    engine.dispose()
