"""OFREP 0.3.0 over HTTP: what the door answers, byte for byte where that matters."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.openfeature.conftest import stock
from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.records import Role

FLAGS = "/ofrep/v1/evaluate/flags"
REASONS = {"STATIC", "TARGETING_MATCH", "SPLIT", "DISABLED", "UNKNOWN"}
FAILURES = {"PARSE_ERROR", "TARGETING_KEY_MISSING", "INVALID_CONTEXT", "FLAG_NOT_FOUND", "GENERAL"}
BANK = {"targetingKey": "user-1", "tenant": "bank-a"}

BAD_BODIES = {
    "no JSON": b"{",
    "nothing": b"",
    "a number": b"1",
    "a list": b"[]",
    "null": b"null",
    "no UTF-8": b'{"context":{"a":"\xff"}}',
    "NaN": b'{"context":{"a":NaN}}',
    "too large a number": b'{"context":{"a":1e999}}',
    "a NUL": b'{"context":{"a":"\\u0000"}}',
    "a lone surrogate": b'{"context":{"a":"\\ud800"}}',
    "a member twice": b'{"context":{"a":1,"a":2}}',
    "too deep": b'{"context":{"a":' + b"[" * 70 + b"]" * 70 + b"}}",
    "digits without end": b'{"context":{"a":' + b"9" * 5_000 + b"}}",
}
BAD_CONTEXTS: tuple[Any, ...] = (None, True, 0, "", "text", [], [{}], 1.5)
HOSTILE: tuple[dict[str, Any], ...] = (
    *({}, {"targetingKey": None}, {"targetingKey": ""}, {"targetingKey": " "}),
    *({"targetingKey": value} for value in (True, [], {}, 1.5, -0.0, 2**53, 10**30, "x" * 5_000)),
    *({"tenant": value} for value in (None, False, 0, 1e308, 5e-324, [], ["bank-a"], {"a": {}})),
    *({name: "bank-a"} for name in ("", ".", "..", "tenant.", "__proto__", "模型🙂", "x" * 5_000)),
    {"tenant": "\u202e🙂é", "a": {"b": {"c": [None, [], {}, "\n"]}}},
    {"a.b": 1, "a": {"b": 2}, "numbers": list(range(1_000))},
)


@pytest.fixture
def catalog(client: Client) -> Catalog:
    return stock(client)


@pytest.fixture
def ofrep(url: str, catalog: Catalog, issue: Callable[[Role], str]) -> Iterator[httpx.Client]:
    """A plain HTTP client at the stocked server, with a service's key."""
    headers = {"Authorization": f"Bearer {issue(Role.SERVICE)}"}
    with httpx.Client(base_url=url, headers=headers) as made:
        yield made


def one(ofrep: httpx.Client, route: str, context: Any = None, base: str = "") -> httpx.Response:
    return ofrep.post(f"{base}{FLAGS}/{route}", json={"context": context or {}})


def every(ofrep: httpx.Client, context: Any = None, base: str = "", **headers: str) -> Any:
    return ofrep.post(f"{base}{FLAGS}", json={"context": context or {}}, headers=headers)


def undated(answer: httpx.Response) -> Any:
    """What was answered, without its age: nobody listens for what a rehearsal announces."""
    said = answer.json()
    assert said["metadata"].pop("staleSeconds", 1) > 0
    return said


def requests(catalog: Catalog) -> int:
    """How many inferences the ledger holds of the two bundles that are live."""
    impact = catalog.client.lineage.impact
    refs = [catalog.bundle(1, 1).ref, catalog.bundle(2, 2).ref]
    return sum(impact(ref).service.requests for ref in refs)


# --- one flag ---------------------------------------------------------------------------


def test_a_flag_is_the_bundle_that_rest_gives(ofrep: httpx.Client, catalog: Catalog) -> None:
    answer = one(ofrep, "answer", BANK)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    flag = undated(answer)
    rest = catalog.client.inferences.resolve("answer", "production", BANK, record=False)
    assert flag["value"] == rest.bundle.model_dump(mode="json")
    assert flag["value"]["prompt"]["template"] == "Answer 1: {{ question }}"
    metadata = flag["metadata"]
    assert str(UUID(metadata.pop("inferenceId")))
    assert flag == {
        "key": "answer",
        "value": flag["value"],
        "variant": "default",
        "reason": "STATIC",
        "metadata": {
            "deployment": "deployments:/answer@production/1",
            "bundle": str(rest.bundle.ref),
            "manifestVersion": rest.manifest_version,
        },
    }


