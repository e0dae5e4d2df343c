"""Kill switches: one call stops a slot, a bundle or everything, and one lets it go on."""

from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.support import policies
from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.records import Bundle

SLOT = "answer@production"
ROUTE = {"route": "answer", "environment": "production"}
WHY = {"reason": "it leaks"}


@pytest.fixture
def catalog(client: Client) -> Catalog:
    made = Catalog(client)
    made.deploy(SLOT, made.bundle(1, 1))
    return made


def kill(http: httpx.Client, path: str, status: int = 201) -> dict[str, Any]:
    answer = http.post(path, json=WHY)
    assert answer.status_code == status, answer.text
    return answer.json()


def lift(http: httpx.Client, number: int) -> httpx.Response:
    return http.post(f"/kills/{number}/lift", json={"reason": "it is mended"})


def resolve(http: httpx.Client, slot: str = SLOT, **context: Any) -> httpx.Response:
    route, environment = slot.split("@")
    return http.post(
        "/resolve", json={"route": route, "environment": environment, "context": context}
    )


def deploy(http: httpx.Client, policy: dict[str, Any], expected: int = 1) -> None:
    body = {"policy": policy, "reason": "because"}
    headers = {"If-Match": str(expected)}
    answer = http.post(f"/slots/{SLOT}/deployments", json=body, headers=headers)
    assert answer.status_code == 201, answer.text


def refused(answer: httpx.Response, code: str) -> dict[str, Any]:
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (409, f"urn:twinline:problem:{code}")
    return problem


# --- a slot -----------------------------------------------------------------------------


def test_a_killed_slot_serves_nothing_and_says_who_stopped_it_and_why(
    catalog: Catalog, http: httpx.Client
) -> None:
    catalog.deploy("other@production", catalog.bundle(1, 1))
    catalog.deploy("answer@staging", catalog.bundle(1, 1))
    assert resolve(http).status_code == 200
    made = kill(http, f"/slots/{SLOT}/kill")
    assert (made["subject"], made["actor"], made["reason"]) == (
        f"routes:/{SLOT}",
        "admin",
        "it leaks",
    )
    assert (made["lifted_by"], made["lifted_at"]) == (None, None)
    problem = refused(resolve(http), "killed")
    assert (problem["by"], problem["reason"]) == ("admin", "it leaks")
    assert "admin: it leaks" in problem["detail"]
    assert resolve(http, "other@production").status_code == 200
    assert resolve(http, "answer@staging").status_code == 200


def test_what_is_killed_records_nothing(catalog: Catalog, http: httpx.Client) -> None:
    kill(http, f"/slots/{SLOT}/kill")
    refused(resolve(http), "killed")
    impact = catalog.client.lineage.impact(catalog.bundle(1, 1).ref)
    assert impact.service.requests == 0


def test_a_deployment_does_not_let_a_killed_slot_go_on(
    catalog: Catalog, http: httpx.Client
) -> None:
    number = kill(http, f"/slots/{SLOT}/kill")["number"]
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    refused(resolve(http), "killed")
    assert lift(http, number).status_code == 200
    assert resolve(http).json()["bundle"]["ref"] == str(catalog.bundle(1, 2).ref)


def test_a_slot_that_does_not_exist_cannot_be_killed(http: httpx.Client) -> None:
    assert http.post("/slots/nothing@here/kill", json=WHY).status_code == 404
    assert http.get("/kills").json()["items"] == []


# --- a bundle ---------------------------------------------------------------------------


def test_a_killed_bundle_gives_way_to_the_fallback_and_the_ledger_keeps_both(
    catalog: Catalog, http: httpx.Client
) -> None:
    chosen, spare = catalog.bundle(1, 1), catalog.bundle(1, 2)
    document = {
        "schema": policies.SCHEMA,
        "default": {"bundle": str(chosen.ref)},
        "fallback": [str(spare.ref)],
    }
    deploy(http, document)
    before = resolve(http).json()
    assert (before["bundle"]["ref"], before["assigned"]) == (str(chosen.ref), None)
    kill(http, f"/bundles/{chosen.digest}/kill")
    found = resolve(http).json()
    assert (found["bundle"]["ref"], found["assigned"]) == (str(spare.ref), str(chosen.ref))
    assert (found["reason"], found["bundle"]["prompt"]["ref"]) == (
        "default",
        "prompts:/support/answer/2",
    )
    kept = http.get(f"/inferences/{found['inference_id']}").json()
    assert (kept["bundle"], kept["assigned"]) == (str(spare.ref), str(chosen.ref))
    served = [catalog.client.lineage.impact(one.ref).service.requests for one in (chosen, spare)]
    assert served == [1, 1]


