"""Policies at the door: what may go live, who keeps which salt, and what a context comes to."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support import policies
from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.ids import new_id
from twinline.language.records import Bundle

SLOT = "answer@production"
ROUTE = {"route": "answer", "environment": "production"}
UNKNOWN = "bundles:/" + "0" * 64
Document = dict[str, Any]


@pytest.fixture
def catalog(client: Client) -> Catalog:
    return Catalog(client)


def deploy(http: httpx.Client, policy: Document, expected: int, slot: str = SLOT) -> httpx.Response:
    body = {"policy": policy, "reason": "because"}
    headers = {"If-Match": str(expected)}
    return http.post(f"/slots/{slot}/deployments", json=body, headers=headers)


def made(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    return answer.json()


def salt_of(deployment: dict[str, Any]) -> str:
    (rule,) = deployment["policy"]["rules"]
    return rule["serve"]["split"]["salt"]


def resolve(http: httpx.Client, context: Document, **more: Any) -> dict[str, Any]:
    answer = http.post("/resolve", json=ROUTE | {"context": context} | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _default(document: Document, bundle: str) -> None:
    document["default"]["bundle"] = bundle


def _arm(document: Document, bundle: str) -> None:
    document["rules"][0]["serve"]["split"]["arms"][1]["bundle"] = bundle


def _rule(document: Document, bundle: str) -> None:
    document["rules"].append({"id": "last", "serve": {"bundle": bundle}})


def _fallback(document: Document, bundle: str) -> None:
    document["fallback"] = [document["default"]["bundle"], bundle]


def _shadow(document: Document, bundle: str) -> None:
    document["shadow"] = [{"bundle": bundle, "sample": 1}]


PLACES: list[tuple[Callable[[Document, str], None], str]] = [
    (_default, "default.bundle"),
    (_arm, "rules.0.serve.split (rollout, arm canary)"),
    (_rule, "rules.1.serve.bundle (last)"),
    (_fallback, "fallback.1"),
    (_shadow, "shadow.0.bundle"),
]
places = pytest.mark.parametrize(("put", "place"), PLACES, ids=[place for _, place in PLACES])


@places
def test_a_policy_that_names_an_unknown_bundle_is_refused_with_its_place(
    catalog: Catalog, http: httpx.Client, put: Callable[[Document, str], None], place: str
) -> None:
    document = policies.canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref)
    put(document, UNKNOWN)
    for answer in _offered(http, document):
        assert answer.status_code == 404, answer.text
        problem = answer.json()
        assert problem["detail"].startswith(f"{place}: ")
        assert "no bundle whose digest begins" in problem["detail"]
        assert problem["path"] == place
    assert http.get(f"/slots/{SLOT}").status_code == 404


@places
def test_a_policy_that_names_a_killed_bundle_is_refused_with_its_place(
    catalog: Catalog, http: httpx.Client, put: Callable[[Document, str], None], place: str
) -> None:
    document = policies.canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref)
    killed = catalog.bundle(1, 3)
    http.post(f"/bundles/{killed.digest}/kill", json={"reason": "it leaks"}).raise_for_status()
    put(document, str(killed.ref))
    for answer in _offered(http, document):
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (
            409,
            "urn:twinline:problem:bundle-withdrawn",
        )
        assert problem["detail"].startswith(f"{place}: ")
        assert "it leaks" in problem["detail"]
        assert problem["path"] == place


@places
def test_a_policy_that_names_an_incompatible_pair_is_refused_with_its_place(
    catalog: Catalog, http: httpx.Client, put: Callable[[Document, str], None], place: str
) -> None:
    document = policies.canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref)
    blocked = catalog.bundle(1, 3)
    pair = {"model": "models:/churn/1", "prompt": "prompts:/support/answer/3"}
    stated = {**pair, "status": "incompatible", "reason": "it shouts"}
    http.put("/pairings", json=stated).raise_for_status()
    put(document, str(blocked.ref))
    for answer in _offered(http, document):
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (409, "urn:twinline:problem:blocked-pair")
        assert problem["detail"].startswith(f"{place}: ")


def _offered(http: httpx.Client, document: Document) -> tuple[httpx.Response, ...]:
    """Deployed, looked over, and tried on a context: refused alike."""
    return (
        deploy(http, document, 0),
        http.post("/policies/check", json={"policy": document}),
        http.post(f"/slots/{SLOT}/explain", json={"policy": document}),
    )


# --- salts ------------------------------------------------------------------------------


def test_a_split_gets_a_salt_that_it_keeps_when_it_is_left_out(
    catalog: Catalog, http: httpx.Client
) -> None:
    one, other, third = (catalog.bundle(1, prompt).ref for prompt in (1, 2, 3))
    first = made(deploy(http, policies.canary(one, other, 0.05), 0))
    assert len(salt_of(first)) >= 8
    second = made(deploy(http, policies.canary(one, third, 0.5), 1))
    assert salt_of(second) == salt_of(first)
    named = made(deploy(http, policies.canary(one, other, 0.5, salt=salt_of(first)), 2))
    assert salt_of(named) == salt_of(first)


def test_another_salt_for_a_live_split_is_refused_and_changes_nothing(
    catalog: Catalog, http: httpx.Client
) -> None:
    one, other = (catalog.bundle(1, prompt).ref for prompt in (1, 2))
    first = made(deploy(http, policies.canary(one, other), 0))
    answer = deploy(http, policies.canary(one, other, salt="another"), 1)
    assert answer.status_code == 422
    said = answer.json()["detail"]
    assert "'rollout'" in said
    assert salt_of(first) in said
    assert "dealt out anew" in said
    assert http.get(f"/slots/{SLOT}").json()["live"]["number"] == 1


def test_another_rule_or_another_slot_has_a_salt_of_its_own(
    catalog: Catalog, http: httpx.Client
) -> None:
    one, other = (catalog.bundle(1, prompt).ref for prompt in (1, 2))
    document = policies.canary(one, other)
    here = made(deploy(http, document, 0))
    there = made(deploy(http, document, 0, "other@production"))
    renamed = policies.canary(one, other)
    renamed["rules"][0]["id"] = "again"
    later = made(deploy(http, renamed, 1))
    assert len({salt_of(here), salt_of(there), salt_of(later)}) == 3


def test_units_stay_in_their_arms_over_deployments(catalog: Catalog, http: httpx.Client) -> None:
    one, other, third = (catalog.bundle(1, prompt).ref for prompt in (1, 2, 3))
    users = [{"user": {"id": f"u-{number}"}} for number in range(40)]

    def dealt() -> list[tuple[str, int]]:
        found = (resolve(http, user, record=False) for user in users)
        return [(one["arm"], one["bucket"]) for one in found]

    made(deploy(http, policies.canary(one, other, 0.5), 0))
    before = dealt()
    made(deploy(http, policies.canary(one, third, 0.5), 1))
    assert dealt() == before
    assert {arm for arm, _ in before} == {"control", "canary"}
    assert all((bucket >= 50_000) == (arm == "canary") for arm, bucket in before)


# --- what a context comes to ------------------------------------------------------------


def test_attributes_that_rules_asked_for_in_vain_are_in_the_answer(
    catalog: Catalog, http: httpx.Client
) -> None:
    one, other = (catalog.bundle(1, prompt).ref for prompt in (1, 2))
    document = policies.by_tenant(one, "bank-a", other)
    document["rules"].append(
        {
            "id": "old",
            "when": {"attr": "age", "op": "ge", "value": 18},
            "serve": {"bundle": UNKNOWN},
        }
    )
    document["rules"][1]["serve"]["bundle"] = str(other)
    made(deploy(http, document, 0))
    assert resolve(http, {})["unknown"] == ["tenant", "age"]
    assert resolve(http, {"tenant": None, "age": "18"})["unknown"] == ["tenant", "age"]
    assert resolve(http, {"tenant": "bank-b", "age": 17})["unknown"] == []
    known = resolve(http, {"tenant": "bank-a"})
    assert (known["rule"], known["reason"], known["unknown"]) == ("regulated", "rule", [])


def test_a_request_without_a_unit_is_served_by_the_default_and_says_so(
    catalog: Catalog, http: httpx.Client
) -> None:
    one, other = (catalog.bundle(1, prompt).ref for prompt in (1, 2))
    made(deploy(http, policies.canary(one, other, 1.0), 0))
    found = resolve(http, {"user": {"name": "ana"}})
    assert (found["reason"], found["rule"], found["arm"]) == ("unit-missing", "rollout", None)
    assert (found["bundle"]["ref"], found["bucket"]) == (str(one), None)
    assert found["unknown"] == ["user.id"]
    kept = http.get(f"/inferences/{found['inference_id']}").json()
    assert (kept["reason"], kept["unit"], kept["experiment"]) == ("unit-missing", None, None)
    served = resolve(http, {"user": {"id": "ana"}})
    assert (served["reason"], served["arm"]) == ("split", "canary")
    assert served["bundle"]["ref"] == str(other)


def test_a_pinned_split_serves_nobody_without_a_unit(catalog: Catalog, http: httpx.Client) -> None:
    document = policies.canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref)
    document["rules"][0]["pin"] = True
    made(deploy(http, document, 0))
    answer = http.post("/resolve", json=ROUTE)
    assert (answer.status_code, answer.json()["type"]) == (
        409,
        "urn:twinline:problem:no-active-bundle",
    )
    assert "which unit it is" in answer.json()["detail"]


def test_what_was_routed_is_kept_in_the_ledger_word_by_word(
    catalog: Catalog, http: httpx.Client
) -> None:
    made(deploy(http, policies.canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref), 0))
    found = resolve(http, {"user": {"id": "u-42"}}, decision="loan-1", trace_id="t")
    kept = http.get(f"/inferences/{found['inference_id']}").json()
    for name in ("arm", "rule", "reason", "experiment", "manifest_version", "slot", "deployment"):
        assert kept[name] == found[name], name
    assert kept["bundle"] == found["bundle"]["ref"]
    assert (kept["role"], kept["assigned"], kept["served_from"]) == ("served", None, "server")
    assert (kept["decision"], kept["trace_id"]) == ("loan-1", "t")
    assert int(kept["unit"], 16) * 100_000 >> 64 == found["bucket"]
    assert "u-42" not in str(kept)


# --- shadows ----------------------------------------------------------------------------


def _shadowed(http: httpx.Client, served: Bundle, *shadows: Bundle, sample: int = 100_000) -> None:
    document = {
        "schema": policies.SCHEMA,
        "unit": {"by": ["user.id"]},
        "default": {"bundle": str(served.ref)},
        "shadow": [{"bundle": str(one.ref), "sample": sample} for one in shadows],
    }
    made(deploy(http, document, 0))


def test_a_shadow_is_recorded_under_its_own_id_and_counted_nowhere(
    catalog: Catalog, http: httpx.Client
) -> None:
    served, shadow = catalog.bundle(1, 1), catalog.bundle(2, 2)
    _shadowed(http, served, shadow)
    found = resolve(http, {"user": {"id": "u-1"}})
    (run,) = found["shadow"]
    assert run["bundle"]["ref"] == str(shadow.ref)
    assert run["bundle"]["prompt"]["template"] == "Answer 2: {{ question }}"
    own = http.get(f"/inferences/{run['inference_id']}").json()
    assert (own["role"], own["parent_id"]) == ("shadow", found["inference_id"])
    assert (own["bundle"], own["slot"]) == (str(shadow.ref), f"routes:/{SLOT}")
    impact = catalog.client.lineage.impact
    assert impact(served.ref).service.requests == 1
    assert impact(shadow.ref).service.requests == 0
    assert impact("prompts:/support/answer/2").service.requests == 0


def test_a_shadow_runs_for_its_sample_of_the_units_alone(
    catalog: Catalog, http: httpx.Client
) -> None:
    _shadowed(http, catalog.bundle(1, 1), catalog.bundle(2, 2), sample=30_000)
    users = [{"user": {"id": f"u-{number}"}} for number in range(200)]
    cast = [bool(resolve(http, user, record=False)["shadow"]) for user in users]
    again = [bool(resolve(http, user, record=False)["shadow"]) for user in users]
    assert cast == again
    assert 30 <= sum(cast) <= 90
    assert resolve(http, {})["shadow"] == []


def test_what_is_not_recorded_casts_a_shadow_without_an_id(
    catalog: Catalog, http: httpx.Client
) -> None:
    shadow = catalog.bundle(2, 2)
    _shadowed(http, catalog.bundle(1, 1), shadow)
    (run,) = resolve(http, {"user": {"id": "u-1"}}, record=False)["shadow"]
    assert (run["inference_id"], run["bundle"]["ref"]) == (None, str(shadow.ref))


def test_a_request_that_comes_again_gets_its_shadows_again_in_their_order(
    catalog: Catalog, http: httpx.Client
) -> None:
    _shadowed(http, catalog.bundle(1, 1), *(catalog.bundle(2, prompt) for prompt in range(2, 8)))
    for _ in range(5):
        id = str(new_id())
        first = resolve(http, {"user": {"id": "u-1"}}, inference_id=id)
        assert len(first["shadow"]) == 6
        assert resolve(http, {"user": {"id": "u-1"}}, inference_id=id) == first


# --- looking before --------------------------------------------------------------------


def test_a_policy_is_looked_over_without_changing_anything(
    catalog: Catalog, http: httpx.Client
) -> None:
    one, other = (catalog.bundle(1, prompt).ref for prompt in (1, 2))
    document = policies.by_tenant(one, "bank-a", other)
    document["rules"].insert(0, {"id": "all", "serve": {"bundle": str(one)}})
    before = catalog.client.audit.verify().events
    found = http.post("/policies/check", json={"policy": document}).json()
    assert found["bundles"] == [str(one), str(other)]
    assert [(one["kind"], one["rule"]) for one in found["findings"]] == [
        ("unreachable-rule", "regulated")
    ]
    assert catalog.client.audit.verify().events == before


def test_a_policy_with_nothing_odd_in_it_has_no_findings(
    catalog: Catalog, http: httpx.Client
) -> None:
    one, other = (catalog.bundle(1, prompt).ref for prompt in (1, 2))
    for document in (policies.by_tenant(one, "a", other), policies.canary(one, other)):
        answer = http.post("/policies/check", json={"policy": document})
        assert (answer.status_code, answer.json()["findings"]) == (200, [])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "routing-policy/2"}, "schema"),
        ({"default": {}}, "default"),
        ({"rules": [{"id": "a"}]}, "rules.0.serve"),
        ({"rules": [{"id": "a", "when": {"attr": "x", "op": "like"}}]}, "rules.0.when"),
        ({"surprise": 1}, "surprise"),
        ({"unit": None}, "unit"),
    ],
)
def test_what_is_no_policy_is_refused_with_the_member(
    catalog: Catalog, http: httpx.Client, change: Document, said: str
) -> None:
    document = policies.canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref) | change
    for answer in _offered(http, document):
        assert answer.status_code == 422, answer.text
        assert said in answer.json()["detail"]


def test_the_schema_knows_every_member_of_a_policy(http: httpx.Client) -> None:
    schema = http.get("/policies/schema").json()
    assert set(schema["properties"]) == {
        *("schema", "unit", "attributes", "rules", "default", "fallback", "shadow")
    }
    assert schema["additionalProperties"] is False


# --- explain ----------------------------------------------------------------------------


def explained(http: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = http.post(f"/slots/{SLOT}/explain", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_context_is_explained_rule_by_rule_and_as_it_would_be_resolved(
    catalog: Catalog, http: httpx.Client
) -> None:
    one, other = (catalog.bundle(1, prompt).ref for prompt in (1, 2))
    document = policies.canary(one, other, 0.5)
    rule = {"attr": "tenant", "op": "eq", "value": "bank-a"}
    document["rules"].insert(0, {"id": "regulated", "when": rule, "serve": {"bundle": str(one)}})
    made(deploy(http, document, 0))
    before = catalog.client.audit.verify().events
    for context in ({}, {"tenant": "bank-a"}, {"tenant": "x", "user": {"id": "u-1"}}):
        told, real = explained(http, context=context), resolve(http, context, record=False)
        for name in ("reason", "rule", "arm", "bucket", "unknown", "deployment"):
            assert told[name] == real[name], (name, context)
        assert told["bundle"] == real["bundle"]["ref"]
    told = explained(http, context={"tenant": "x", "user": {"id": "u-1"}})
    assert told["unit"] == "u-1"
    assert [(one["id"], one["truth"], one["fired"]) for one in told["rules"]] == [
        ("regulated", False, False),
        ("rollout", True, True),
    ]
    assert explained(http, context={})["rules"][0]["truth"] is None
    assert catalog.client.audit.verify().events == before


def test_another_policy_and_another_time_can_be_tried(catalog: Catalog, http: httpx.Client) -> None:
    one, other = (catalog.bundle(1, prompt).ref for prompt in (1, 2))
    opens = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    rule = {
        "id": "tomorrow",
        "schedule": {"from": opens.isoformat()},
        "serve": {"bundle": str(other)},
    }
    document = {"schema": policies.SCHEMA, "rules": [rule], "default": {"bundle": str(one)}}
    now = explained(http, policy=document)
    assert (now["bundle"], now["deployment"]) == (str(one), None)
    assert (now["rules"][0]["in_force"], now["rules"][0]["fired"]) == (False, False)
    then = explained(http, policy=document, at=opens.isoformat())
    assert (then["bundle"], then["rule"]) == (str(other), "tomorrow")
    just_before = (opens - timedelta(seconds=1)).isoformat()
    assert explained(http, policy=document, at=just_before)["bundle"] == str(one)


def test_what_is_killed_is_explained_as_killed(catalog: Catalog, http: httpx.Client) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    http.post(f"/slots/{SLOT}/kill", json={"reason": "it leaks"}).raise_for_status()
    told = explained(http)
    assert (told["reason"], told["bundle"]) == ("killed", None)
    assert told["assigned"] == str(catalog.bundle(1, 1).ref)


def test_explaining_a_slot_where_nothing_is_live_says_so(http: httpx.Client) -> None:
    answer = http.post(f"/slots/{SLOT}/explain", json={})
    assert answer.status_code == 404
