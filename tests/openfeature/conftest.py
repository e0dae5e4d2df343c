"""A server with commits of its own, and what OpenFeature's clients ask it for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext

from tests.support import policies
from tests.support.catalog import Catalog
from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.client import Client
from twinline.db.session import Database
from twinline.language.records import NewKey, Role, ServedBundle
from twinline.language.refs import BundleRef

BANK = EvaluationContext(targeting_key="user-1", attributes={"tenant": "bank-a"})
NOBODY = EvaluationContext()
USERS = [
    EvaluationContext(targeting_key=f"user-{number}", attributes={"age": number / 2})
    for number in range(40)
]
DEFAULT: dict[str, Any] = {"mine": True}


@dataclass(frozen=True)
class Door:
    """A server, a key of a service, and what its administrator sees.

    Four routes are live: ``answer`` serves one bundle, ``team/answer`` is divided by
    ``targetingKey``, ``regulated`` serves bank-a another bundle than the rest, and
    ``stopped`` is switched off.
    """

    url: str
    key: str
    catalog: Catalog

    @property
    def client(self) -> Client:
        return self.catalog.client

    def served(self, model: int, prompt: int) -> dict[str, Any]:
        """What the door must give as the value for that bundle."""
        ref = self.catalog.bundle(model, prompt).ref
        return bundle_value(self.client, ref)


def bundle_value(client: Client, ref: BundleRef) -> dict[str, Any]:
    """A bundle as REST gives it, found by a route that serves nothing else."""
    slot = f"show-{ref.digest[:12]}@showroom"
    known = {one.ref.short for one in client.slots.list("showroom")}
    if slot not in known:
        client.slots.deploy(slot, ref, reason="to look at it", expected=0)
    shown: ServedBundle = client.inferences.resolve(
        slot.partition("@")[0], "showroom", {}, record=False
    ).bundle
    return shown.model_dump(mode="json")


def divided(control: BundleRef, canary: BundleRef, by: str = "targetingKey") -> dict[str, Any]:
    """Half of the units each."""
    return policies.canary(control, canary, 0.5) | {"unit": {"by": [by]}}


def issue(database: Database, role: Role) -> str:
    with database.writing("test") as tx:
        return access.issue_key(tx, NewKey(owner=role.value, role=role)).key


def stock(client: Client) -> Catalog:
    """The four routes, live in production."""
    catalog = Catalog(client)
    first, second = catalog.bundle(1, 1), catalog.bundle(2, 2)
    catalog.deploy("answer@production", first)
    catalog.deploy("stopped@production", first)
    live = {
        "team/answer": divided(first.ref, second.ref),
        "regulated": policies.by_tenant(first.ref, "bank-a", second.ref),
    }
    for route, policy in live.items():
        client.slots.deploy(f"{route}@production", policy=policy, reason="because", expected=0)
    client.kills.slot("stopped@production", "it says too much")
    return catalog


@pytest.fixture
def door(database: Database, tmp_path: Path) -> Iterator[Door]:
    admin, service = issue(database, Role.ADMIN), issue(database, Role.SERVICE)
    with served(make_app(database)) as url, Client(url, admin, folder=tmp_path / "admin") as client:
        yield Door(url, service, stock(client))


@pytest.fixture(autouse=True)
def _no_provider_stays() -> Iterator[None]:
    yield
    api.shutdown()