def test_a_rule_is_a_targeting_match_and_its_id_the_variant(
    ofrep: httpx.Client, catalog: Catalog
) -> None:
    flag = one(ofrep, "regulated", BANK).json()
    assert (flag["variant"], flag["reason"]) == ("regulated", "TARGETING_MATCH")
    assert flag["metadata"]["bundle"] == str(catalog.bundle(2, 2).ref)
    assert flag["metadata"]["rule"] == "regulated"


def test_a_split_names_the_arm_the_rule_and_the_bucket(
    ofrep: httpx.Client, catalog: Catalog
) -> None:
    flag = one(ofrep, "team/answer", {"targetingKey": "user-1"}).json()
    rest = catalog.client.inferences.resolve(
        "team/answer", "production", {"targetingKey": "user-1"}, record=False
    )
    assert (flag["key"], flag["reason"]) == ("team/answer", "SPLIT")
    assert flag["variant"] == rest.arm
    assert flag["metadata"]["rule"] == "rollout"
    assert flag["metadata"]["bucket"] == rest.bucket


def test_without_a_unit_the_default_is_given_and_what_was_missing_is_said(
    ofrep: httpx.Client, catalog: Catalog
) -> None:
    flag = one(ofrep, "team/answer").json()
    assert (flag["variant"], flag["reason"]) == ("rollout", "UNKNOWN")
    assert flag["metadata"]["unknown"] == "targetingKey"
    assert flag["metadata"]["bundle"] == str(catalog.bundle(1, 1).ref)
    assert "bucket" not in flag["metadata"]


def test_a_withdrawn_bundle_gives_way_and_the_metadata_says_what_was_assigned(
    ofrep: httpx.Client, catalog: Catalog
) -> None:
    first, second = catalog.bundle(1, 1).ref, catalog.bundle(2, 2).ref
    policy = {
        "schema": "routing-policy/1",
        "default": {"bundle": str(second)},
        "fallback": [str(first)],
    }
    client = catalog.client
    client.slots.deploy("yielding@production", policy=policy, reason="because", expected=0)
    client.kills.bundle(second, "because")
    metadata = one(ofrep, "yielding").json()["metadata"]
    assert (metadata["bundle"], metadata["assigned"]) == (str(first), str(second))


def test_one_evaluation_records_exactly_one_inference_whose_id_is_in_the_metadata(
    ofrep: httpx.Client, catalog: Catalog
) -> None:
    for number, route in enumerate(("answer", "team/answer", "regulated"), start=1):
        flag = one(ofrep, route, BANK).json()
        assert requests(catalog) == number
        kept = catalog.client.inferences.get(UUID(flag["metadata"]["inferenceId"]))
        assert str(kept.bundle) == flag["metadata"]["bundle"]
        assert str(kept.deployment) == flag["metadata"]["deployment"]


def test_a_flag_nobody_knows_is_not_found_and_leaves_no_record(
    ofrep: httpx.Client, catalog: Catalog
) -> None:
    for route in ("unknown", "team", "answer/more", "Answer"):
        answer = one(ofrep, route)
        assert answer.status_code == 404
        failure = answer.json()
        assert (failure["key"], failure["errorCode"]) == (route, "FLAG_NOT_FOUND")
        assert route in failure["errorDetails"]
    assert requests(catalog) == 0


@pytest.mark.parametrize(
    "address",
    [
        *("a%20b", "a@b", "@", "%00", "%F0%9F%99%82", "a//b", "/", "", "versions", "7"),
        *("x" * 201, "..%2Fanswer", "%2e%2e", "answer/", "answer%2F", "a?b=c"),
    ],
    ids=repr,
)
def test_a_key_that_can_be_no_route_is_not_found(ofrep: httpx.Client, address: str) -> None:
    answer = ofrep.post(f"{FLAGS}/{address}", json={"context": {}})
    assert answer.status_code == 404
    assert answer.json()["errorCode"] == "FLAG_NOT_FOUND"


