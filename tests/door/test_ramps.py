"""Ramps: another share for an arm moves the buckets that must move, and no other."""

from typing import Any

import httpx
import pytest

from tests.support import policies
from tests.support.catalog import Catalog
from twinline.client import Client

SLOT = "answer@production"
ROUTE = {"route": "answer", "environment": "production"}


@pytest.fixture
def catalog(client: Client) -> Catalog:
    return Catalog(client)


@pytest.fixture
def live(catalog: Catalog, http: httpx.Client) -> dict[str, Any]:
    """Five percent go to the canary."""
    document = policies.canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref, 0.05)
    return deploy(http, document, 0)


def deploy(http: httpx.Client, policy: dict[str, Any], expected: int) -> dict[str, Any]:
    body = {"policy": policy, "reason": "because"}
    headers = {"If-Match": str(expected)}
    answer = http.post(f"/slots/{SLOT}/deployments", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def preview(http: httpx.Client, **wanted: Any) -> httpx.Response:
    return http.get(f"/slots/{SLOT}/ramp/preview", params=wanted)


def ramp(http: httpx.Client, expected: int, **wanted: Any) -> httpx.Response:
    body = {"reason": "errors are level", **wanted}
    return http.post(f"/slots/{SLOT}/ramp", json=body, headers={"If-Match": str(expected)})


def split_of(deployment: dict[str, Any]) -> dict[str, Any]:
    (rule,) = deployment["policy"]["rules"]
    return rule["serve"]["split"]


def ranges_of(deployment: dict[str, Any]) -> dict[str, list[list[int]]]:
    return {arm["name"]: arm["ranges"] for arm in split_of(deployment)["arms"]}


def arm_of(http: httpx.Client, user: str) -> tuple[str, int]:
    body = ROUTE | {"context": {"user": {"id": user}}, "record": False}
    found = http.post("/resolve", json=body).json()
    return found["arm"], found["bucket"]


def test_a_ramp_is_told_before_and_does_what_was_told(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    told = preview(http, arm="canary", share=0.2).json()
    assert [move["text"] for move in told["moves"]] == [
        "15,000 of 100,000 buckets: control -> canary"
    ]
    assert told["rule"] == "rollout"
    assert told["live"] == live["ref"]
    assert [(one["arm"], one["before"], one["after"]) for one in told["arms"]] == [
        ("control", 95_000, 80_000),
        ("canary", 5_000, 20_000),
    ]
    assert http.get(f"/slots/{SLOT}").json()["live"] == live
    answer = ramp(http, 1, arm="canary", share=0.2)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["number"], made["kind"], made["reason"]) == (2, "deploy", "errors are level")
    assert ranges_of(made) == {"control": [[0, 80_000]], "canary": [[80_000, 100_000]]}
    assert split_of(made)["salt"] == split_of(live)["salt"]
    assert http.get(f"/slots/{SLOT}").json()["live"] == made


def test_only_units_whose_buckets_move_change_their_arm(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    users = [f"u-{number}" for number in range(150)]
    before = {user: arm_of(http, user) for user in users}
    ramp(http, 1, arm="canary", share=0.5).raise_for_status()
    after = {user: arm_of(http, user) for user in users}
    for user in users:
        (old, bucket), (new, same) = before[user], after[user]
        assert bucket == same
        assert (old, new) == (
            "canary" if bucket >= 95_000 else "control",
            "canary" if bucket >= 50_000 else "control",
        )
    assert {old for old, _ in before.values()} == {"control", "canary"}


def test_a_ramp_back_gives_everybody_the_arm_they_had(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    ramp(http, 1, arm="canary", share=0.75).raise_for_status()
    back = ramp(http, 2, arm="canary", share=0.05).json()
    assert sum(end - start for start, end in ranges_of(back)["canary"]) == 5_000
    to_nobody = ramp(http, 3, arm="canary", share=0).json()
    assert ranges_of(to_nobody) == {"control": [[0, 100_000]], "canary": []}
    to_all = ramp(http, 4, arm="canary", share=1).json()
    assert ranges_of(to_all) == {"control": [], "canary": [[0, 100_000]]}


def test_a_donor_alone_gives_what_an_arm_gains(catalog: Catalog, http: httpx.Client) -> None:
    one, other, third = (catalog.bundle(1, prompt).ref for prompt in (1, 2, 3))
    document = policies.canary(one, other)
    document["rules"][0]["serve"]["split"]["arms"] = [
        policies.arm("control", one, (0, 60_000)),
        policies.arm("canary", other, (60_000, 80_000)),
        policies.arm("third", third, (80_000, 100_000)),
    ]
    deploy(http, document, 0)
    told = preview(http, arm="canary", share=0.3, donor="third").json()
    assert [move["text"] for move in told["moves"]] == [
        "10,000 of 100,000 buckets: third -> canary"
    ]
    shared = preview(http, arm="canary", share=0.3).json()
    assert {move["donor"]: move["buckets"] for move in shared["moves"]} == {
        "control": 7_500,
        "third": 2_500,
    }
    too_much = preview(http, arm="canary", share=0.5, donor="third")
    assert too_much.status_code == 422
    assert "third can give 20,000 buckets, not 30,000" in too_much.json()["detail"]


def test_the_rule_is_named_when_there_are_several(catalog: Catalog, http: httpx.Client) -> None:
    one, other = (catalog.bundle(1, prompt).ref for prompt in (1, 2))
    document = policies.canary(one, other)
    first = document["rules"][0]
    when = {"attr": "tenant", "op": "eq", "value": "a"}
    document["rules"] = [{**first, "id": "tenants", "when": when}, first]
    made = deploy(http, document, 0)
    answer = preview(http, arm="canary", share=0.2)
    assert answer.status_code == 422
    assert "tenants, rollout" in answer.json()["detail"]
    ramped = ramp(http, 1, arm="canary", share=0.2, rule="tenants").json()
    before, after = made["policy"]["rules"], ramped["policy"]["rules"]
    assert after[1] == before[1]
    assert after[0]["serve"]["split"]["arms"][1]["ranges"] == [[80_000, 100_000]]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"arm": "canery", "share": 0.2}, "no arm 'canery'; it has control, canary"),
        ({"arm": "canary", "share": 0.2, "donor": "nobody"}, "no arm 'nobody'"),
        ({"arm": "canary", "share": 0.2, "donor": "canary"}, "needs another arm"),
        ({"arm": "canary", "share": 0.2, "rule": "other"}, "those of the live policy: rollout"),
        ({"arm": "canary", "share": 1.01}, "share"),
        ({"arm": "canary", "share": -0.1}, "share"),
        ({"arm": "canary"}, "share"),
    ],
)
def test_a_ramp_that_makes_no_sense_is_refused_before_and_at_it(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any], wanted: dict[str, Any], said: str
) -> None:
    for answer in (preview(http, **wanted), ramp(http, 1, **wanted)):
        assert answer.status_code == 422
        assert said in answer.json()["detail"]
    assert http.get(f"/slots/{SLOT}").json()["live"] == live


