"""Pages that no address alone leads to: what forms are answered with, and what four weeks of
history lack. Each is come to in a catalog of its own."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, Response

from tests.support import policies
from tests.support.catalog import SLOT, Catalog
from twinline.client import Client
from twinline.db.session import Database, Reading
from twinline.language.errors import DatabaseUnavailable
from twinline.language.records import NewInference
from twinline.rollbacks.rules import PROVEN_REQUESTS
from twinline.routing.buckets import bucket_of, unit_hash

SPLIT, SALT = "split@production", "a-salt"


class Act(NamedTuple):
    """How a page is come to, and with what status it is answered."""

    status: int
    come: Callable[[Page, Catalog, Database], Response | None]


def _experiment(page: Page, catalog: Catalog, _: Database) -> Response | None:
    control, canary = catalog.bundle(1, 1), catalog.bundle(1, 2)
    document = policies.canary(control.ref, canary.ref, 0.5, salt=SALT)
    catalog.client.slots.deploy(SPLIT, policy=document, reason="half of the users", expected=0)
    served = []
    for user in map(str, range(200)):
        unit = unit_hash(SALT, user)
        arm, bundle = ("control", control) if bucket_of(unit) < 50_000 else ("canary", canary)
        one = {
            "slot": f"routes:/{SPLIT}", "deployment": 1, "bundle": str(bundle.ref),
            "rule": "rollout", "reason": "split", "arm": arm, "experiment": SALT,
            "unit": f"{unit:016x}", "status": "ok", "latency_ms": 120, "score": 0.8,
        }  # fmt: skip
        served.append(NewInference.model_validate(one))
    catalog.client.inferences.record(served)
    return page.goto(f"/experiments?slot={SPLIT}")


def _stale(page: Page, catalog: Catalog, _: Database) -> Response | None:
    _look_at_deploying(page, catalog)
    catalog.deploy(SLOT, catalog.bundle(2, 1), "somebody was faster")
    return _deploy(page)


def _ended(page: Page, catalog: Catalog, _: Database) -> Response | None:
    _look_at_deploying(page, catalog)
    page.context.clear_cookies()
    return _deploy(page)


def _away(page: Page, catalog: Catalog, database: Database) -> Response | None:
    def away() -> AbstractContextManager[Reading]:
        raise DatabaseUnavailable("The database does not answer: it is being moved")

    _look_at_deploying(page, catalog)
    with pytest.MonkeyPatch.context() as meanwhile:
        meanwhile.setattr(database, "reading", away)
        return _deploy(page)


def _look_at_deploying(page: Page, catalog: Catalog) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1), "first")
    page.goto(f"/slots/{SLOT}/deploy?bundle={catalog.bundle(1, 2).ref.digest}")
    page.fill("#reason", "friendlier")


def _deploy(page: Page) -> Response | None:
    return _press(page, f"Deploy to {SLOT}")


def _issued(page: Page, catalog: Catalog, _: Database) -> Response | None:
    page.goto("/settings")
    page.fill("#owner", "a service")
    return _press(page, "Make the key")


def _wrong_key(page: Page, catalog: Catalog, _: Database) -> Response | None:
    page.goto("/login")
    page.fill("#key", "twl_none")
    return _press(page, "Sign in")


def _press(page: Page, button: str) -> Response | None:
    with page.expect_navigation() as answer:
        page.get_by_role("button", name=button, exact=True).click()
    return answer.value


ACTS: Mapping[str, Act] = {
    "an experiment with arms": Act(200, _experiment),
    "a form that came too late": Act(409, _stale),
    "a form whose session ended": Act(401, _ended),
    "a form that was sent while the database was away": Act(503, _away),
    "a new key": Act(201, _issued),
    "a key that is none": Act(401, _wrong_key),
}


def could_go_back(client: Client) -> str:
    """A slot whose prompt was changed last, and went well before."""
    catalog, slot = Catalog(client), "support-answer@production"
    catalog.deploy(slot, catalog.bundle(1, 1), "first")
    catalog.serve(slot, catalog.bundle(1, 1), PROVEN_REQUESTS, status="ok")
    catalog.deploy(slot, catalog.bundle(1, 2), "friendlier")
    return slot