def test_what_is_switched_off_is_disabled_without_a_value_and_leaves_no_record(
    ofrep: httpx.Client, catalog: Catalog
) -> None:
    answer = one(ofrep, "stopped")
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "key": "stopped",
            "variant": "",
            "reason": "DISABLED",
            "metadata": {"killedBy": "admin", "killedBecause": "it says too much"},
        },
    )
    assert requests(catalog) == 0


def test_when_everything_is_switched_off_every_flag_is_disabled_until_it_is_lifted(
    ofrep: httpx.Client, catalog: Catalog
) -> None:
    kill = catalog.client.kills.everything("because")
    assert {flag["reason"] for flag in every(ofrep).json()["flags"]} == {"DISABLED"}
    assert one(ofrep, "answer").json()["reason"] == "DISABLED"
    catalog.client.kills.lift(kill.number, "because")
    assert one(ofrep, "answer").json()["reason"] == "STATIC"


def test_a_pinned_route_whose_bundle_is_withdrawn_has_an_error_and_no_value(
    ofrep: httpx.Client, catalog: Catalog
) -> None:
    catalog.client.kills.bundle(catalog.bundle(1, 1).ref, "because")
    answer = one(ofrep, "answer")
    assert answer.status_code == 400
    assert (answer.json()["key"], answer.json()["errorCode"]) == ("answer", "GENERAL")
    assert "value" not in answer.json()


# --- all flags --------------------------------------------------------------------------


def test_all_flags_are_what_each_is_by_itself_and_nothing_is_recorded(
    ofrep: httpx.Client, catalog: Catalog
) -> None:
    answer = every(ofrep, BANK)
    assert answer.status_code == 200
    flags = {flag["key"]: flag for flag in answer.json()["flags"]}
    assert requests(catalog) == 0
    assert list(flags) == ["answer", "regulated", "stopped", "team/answer"]
    for route, flag in flags.items():
        alone = undated(one(ofrep, route, BANK))
        assert "inferenceId" not in flag["metadata"]
        alone["metadata"].pop("inferenceId", None)
        assert flag == alone
    version = catalog.client.inferences.resolve(
        "answer", "production", record=False
    ).manifest_version
    assert undated(answer)["metadata"] == {
        "manifestVersion": version,
        "environment": "production",
    }