def test_a_ramp_must_say_what_it_looked_at(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    assert ramp(http, 7, arm="canary", share=0.2).status_code == 412
    body = {"arm": "canary", "share": 0.2, "reason": "because"}
    assert http.post(f"/slots/{SLOT}/ramp", json=body).status_code == 428


def test_where_nothing_is_split_nothing_is_ramped(catalog: Catalog, http: httpx.Client) -> None:
    assert preview(http, arm="canary", share=0.2).status_code == 404
    assert ramp(http, 0, arm="canary", share=0.2).status_code in (404, 409)
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    for answer in (preview(http, arm="canary", share=0.2), ramp(http, 1, arm="canary", share=0.2)):
        assert answer.status_code == 422
        assert "those of the live policy: none" in answer.json()["detail"]


def test_a_killed_arm_can_be_ramped_away(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    """Unlike a new policy, which may not name what is killed: this takes traffic off it."""
    digest = catalog.bundle(1, 2).digest
    http.post(f"/bundles/{digest}/kill", json={"reason": "it leaks"}).raise_for_status()
    answer = ramp(http, 1, arm="canary", share=0)
    assert answer.status_code == 201, answer.text
    assert ranges_of(answer.json())["canary"] == []


@pytest.mark.usefixtures("live")
def test_a_killed_arm_gets_no_more_than_it_has(catalog: Catalog, http: httpx.Client) -> None:
    digest = catalog.bundle(1, 2).ref.digest
    assert http.post(f"/bundles/{digest}/kill", json={"reason": "leaks"}).status_code == 201
    refused = ramp(http, 1, arm="canary", share=0.2)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith(":bundle-withdrawn")
    assert http.get(f"/slots/{SLOT}").json()["live"]["number"] == 1


def test_every_ramp_is_a_deployment_of_the_same_salt(
    catalog: Catalog, http: httpx.Client, live: dict[str, Any]
) -> None:
    ramp(http, 1, arm="canary", share=0.2).raise_for_status()
    history = http.get(f"/slots/{SLOT}/deployments").json()["items"]
    assert [one["number"] for one in history] == [2, 1]
    assert len({split_of(one)["salt"] for one in history}) == 1