def test_a_chain_of_fallbacks_is_followed_to_the_first_that_is_active(
    catalog: Catalog, http: httpx.Client
) -> None:
    all_of_them = [catalog.bundle(1, prompt) for prompt in range(1, 6)]
    chosen, *spare = all_of_them
    document = {
        "schema": policies.SCHEMA,
        "default": {"bundle": str(chosen.ref)},
        "fallback": [str(one.ref) for one in spare],
    }
    deploy(http, document)
    for last, then in pairwise(all_of_them):
        kill(http, f"/bundles/{last.digest}/kill")
        assert resolve(http).json()["bundle"]["ref"] == str(then.ref)
    kill(http, f"/bundles/{all_of_them[-1].digest}/kill")
    problem = refused(resolve(http), "no-active-bundle")
    assert problem["bundle"] == str(chosen.ref)
    assert "withdrawn" in problem["detail"]


def test_a_killed_bundle_that_is_pinned_fails_closed(catalog: Catalog, http: httpx.Client) -> None:
    default, pinned = catalog.bundle(1, 1), catalog.bundle(1, 2)
    document = policies.by_tenant(default.ref, "bank-a", pinned.ref, pin=True)
    document["fallback"] = [str(default.ref)]
    deploy(http, document)
    assert resolve(http, tenant="bank-a").json()["bundle"]["ref"] == str(pinned.ref)
    kill(http, f"/bundles/{pinned.digest}/kill")
    problem = refused(resolve(http, tenant="bank-a"), "no-active-bundle")
    assert problem["rule"] == "regulated"
    assert resolve(http, tenant="bank-b").json()["bundle"]["ref"] == str(default.ref)


def test_a_killed_arm_gives_way_and_stays_the_arm_that_was_assigned(
    catalog: Catalog, http: httpx.Client
) -> None:
    control, canary, spare = (catalog.bundle(1, prompt) for prompt in (1, 2, 3))
    document = policies.canary(control.ref, canary.ref, 1.0) | {"fallback": [str(spare.ref)]}
    deploy(http, document)
    kill(http, f"/bundles/{canary.digest}/kill")
    found = resolve(http, user={"id": "u-1"}).json()
    assert (found["arm"], found["assigned"]) == ("canary", str(canary.ref))
    assert found["bundle"]["ref"] == str(spare.ref)


def test_a_killed_bundle_casts_no_shadow(catalog: Catalog, http: httpx.Client) -> None:
    served, shadow = catalog.bundle(1, 1), catalog.bundle(1, 2)
    document = {
        "schema": policies.SCHEMA,
        "unit": {"by": ["user.id"]},
        "default": {"bundle": str(served.ref)},
        "shadow": [{"bundle": str(shadow.ref), "sample": 100_000}],
    }
    deploy(http, document)
    assert len(resolve(http, user={"id": "u"}).json()["shadow"]) == 1
    kill(http, f"/bundles/{shadow.digest}/kill")
    assert resolve(http, user={"id": "u"}).json()["shadow"] == []


@pytest.mark.parametrize("length", [12, 30, 64])
def test_a_bundle_is_killed_by_as_much_of_its_digest_as_tells_it(
    catalog: Catalog, http: httpx.Client, length: int
) -> None:
    bundle: Bundle = catalog.bundle(1, 1)
    made = kill(http, f"/bundles/{bundle.digest[:length]}/kill")
    assert made["subject"] == str(bundle.ref)
    refused(resolve(http), "no-active-bundle")


def test_an_unknown_bundle_cannot_be_killed(http: httpx.Client) -> None:
    assert http.post(f"/bundles/{'0' * 64}/kill", json=WHY).status_code == 404


# --- everything -------------------------------------------------------------------------


