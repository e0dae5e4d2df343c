"""The mirror at work in a server, told by MLflow's own webhooks."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.support.mlflow_registry import MlflowRegistry
from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.client import Client
from twinline.db.session import Database, connect
from twinline.language.errors import MlflowUnavailable, NotFound
from twinline.language.records import NewKey, Role
from twinline.mirror.mirroring import Mirroring
from twinline.mirror.remote import MlflowServer
from twinline.mirror.sweeping import Cadence

NEVER = 10.0**9
PATIENCE_SECONDS = 30.0


@contextmanager
def at_work(database: Database, servers: list[MlflowServer]) -> Iterator[tuple[str, Client]]:
    """A process of its own, as far as the database can tell."""
    with database.writing("test") as tx:
        key = access.issue_key(tx, NewKey(owner="admin", role=Role.ADMIN)).key
    own = connect(database.engine.url.render_as_string(hide_password=False))
    cadence = Cadence(fast_seconds=NEVER, full_seconds=NEVER)
    with (
        served(make_app(own, Mirroring(servers, cadence=cadence))) as url,
        Client(url, key) as client,
    ):
        yield url, client
    own.close()


def eventually(look: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < ends, "it did not come to that"
        time.sleep(0.05)


def known(client: Client, name: str, number: int) -> bool:
    try:
        return client.models.get(name, number).number == number
    except NotFound:
        return False


def synced(client: Client) -> bool:
    places = client.mirror.status().places
    return bool(places) and all(place.synced_at is not None for place in places)


def test_what_is_registered_is_there_by_a_webhook(
    database: Database, mlflow_trained, registry: MlflowRegistry, name: str
) -> None:
    with at_work(database, [MlflowServer(mlflow_trained[0].url)]) as (url, client):
        eventually(lambda: synced(client))
        (first,) = client.mirror.install_hooks(url).items
        (again,) = client.mirror.install_hooks(url + "/").items
        assert (first.made, again.made) == (True, False)
        assert first.webhook_id == again.webhook_id
        time.sleep(1.1)  # as long as MLflow believes that it has no webhooks
        registry.make(name)
        registry.add(name)
        eventually(lambda: known(client, name, 1))
        registry.put_alias(name, "champion", 1)
        eventually(lambda: client.models.get(name, 1).aliases == ("champion",))
        (place,) = client.mirror.status().places
        assert (place.trouble, place.sweeping) == (None, None)
        registry.tell("DELETE", f"webhooks/{first.webhook_id}")
        assert {event.action for event in client.audit.events()} >= {"mirror.hook"}


def test_one_of_two_processes_does_it_and_the_other_takes_over(
    database: Database, mlflow_trained, registry: MlflowRegistry, name: str
) -> None:
    servers = [MlflowServer(mlflow_trained[0].url)]
    with ExitStack() as first, ExitStack() as second:
        _, one = first.enter_context(at_work(database, servers))
        eventually(lambda: synced(one))
        _, client = second.enter_context(at_work(database, servers))
        first.close()
        registry.make(name)
        registry.add(name)
        client.mirror.sync()
        eventually(lambda: known(client, name, 1))


def test_two_servers_are_mirrored_side_by_side_and_trouble_with_one_is_its_own(
    database: Database, mlflow_trained, registry: MlflowRegistry, name: str
) -> None:
    url = mlflow_trained[0].url
    servers = [MlflowServer("http://127.0.0.1:1"), MlflowServer(url, name="eu")]
    registry.make(name)
    registry.add(name)
    with at_work(database, servers) as (own, client):
        eventually(lambda: known(client, f"eu/{name}", 1))
        eventually(lambda: any(place.trouble for place in client.mirror.status().places))
        troubled = {place.server: place.trouble for place in client.mirror.status().places}
        assert troubled["eu"] is None
        assert "127.0.0.1:1" in str(troubled["default"])
        ready = httpx.get(f"{own}/readyz")
        assert (ready.status_code, "in trouble since" in ready.json()["checks"]["mirror"]) == (
            200,
            True,
        )
        figures = httpx.get(f"{own}/metrics").text
        assert 'twinline_mirror_behind_seconds{server="eu",workspace="default"}' in figures
        # What is read on request has the mirror's name.
        assert client.models.import_from_mlflow(name, server="eu").name == f"eu/{name}"
        with pytest.raises(MlflowUnavailable, match=r"127\.0\.0\.1:1"):
            client.models.import_from_mlflow(name)
        with pytest.raises(NotFound, match="us"):
            client.mirror.sync("us")
        with pytest.raises(NotFound, match="us"):
            client.models.import_from_mlflow(name, server="us")
        with pytest.raises(NotFound, match="team"):
            client.models.import_from_mlflow(name, server="eu", workspace="team")