def test_all_flags_are_sent_again_only_when_something_changed(
    ofrep: httpx.Client, catalog: Catalog
) -> None:
    etag = every(ofrep, BANK).headers["etag"]
    same = every(ofrep, BANK, **{"If-None-Match": etag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    other = every(ofrep, {"tenant": "bank-b"}, **{"If-None-Match": etag})
    assert (other.status_code, other.headers["etag"] != etag) == (200, True)
    catalog.deploy("answer@production", catalog.bundle(1, 2))
    changed = every(ofrep, BANK, **{"If-None-Match": etag})
    assert (changed.status_code, changed.headers["etag"] != etag) == (200, True)
    assert requests(catalog) == 0


def test_no_etag_that_a_client_makes_up_keeps_the_flags_from_it(ofrep: httpx.Client) -> None:
    for etag in ("*", "", '""', "W/", '"0"', "x" * 3_000, "\xff"):
        answer = ofrep.post(
            FLAGS, json={"context": {}}, headers=[(b"if-none-match", etag.encode("latin-1"))]
        )
        assert answer.status_code == 200


# --- environments -----------------------------------------------------------------------


def test_an_environment_has_a_base_of_its_own(ofrep: httpx.Client, catalog: Catalog) -> None:
    catalog.deploy("team/answer@staging", catalog.bundle(3, 3))
    staging = "/environments/staging"
    flag = one(ofrep, "team/answer", base=staging).json()
    assert flag["metadata"]["deployment"] == "deployments:/team/answer@staging/1"
    (listed,) = every(ofrep, base=staging).json()["flags"]
    assert listed["metadata"]["bundle"] == str(catalog.bundle(3, 3).ref)
    assert every(ofrep, base=staging).json()["metadata"]["environment"] == "staging"
    assert one(ofrep, "answer", base=staging).status_code == 404
    named, bare = every(ofrep, BANK, "/environments/production"), every(ofrep, BANK)
    assert undated(named) == undated(bare)


@pytest.mark.parametrize("name", ["nowhere", "Nowhere", "a b", "%00", "x" * 51, "🙂", "-"])
def test_an_environment_nobody_knows_is_not_found(ofrep: httpx.Client, name: str) -> None:
    base = f"/environments/{name}"
    for answer in (one(ofrep, "answer", base=base), every(ofrep, base=base)):
        assert answer.status_code == 404


# --- what is wrong, and who may ---------------------------------------------------------


@pytest.mark.parametrize("address", [f"{FLAGS}/answer", FLAGS])
@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_cannot_be_read_is_a_parse_error_in_the_words_of_ofrep(
    ofrep: httpx.Client, address: str, body: bytes
) -> None:
    answer = ofrep.post(address, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json().get("errorCode")) == (400, "PARSE_ERROR")
    assert answer.json()["errorDetails"]
    assert answer.json().get("key") == ("answer" if address != FLAGS else None)


@pytest.mark.parametrize("address", [f"{FLAGS}/answer", FLAGS])
@pytest.mark.parametrize("context", BAD_CONTEXTS, ids=repr)
def test_a_context_that_is_no_object_is_invalid_in_the_words_of_ofrep(
    ofrep: httpx.Client, address: str, context: Any
) -> None:
    answer = ofrep.post(address, json={"context": context})
    assert (answer.status_code, answer.json().get("errorCode")) == (400, "INVALID_CONTEXT")
    assert "context" in answer.json()["errorDetails"]


def test_a_request_without_a_context_is_one_with_an_empty_context(ofrep: httpx.Client) -> None:
    assert undated(ofrep.post(FLAGS, json={})) == undated(every(ofrep))


def test_no_context_brings_the_door_down_and_every_answer_keeps_to_the_protocol(
    ofrep: httpx.Client,
) -> None:
    for context in HOSTILE:
        answers = [one(ofrep, route, context) for route in ("answer", "team/answer", "regulated")]
        assert {answer.status_code for answer in answers} <= {200, 400}, context
        listed = every(ofrep, context)
        assert listed.status_code == 200, context
        for flag in [*(answer.json() for answer in answers), *listed.json()["flags"]]:
            _keeps_to_the_protocol(flag)


def test_an_integer_that_no_double_holds_is_an_invalid_context_only_where_it_is_recorded(
    ofrep: httpx.Client,
) -> None:
    answer = one(ofrep, "answer", {"a": 2**53 + 1})
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "INVALID_CONTEXT")
    assert every(ofrep, {"a": 2**53 + 1}).status_code == 200


def test_a_key_of_ours_is_needed_and_a_flood_is_never_told_to_slow_down(
    ofrep: httpx.Client, url: str, issue: Callable[[Role], str]
) -> None:
    assert httpx.post(f"{url}{FLAGS}/answer", json={"context": {}}).status_code == 401
    viewer = {"X-API-Key": issue(Role.VIEWER)}
    assert httpx.post(f"{url}{FLAGS}", json={"context": {}}, headers=viewer).status_code == 403
    codes = {one(ofrep, "answer", BANK).status_code for _ in range(300)}
    assert codes == {200}


def _keeps_to_the_protocol(flag: dict[str, Any]) -> None:
    assert json.loads(json.dumps(flag, allow_nan=False)) == flag
    assert isinstance(flag["key"], str)
    if "errorCode" in flag:
        assert set(flag) == {"key", "errorCode", "errorDetails"}
        assert flag["errorCode"] in FAILURES
        return
    assert flag["reason"] in REASONS
    assert isinstance(flag["variant"], str)
    assert ("value" in flag) == (flag["reason"] != "DISABLED")
    assert {type(value) for value in flag["metadata"].values()} <= {str, int, float, bool}