def test_killing_everything_stops_every_slot_of_every_environment(
    catalog: Catalog, http: httpx.Client
) -> None:
    slots = (SLOT, "other@production", "answer@staging", "support/long@dev")
    for slot in slots[1:]:
        catalog.deploy(slot, catalog.bundle(1, 1))
    assert {resolve(http, slot).status_code for slot in slots} == {200}
    number = kill(http, "/kills/everything")["number"]
    for slot in slots:
        assert refused(resolve(http, slot), "killed")["reason"] == "it leaks"
    assert lift(http, number).status_code == 200
    assert {resolve(http, slot).status_code for slot in slots} == {200}


def test_what_goes_live_while_everything_is_killed_is_killed_too(
    catalog: Catalog, http: httpx.Client
) -> None:
    kill(http, "/kills/everything")
    catalog.deploy("new@elsewhere", catalog.bundle(1, 1))
    refused(resolve(http, "new@elsewhere"), "killed")


def test_lifting_everything_leaves_what_was_killed_by_itself(
    catalog: Catalog, http: httpx.Client
) -> None:
    kill(http, f"/slots/{SLOT}/kill")
    number = kill(http, "/kills/everything")["number"]
    catalog.deploy("other@production", catalog.bundle(1, 1))
    lift(http, number).raise_for_status()
    refused(resolve(http), "killed")
    assert resolve(http, "other@production").status_code == 200


# --- switches ---------------------------------------------------------------------------


def paths(catalog: Catalog) -> tuple[str, str, str]:
    digest = catalog.bundle(1, 1).digest
    return f"/slots/{SLOT}/kill", f"/bundles/{digest}/kill", "/kills/everything"


def test_throwing_a_switch_twice_changes_nothing_the_second_time(
    catalog: Catalog, http: httpx.Client
) -> None:
    for path in paths(catalog):
        first = kill(http, path)
        before = catalog.client.audit.verify().events
        again = http.post(path, json={"reason": "somebody else's reason"})
        assert (again.status_code, again.json()) == (200, first)
        assert catalog.client.audit.verify().events == before


def test_a_lifted_switch_is_kept_and_a_new_one_may_be_thrown(
    catalog: Catalog, http: httpx.Client
) -> None:
    for path in paths(catalog):
        first = kill(http, path)
        lifted = lift(http, first["number"]).json()
        assert (lifted["number"], lifted["lifted_by"]) == (first["number"], "admin")
        assert lifted["lifted_reason"] == "it is mended"
        assert lifted["lifted_at"] >= lifted["at"]
        assert resolve(http).status_code == 200
        assert kill(http, path)["number"] > first["number"]
        assert resolve(http).status_code == 409
        lift(http, kill(http, path, 200)["number"]).raise_for_status()


def test_a_switch_is_lifted_once(catalog: Catalog, http: httpx.Client) -> None:
    number = kill(http, f"/slots/{SLOT}/kill")["number"]
    assert lift(http, number).status_code == 200
    again = refused(lift(http, number), "conflict")
    assert "lifted by admin already" in again["detail"]
    assert lift(http, number + 1000).status_code == 404
    assert [event.action for event in catalog.client.audit.events()][:2] == [
        "kill.lift",
        "kill.throw",
    ]


@pytest.mark.parametrize("reason", ["", "  ", "x", None])
def test_a_switch_is_not_thrown_or_lifted_without_a_reason(
    catalog: Catalog, http: httpx.Client, reason: str | None
) -> None:
    body = {} if reason is None else {"reason": reason}
    for path in paths(catalog):
        assert http.post(path, json=body).status_code == 422
    number = kill(http, f"/slots/{SLOT}/kill")["number"]
    assert http.post(f"/kills/{number}/lift", json=body).status_code == 422
    refused(resolve(http), "killed")


def test_all_switches_are_listed_the_newest_first_page_by_page(
    catalog: Catalog, http: httpx.Client
) -> None:
    thrown = [kill(http, path)["number"] for path in paths(catalog)]
    lift(http, thrown[1]).raise_for_status()
    listed = http.get("/kills").json()["items"]
    assert [one["number"] for one in listed] == thrown[::-1]
    assert [one["subject"] for one in listed] == [
        "everything",
        str(catalog.bundle(1, 1).ref),
        f"routes:/{SLOT}",
    ]
    assert [one["lifted_by"] for one in listed] == [None, "admin", None]
    first = http.get("/kills", params={"limit": 2}).json()
    rest = http.get("/kills", params={"limit": 2, "cursor": first["next"]}).json()
    assert first["items"] + rest["items"] == listed
    assert rest["next"] is None
