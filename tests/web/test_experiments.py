"""Experiments on pages: which there are, and what the arms of one did."""

from typing import Any

import httpx
import pytest

from tests.support import policies
from tests.support.browsing import HOSTILE, Browser
from tests.support.catalog import SLOT, Catalog
from twinline.client import Client
from twinline.experiments import actions
from twinline.routing.buckets import bucket_of, unit_hash
from twinline.web.pages import experiments

SALT = "a-salt"


def split(
    catalog: Catalog, client: Client, *, expected: int = 0, salt: str = SALT, share: float = 0.5
) -> int:
    """Half of the users get the canary, or another share; the number of the deployment."""
    refs = catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref
    document = policies.canary(*refs, share, salt=salt)
    made = client.slots.deploy(SLOT, policy=document, reason=f"half {HOSTILE}", expected=expected)
    return made.number


def record(http: httpx.Client, catalog: Catalog, users: int, **of_canary: Any) -> None:
    """One request of each of so many users."""
    items = []
    for user in map(str, range(users)):
        hash = unit_hash(SALT, user)
        arm = "control" if bucket_of(hash) < 50_000 else "canary"
        bundle = catalog.bundle(1, 1) if arm == "control" else catalog.bundle(1, 2)
        items.append(
            {
                "slot": f"routes:/{SLOT}", "deployment": 1, "bundle": str(bundle.ref),
                "rule": "rollout", "reason": "split", "arm": arm, "experiment": SALT,
                "unit": f"{hash:016x}", "status": "ok", "latency_ms": 120, "score": 0.8,
                **(of_canary if arm == "canary" else {}),
            }
        )  # fmt: skip
    answer = http.post("/inferences", json={"inferences": items})
    assert answer.json()["recorded"] == users, answer.text


def test_without_a_split_it_is_said_how_to_begin(browser: Browser, catalog: Catalog) -> None:
    assert "twinline deploy support@production --policy" in browser.get("/experiments").main
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    shown = browser.get(f"/experiments?slot={SLOT}")
    assert "This slot has no split" in shown.main


def test_slots_with_a_split_are_listed_the_live_ones_first(
    browser: Browser, catalog: Catalog, client: Client
) -> None:
    split(catalog, client)
    shown = browser.get("/experiments")
    assert shown.rows()[0][:2] == [SLOT, "live"]
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    assert browser.get("/experiments").rows()[0][:2] == [SLOT, "finished"]
    assert "finished" in browser.follow(shown, SLOT).main


def test_arms_have_their_counts_and_a_worse_one_is_told(
    browser: Browser, catalog: Catalog, client: Client, http: httpx.Client
) -> None:
    split(catalog, client)
    record(http, catalog, 400, status="error")
    shown = browser.get(f"/experiments?slot={SLOT}")
    arms = {row[0]: row for row in shown.rows(0)}
    assert set(arms) == {"control control", "canary"}
    assert sum(int(row[4]) for row in arms.values()) == 400
    assert sum(int(row[3]) for row in arms.values()) == 400
    assert "canary: errors worse: +100.00 points" in shown.main
    assert "canary: score no difference can be told" in shown.main
    assert "as it should be" in shown.main


def test_another_control_turns_the_comparison_round(
    browser: Browser, catalog: Catalog, client: Client, http: httpx.Client
) -> None:
    split(catalog, client)
    record(http, catalog, 400, status="error")
    shown = browser.get(f"/experiments?slot={SLOT}")
    turned = browser.submit(shown, "Compare", control="canary")
    assert "control: errors better: -100.00 points" in turned.main


def test_charts_have_their_figures_as_tables(
    browser: Browser, catalog: Catalog, client: Client, http: httpx.Client
) -> None:
    split(catalog, client)
    record(http, catalog, 100)
    shown = browser.get(f"/experiments?slot={SLOT}")
    titles = [one.get("aria-label") for one in shown.all("//main//*[local-name()='svg']")]
    assert "Errors per request" in titles
    assert "Requests a day" in titles
    by_arm = [row for row in shown.rows(2) if row[1] in ("control", "canary")]
    assert sum(int(row[2]) for row in by_arm) == 100
    assert shown.rows(3)[0][1] == "100"


def test_what_was_never_served_is_told(browser: Browser, catalog: Catalog, client: Client) -> None:
    split(catalog, client)
    shown = browser.get(f"/experiments?slot={SLOT}")
    assert "No arm has served a request yet" in shown.main
    assert "too few units" in shown.main


def test_units_of_very_many_requests_are_counted_when_asked_for(
    browser: Browser,
    catalog: Catalog,
    client: Client,
    http: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    split(catalog, client)
    record(http, catalog, 50)
    monkeypatch.setattr(experiments, "UNITS_AT_ONCE", 10)
    shown = browser.get(f"/experiments?slot={SLOT}")
    assert shown.rows(0)[0][3] == "not counted"
    counted = browser.follow(shown, "Count the units and check the ratio")
    assert sum(int(row[3]) for row in counted.rows(0)) == 50


def test_an_earlier_experiment_of_the_slot_can_be_chosen(
    browser: Browser, catalog: Catalog, client: Client, http: httpx.Client
) -> None:
    split(catalog, client)
    record(http, catalog, 60)
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    split(catalog, client, expected=2, salt="another")
    shown = browser.get(f"/experiments?slot={SLOT}")
    assert "salt another" in shown.main
    earlier = browser.get(f"/experiments?slot={SLOT}&rule=rollout&deployment=1")
    assert f"salt {SALT}" in earlier.main
    assert sum(int(row[4]) for row in earlier.rows(0)) == 60


def test_what_leads_to_an_experiment_does_so_after_a_ramp(
    browser: Browser, catalog: Catalog, client: Client, http: httpx.Client
) -> None:
    split(catalog, client)
    record(http, catalog, 60)
    address = f"/experiments?slot={SLOT}&rule=rollout&deployment=1"
    before = browser.get(address)
    split(catalog, client, expected=1, share=0.75)
    after = browser.get(address)
    assert f"salt {SALT}" in after.main
    assert "over 2 deployments" in after.main
    for shown in (before, after):
        turned = browser.submit(shown, "Compare", control="canary")
        assert "control: errors" in turned.main
    assert sum(int(row[4]) for row in after.rows(0)) == 60


def test_a_split_before_those_that_are_looked_at_is_told_to_be_old(
    browser: Browser, catalog: Catalog, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    split(catalog, client)
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    monkeypatch.setattr(actions, "DEPLOYMENTS_LOOKED_AT", 1)
    shown = browser.get(f"/experiments?slot={SLOT}&rule=rollout&deployment=1")
    assert shown.status == 404
    assert "older than the newest 1 deployments of the slot" in shown.main


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("slot=nothing@nowhere", 404),
        ("slot=nonsense", 422),
        (f"slot={SLOT}&rule=other", 422),
        (f"slot={SLOT}&deployment=99", 404),
        (f"slot={SLOT}&control=other", 422),
    ],
)
def test_what_is_no_experiment_is_told(
    browser: Browser, catalog: Catalog, client: Client, query: str, status: int
) -> None:
    split(catalog, client)
    shown = browser.get(f"/experiments?{query}")
    assert shown.status == status
    assert shown.all("//p[@class='detail']")


def test_a_reason_is_text_also_in_a_picture(
    browser: Browser, catalog: Catalog, client: Client
) -> None:
    split(catalog, client)
    shown = browser.get(f"/experiments?slot={SLOT}")
    assert "<script>alert(1)</script>" in shown.main
    assert "<script>alert" not in shown.source
    assert "\u202e" not in shown.source
