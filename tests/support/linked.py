"""A catalog beside a real MLflow registry, with slots whose aliases are linked."""

import itertools
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from tests.support.mlflow_registry import MlflowRegistry
from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.client import Client
from twinline.db.session import Database, connect
from twinline.language.records import AliasLink, Deployment, LinkState, NewKey, Role
from twinline.mirror.mirroring import Mirroring
from twinline.mirror.remote import MlflowServer

ALIAS, PROMPT, SLOT = "production", "support/answer", "answer@production"
SECONDS = 60.0
"""Far from what anything here should take, whatever the machine does beside."""

_names = (f"churn-{number}" for number in itertools.count(1))


class Linked:
    """What tests do on both sides.

    ``model`` is a registered model of the test's own, with versions 1 to 4.
    """

    def __init__(self, client: Client, registry: MlflowRegistry) -> None:
        self.client, self.registry = client, registry
        self.model = self.another()
        client.prompts.create(PROMPT, "Answer {{ question }}")

    def another(self, versions: int = 4) -> str:
        """One more registered model, known on both sides."""
        name = next(_names)
        self.registry.make(name, versions=versions)
        for number in range(1, versions + 1):
            self.client.models.import_from_mlflow(name, number=number)
        return name

    def deploy(self, number: int, *, model: str | None = None, slot: str = SLOT) -> Deployment:
        """Make a model version live, over whatever is."""
        pair = self.client.bundles.pair(
            f"models:/{model or self.model}/{number}", f"prompts:/{PROMPT}/1"
        )
        return self.client.slots.deploy(
            slot, pair.ref, reason="because", expected=self.live_number(slot)
        )

    def live_number(self, slot: str = SLOT) -> int:
        """The number of the live deployment, 0 for none."""
        live = {one.ref.short: one.live for one in self.client.slots.list()}.get(slot)
        return live.number if live else 0

    def live(self, slot: str = SLOT) -> str:
        """The model version that is live."""
        deployment = self.client.slots.get(slot).live
        assert deployment is not None
        return str(deployment.model)

    def alias(self, model: str | None = None) -> int | None:
        """Where the alias is, as MLflow says."""
        return self.registry.alias(model or self.model, ALIAS)

    def becomes(self, state: LinkState, slot: str = SLOT) -> AliasLink:
        """The link, as soon as it is in this state."""
        return eventually(
            lambda: self.client.mlflow_links.get(slot), lambda link: link.state == state
        )


Found = TypeVar("Found")


def eventually(look: Callable[[], Found], holds: Callable[[Found], bool]) -> Found:
    """What is found as soon as it holds."""
    deadline = time.monotonic() + SECONDS
    while not holds(found := look()):
        assert time.monotonic() < deadline, f"it stays {found!r}"
        time.sleep(0.02)
    return found


def url_of(client: Client) -> str:
    """Where a client's server is."""
    return client._http.url


@contextmanager
def twinline_beside(
    database: Database, url: str, *, look_seconds: float = 0.1, timeout_seconds: float = 3.0
) -> Generator[Client]:
    """A Twinline that looks after aliases at an MLflow; a client with an admin's key."""
    with database.writing("test") as tx:
        key = access.issue_key(tx, NewKey(owner="ana", role=Role.ADMIN)).key
    own = connect(database.engine.url.render_as_string(hide_password=False))
    server = MlflowServer(url, timeout_seconds=timeout_seconds)
    app = make_app(own, Mirroring([server]), alias_look_seconds=look_seconds)
    try:
        with served(app) as ours, Client(ours, key) as client:
            yield client
    finally:
        own.close()
