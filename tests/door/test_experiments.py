"""Experiments at the door: exact counts of each arm, every unit once, and a check of the ratio."""

import random
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.support import policies
from tests.support.catalog import Catalog
from tests.support.recount import rollups_equal_facts
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.experiments.rules import MISMATCH_P, proportion, proportion_difference
from twinline.language.ids import new_id
from twinline.routing.buckets import bucket_of, unit_hash

SLOT = "answer@production"
ROUTE = {"route": "answer", "environment": "production"}
SALT = "a-salt"


@pytest.fixture
def catalog(client: Client) -> Catalog:
    return Catalog(client)


@pytest.fixture
def live(catalog: Catalog, http: httpx.Client) -> dict[str, Any]:
    """Half of the users get the canary."""
    return deploy(http, policies.canary(*_bundles(catalog), 0.5, salt=SALT), 0)


def deploy(http: httpx.Client, policy: dict[str, Any], expected: int) -> dict[str, Any]:
    body = {"policy": policy, "reason": "because"}
    headers = {"If-Match": str(expected)}
    answer = http.post(f"/slots/{SLOT}/deployments", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def resolve(http: httpx.Client, user: str, **more: Any) -> dict[str, Any]:
    body = ROUTE | {"context": {"user": {"id": user}}} | more
    answer = http.post("/resolve", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def outcome(http: httpx.Client, resolution: dict[str, Any], **measures: Any) -> None:
    path = f"/inferences/{resolution['inference_id']}/outcomes"
    http.post(path, json=measures).raise_for_status()


def experiment(http: httpx.Client, **query: str) -> dict[str, Any]:
    answer = http.get(f"/experiments/{SLOT}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def arms(http: httpx.Client, **query: str) -> dict[str, dict[str, Any]]:
    return {arm["arm"]: arm for arm in experiment(http, **query)["arms"]}


def record(http: httpx.Client, catalog: Catalog, *served: tuple[str, str], number: int = 1) -> None:
    """Record units and the arms that they got, as a client that resolved by itself."""
    control, canary = _bundles(catalog)
    bundles = {"control": control, "canary": canary}
    items = [
        {
            "slot": f"routes:/{SLOT}", "deployment": number, "bundle": str(bundles[arm]),
            "rule": "rollout", "reason": "split", "arm": arm, "experiment": SALT,
            "unit": f"{unit_hash(SALT, user):016x}",
        }
        for user, arm in served
    ]  # fmt: skip
    for start in range(0, len(items), 5_000):
        answer = http.post("/inferences", json={"inferences": items[start : start + 5_000]})
        assert answer.json()["refused"] == 0, answer.text


def by_bucket(users: range, border: int = 50_000) -> list[tuple[str, str]]:
    """Users with the arms that their buckets give them."""
    named = [f"u-{number}" for number in users]
    return [
        (user, "canary" if bucket_of(unit_hash(SALT, user)) >= border else "control")
        for user in named
    ]


def test_each_arm_has_its_exact_counts_and_each_unit_once(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any], rehearsal: Rehearsal
) -> None:
    dice = random.Random(5)
    facts: dict[str, list[dict[str, Any]]] = {"control": [], "canary": []}
    users: dict[str, set[str]] = {"control": set(), "canary": set()}
    for _ in range(80):
        user = f"u-{dice.randint(1, 25)}"
        found = resolve(http, user)
        said: dict[str, Any] = {
            "status": dice.choice(["ok", "ok", "error"]),
            "score": dice.choice([0.25, 0.5, 1.0]),
            "cost_usd": dice.choice([0.5, 0.25]),
        }
        outcome(http, found, **said)
        facts[found["arm"]].append(said)
        users[found["arm"]].add(user)
    assert min(len(known) for known in facts.values()) > 5
    for name, arm in arms(http).items():
        known = facts[name]
        errors = sum(one["status"] == "error" for one in known)
        scores = [one["score"] for one in known]
        assert arm["units"] == len(users[name])
        assert (arm["service"]["requests"], arm["service"]["errors"]) == (len(known), errors)
        rate = proportion(errors, len(known))
        assert rate is not None
        assert arm["error_rate"] == rate.model_dump()
        assert arm["cost_usd"] == pytest.approx(sum(one["cost_usd"] for one in known) / len(known))
        assert arm["score"]["value"] == pytest.approx(sum(scores) / len(scores))
        assert arm["score"]["low"] < arm["score"]["value"] < arm["score"]["high"]
        assert (arm["share"], len(arm["bundles"])) == (0.5, 1)
    assert rollups_equal_facts(rehearsal) == 80


def test_an_arm_is_compared_with_the_control(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    for number in range(40):
        found = resolve(http, f"u-{number}")
        bad = found["arm"] == "canary" and number % 2 == 0
        outcome(http, found, status="error" if bad else "ok", score=0.5)
    found = experiment(http)
    by_name = {arm["arm"]: arm for arm in found["arms"]}
    (difference,) = found["differences"]
    assert (difference["arm"], difference["control"]) == ("canary", "control")
    rates = [
        proportion(by_name[name]["service"]["errors"], by_name[name]["service"]["requests"])
        for name in ("canary", "control")
    ]
    wanted = proportion_difference(*rates)
    assert wanted is not None
    assert difference["error_rate"] == pytest.approx(wanted.model_dump())
    assert difference["score"] == pytest.approx({"value": 0.0, "low": 0.0, "high": 0.0}, abs=1e-9)
    (turned,) = experiment(http, control="canary")["differences"]
    assert (turned["arm"], turned["control"]) == ("control", "canary")
    assert turned["error_rate"]["value"] == -difference["error_rate"]["value"]


def test_where_nothing_was_served_nothing_is_claimed(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    found = experiment(http)
    assert [arm["arm"] for arm in found["arms"]] == ["control", "canary"]
    for arm in found["arms"]:
        assert (arm["units"], arm["service"]["requests"]) == (0, 0)
        assert (arm["error_rate"], arm["cost_usd"], arm["score"]) == (None, None, None)
    assert found["differences"][0]["error_rate"] is None
    assert (found["ratio"]["p"], found["ratio"]["mismatch"]) == (None, False)
    assert (found["salt"], found["rule"]) == (SALT, "rollout")
    assert found["deployments"] == [live["ref"]]


def test_what_was_sent_twice_counts_once(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    id = str(new_id())
    for _ in range(3):
        resolve(http, "u-1", inference_id=id)
    assert sum(arm["service"]["requests"] for arm in arms(http).values()) == 1
    assert sum(arm["units"] for arm in arms(http).values()) == 1


def test_requests_without_a_unit_and_shadows_are_no_part_of_an_experiment(
    catalog: Catalog, http: httpx.Client
) -> None:
    document = policies.canary(*_bundles(catalog), 0.5, salt=SALT)
    document["shadow"] = [{"bundle": str(_bundles(catalog)[1]), "sample": 100_000}]
    deploy(http, document, 0)
    http.post("/resolve", json=ROUTE).raise_for_status()
    assert len(resolve(http, "u-1")["shadow"]) == 1
    found = arms(http)
    assert sum(arm["service"]["requests"] for arm in found.values()) == 1
    assert sum(arm["units"] for arm in found.values()) == 1


# --- the sample ratio -------------------------------------------------------------------


def test_fair_dealing_is_no_mismatch(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    record(http, catalog, *by_bucket(range(3_000)))
    ratio = experiment(http)["ratio"]
    assert sum(ratio["observed"].values()) == 3_000
    assert ratio["expected"] == {"control": 0.5, "canary": 0.5}
    assert ratio["p"] > 0.01
    assert not ratio["mismatch"]


def test_a_client_that_loses_a_tenth_of_an_arm_s_records_is_found(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    dealt = by_bucket(range(6_000))
    lost = [one for number, one in enumerate(dealt) if one[1] == "control" or number % 10]
    record(http, catalog, *lost)
    ratio = experiment(http)["ratio"]
    assert ratio["mismatch"]
    assert ratio["p"] < MISMATCH_P
    assert ratio["observed"]["canary"] < ratio["observed"]["control"]


def test_a_unit_that_comes_often_is_dealt_once(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    dealt = by_bucket(range(200))
    often = [one for one in dealt if one[1] == "canary"][:5] * 100
    record(http, catalog, *dealt, *often)
    found = experiment(http)
    assert sum(found["ratio"]["observed"].values()) == 200
    assert sum(arm["units"] for arm in found["arms"]) == 200
    assert sum(arm["service"]["requests"] for arm in found["arms"]) == 700
    assert not found["ratio"]["mismatch"]


def test_a_ramp_goes_on_with_the_experiment_and_begins_the_ratio_anew(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    record(http, catalog, *by_bucket(range(1_000)))
    body = {"arm": "canary", "share": 0.9, "reason": "it does well"}
    ramped = http.post(f"/slots/{SLOT}/ramp", json=body, headers={"If-Match": "1"}).json()
    again, fresh = by_bucket(range(1_000), 10_000), by_bucket(range(1_000, 2_500), 10_000)
    record(http, catalog, *again, *fresh, number=2)
    found = experiment(http)
    assert found["deployments"] == [ramped["ref"], live["ref"]]
    assert found["since"] == live["at"]
    assert sum(arm["service"]["requests"] for arm in found["arms"]) == 3_500
    ratio = found["ratio"]
    assert ratio["since"] == ramped["at"]
    assert ratio["expected"] == pytest.approx({"control": 0.1, "canary": 0.9})
    assert sum(ratio["observed"].values()) == 1_500
    assert ratio["p"] > 0.01
    moved = sum(1 for old, new in zip(by_bucket(range(1_000)), again, strict=True) if old != new)
    assert sum(arm["units"] for arm in found["arms"]) == 2_500 + moved


def test_a_deployment_beside_it_changes_nothing_for_the_ratio(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    record(http, catalog, *by_bucket(range(500)))
    document = policies.canary(*_bundles(catalog), 0.5)
    document["fallback"] = [str(catalog.bundle(1, 3).ref)]
    second = deploy(http, document, 1)
    found = experiment(http)
    assert found["deployments"] == [second["ref"], live["ref"]]
    assert found["ratio"]["since"] == live["at"]
    assert sum(found["ratio"]["observed"].values()) == 500


def test_another_rule_is_another_experiment(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    record(http, catalog, *by_bucket(range(100)))
    document = policies.canary(*_bundles(catalog), 0.5)
    document["rules"][0]["id"] = "again"
    second = deploy(http, document, 1)
    found = experiment(http)
    assert (found["rule"], found["deployments"]) == ("again", [second["ref"]])
    assert sum(arm["units"] for arm in found["arms"]) == 0
    assert found["salt"] != SALT


def test_an_arm_that_is_gone_keeps_what_it_served(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    record(http, catalog, *by_bucket(range(100)))
    control = _bundles(catalog)[0]
    document = policies.canary(*_bundles(catalog), 0.5)
    split = document["rules"][0]["serve"]["split"]
    split["arms"] = [policies.arm("control", control, (0, policies.BUCKETS))]
    deploy(http, document, 1)
    found = arms(http)
    assert found["canary"]["service"]["requests"] == 100 - found["control"]["service"]["requests"]
    assert (found["canary"]["share"], found["control"]["share"]) == (0.0, 1.0)


# --- what cannot be asked ---------------------------------------------------------------


def test_what_is_no_experiment_is_said(catalog: Catalog, http: httpx.Client) -> None:
    assert http.get(f"/experiments/{SLOT}").status_code == 404
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    plain = http.get(f"/experiments/{SLOT}")
    assert plain.status_code == 422
    assert "those of the live policy: none" in plain.json()["detail"]
    deploy(http, policies.canary(*_bundles(catalog)), 1)
    for query in ({"rule": "other"}, {"control": "other"}):
        assert http.get(f"/experiments/{SLOT}", params=query).status_code == 422


def test_who_a_unit_is_cannot_be_read_anywhere(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any], rehearsal: Rehearsal
) -> None:
    found = resolve(http, "u-very-secret")
    told = [
        http.get(f"/inferences/{found['inference_id']}").text,
        http.get(f"/inferences/{found['inference_id']}/lineage").text,
        http.get(f"/experiments/{SLOT}").text,
    ]
    assert not any("u-very-secret" in one for one in told)
    assert UUID(found["inference_id"]).version == 7


def _bundles(catalog: Catalog) -> tuple[Any, Any]:
    return catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref
