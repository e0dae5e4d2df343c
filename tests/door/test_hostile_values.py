"""Hostile values in every place that takes one: a clear 4xx or a kept value, never a 5xx."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support.catalog import Catalog
from tests.support.writes import Operation, Write, good_writes
from twinline.client import Client
from twinline.language.ids import new_id
from twinline.language.records import NewModelVersion, Role

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**31, 2**63, 10**30, 1.5, 1e308),
    *("", " ", "\n", "\x7f", "\u202e", "模型🙂", "x" * 3000, "../..", "%00", "9" * 40),
    *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-02-30T00:00:00Z"),
    *("prompts:/support/answer/1", "models:/churn@nothing", "bundles:/" + "0" * 12),
    *([], {}, [[]], {"a": 123456789012345678901}),
)
WORDS = (
    *("%00", "%FF", "%C0%AF", "%0A", "%F0%9F%99%82", "", "+", "-1", "0", "1.5", "1e9", "null"),
    *("9" * 40, "x" * 3000, "%D9%A3", "[]", "..", "true", "&=;", "prompts:%2Fp%2F1"),
    *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00%2B14:00", "1e400", "-99999999999999"),
)
NESTED: dict[Operation, tuple[dict[str, Any], ...]] = {
    ("post", "/models"): (
        {"run": {"id": "r", "started_at": "", "ended_at": "", "metrics": {"f1": 1}, "params": {}}},
        {"run": {"id": "r", "datasets": [{"name": "d", "digest": "1", "profile": {}}]}},
    ),
    ("post", "/prompts"): (
        {"template": [{"role": "user", "content": "x"}, {"type": "placeholder", "name": "h"}]},
    ),
    ("post", "/slots/{slot}/deployments"): (
        {"bundle": None, "policy": {"schema": "routing-policy/1", "default": {"bundle": ""}}},
    ),
    ("post", "/inferences"): (
        {"inferences": [{"model": "m", "prompt": "p", "slot": "routes:/a@b", "context": {}}]},
    ),
}


@pytest.fixture
def writes(client: Client) -> list[Write]:
    return good_writes(client)


@pytest.fixture
def openapi(url: str) -> dict[str, Any]:
    return httpx.get(f"{url}/openapi.json").json()


def test_no_member_of_any_body_can_bring_the_server_down(
    http: httpx.Client, writes: list[Write], openapi: dict[str, Any]
) -> None:
    tried, failed = 0, []
    for write in writes:
        seen = {"If-Match": write.if_match} if write.if_match else {}
        for place, body in _spoilt(write, openapi):
            tried += 1
            answer = http.request(write.operation[0], write.path, json=body, headers=seen)
            failed += _wrong(answer, f"{write.path} {place}")
    assert tried > 1_000
    assert failed == []


def test_no_parameter_of_any_reading_route_can_bring_the_server_down(
    http: httpx.Client, writes: list[Write], openapi: dict[str, Any]
) -> None:
    good = {"id": str(new_id()), "slot": "answer@production", "digest": "0" * 12, "number": "1"}
    good |= {"type": "index", "environment": "production", "server": "default", "provider": "x"}
    needed = {
        "node": "models:/churn/1",
        "change": "version",
        "side": "prompt",
        "subject": "bundles:/" + "0" * 12,
    }
    tried, failed = 0, []
    for path, methods in openapi["paths"].items():
        for one in methods.get("get", {}).get("parameters", ()) if "/api/v1" in path else ():
            for word in WORDS if one["in"] in ("path", "query") else ():
                values = {**good, "name": "churn"} | {one["name"]: word}
                address = path.removeprefix("/api/v1").format_map(values)
                query = needed | {one["name"]: word} if one["in"] == "query" else needed
                sent = "&".join(f"{name}={value}" for name, value in query.items())
                tried += 1
                answer = http.get(f"{address}?{sent}")
                failed += _wrong(answer, f"{path} {one['name']}={word[:40]}")
    assert tried > 500
    assert failed == []


@pytest.mark.parametrize("header", ["If-Match", "Idempotency-Key", "X-Request-Id", "Accept"])
def test_no_header_can_bring_the_server_down(
    http: httpx.Client, writes: list[Write], header: str
) -> None:
    odd = (
        b"",
        b"\xff\xfe",
        b"9" * 40,
        b'"',
        b'W/"1"',
        b"*",
        b"-1",
        b"\xd9\xa3",
        b"a,b",
        b"x" * 999,
    )
    write = next(one for one in writes if one.if_match == "0")
    failed = []
    for value in odd:
        sent = [(b"If-Match", b"0"), (header.encode(), value)][header == "If-Match" :]
        answer = http.post(write.path, json=write.body, headers=sent)
        failed += _wrong(answer, f"{header}: {value[:40]!r}")
    assert failed == []


@pytest.mark.parametrize(
    "at", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"], ids=["after", "before"]
)
def test_a_moment_beyond_the_calendar_is_refused_by_name(http: httpx.Client, at: str) -> None:
    run = {"id": "r", "started_at": at}
    for answer in (
        http.get("/slots/a@b", params={"at": at}),
        http.post("/keys", json={"owner": "x", "role": "viewer", "expires_at": at}),
        http.post("/models", json={"name": "m", "source_uri": "x:/y", "run": run}),
    ):
        assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    "odd",
    [
        {"context": {"n": 123456789012345678901}},
        {"context": {"a": {"b": [10**30 + 1]}}},
        {"latency_ms": 10**30},
        {"input_tokens": 2**31},
        {"deployment": 10**12, "slot": "routes:/a@b"},
        {"parent_id": "nothing"},
        {"slot": "routes:/no environment"},
        *("text", 7, None, []),
    ],
    ids=str,
)
def test_one_odd_item_of_a_batch_is_refused_alone(
    client: Client, http: httpx.Client, odd: Any
) -> None:
    bundle = {"bundle": str(Catalog(client).bundle(1, 1).ref)}
    item = bundle | odd if isinstance(odd, dict) else odd
    answer = http.post("/inferences", json={"inferences": [bundle, item, bundle]})
    assert answer.status_code == 200, answer.text
    results = [one["result"] for one in answer.json()["items"]]
    assert results == ["recorded", "refused", "recorded"]
    assert len(answer.json()["items"][1]["detail"]) > 5


@pytest.mark.parametrize(
    "name",
    [
        *("gpt-4o:2024-08-06", "a@b", "a?b#c", "a%2Fb", "a;b&c=d", "v 1", "模型 🙂", "7", "a/7"),
        "versions",
    ],
)
def test_a_model_of_any_name_that_is_taken_can_be_read_back(client: Client, name: str) -> None:
    client.models.register(NewModelVersion(name="b", source_uri="another:/model"))
    made = client.models.register(NewModelVersion(name=name, source_uri="x:/y"))
    assert client.models.get(name, 1) == made
    assert list(client.models.versions(name)) == [made]


@pytest.mark.parametrize("name", ["..", ".", "a/../b", "a/versions"])
def test_a_name_that_no_address_can_say_is_refused_not_lost(http: httpx.Client, name: str) -> None:
    answer = http.post("/models", json={"name": name, "source_uri": "x:/y"})
    assert answer.status_code == 422
    assert "none may end in /versions" in answer.json()["detail"]


def test_numbers_that_postgresql_writes_otherwise_leave_the_log_whole(client: Client) -> None:
    extreme = [5e-324, 1.7976931348623157e308, -0.0, 1e16, 9007199254740993.0, 0.1, 1e-7, 1e22]
    metrics = {f"m{number}": value for number, value in enumerate(extreme)}
    new = NewModelVersion(name="m", source_uri="x:/y", metrics=metrics)
    assert client.models.register(new).metrics == metrics
    client.prompts.create("p", "x", parameters=metrics)
    client.bundles.pair("models:/m/1", "prompts:/p/1", metrics)
    assert client.audit.verify().whole


@pytest.mark.parametrize("path", ["/audit/", "/keys/", "/bundles/", "/prompts/", "/slots/", "//"])
def test_an_address_that_ends_in_a_slash_is_refused_not_redirected(
    http: httpx.Client, path: str
) -> None:
    answer = http.get(path)
    assert _wrong(answer, path) == []
    assert 400 <= answer.status_code < 500


def test_a_key_sent_twice_or_oddly_is_judged_once(
    url: str, issue: Callable[[Role], str], key: str
) -> None:
    viewer = issue(Role.VIEWER)
    for headers, status in (
        ([("Authorization", f"bearer {key}")], 200),
        ([("Authorization", f"Basic {key}")], 401),
        ([("Authorization", key)], 401),
        ([("X-API-Key", ""), ("Authorization", f"Bearer {key}")], 200),
        ([("X-API-Key", viewer), ("Authorization", f"Bearer {key}")], 403),
        ([("X-API-Key", f"{key}x")], 401),
        ([("X-API-Key", key.swapcase())], 401),
    ):
        answer = httpx.get(f"{url}/api/v1/keys", headers=headers)
        assert answer.status_code == status, headers
        assert (answer.headers.get("www-authenticate") == "Bearer") == (status == 401)


def _spoilt(write: Write, openapi: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The good body with one member after another replaced by each hostile value."""
    if write.body is None:
        return
    method, path = write.operation
    kind = openapi["paths"][f"/api/v1{path}"][method]["requestBody"]["content"]["application/json"]
    members = openapi["components"]["schemas"][kind["schema"]["$ref"].rpartition("/")[2]]
    for name in members["properties"]:
        for value in VALUES:
            yield f"{name}={value!r:.40}", {**write.body, name: value}
    for more in NESTED.get(write.operation, ()):
        whole = {**write.body, **more}
        for place in _places(more):
            for value in VALUES:
                yield f"{place}={value!r:.40}", _put(whole, place, value)
    for value in VALUES:
        yield f"body={value!r:.40}", value
        yield f"surprise={value!r:.40}", {**write.body, "surprise": value}


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, member in members:
        yield (*at, name)
        if isinstance(member, dict | list):
            yield from _places(member, (*at, name))


def _put(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(body)
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return changed


def _wrong(answer: httpx.Response, what: str) -> list[str]:
    """What is wrong with an answer: a server error, or a refusal that says nothing."""
    if answer.is_success:
        return []
    said = answer.headers.get("content-type") == "application/problem+json"
    if 400 <= answer.status_code < 500 and said and len(answer.json()["detail"]) > 5:
        return []
    return [f"{answer.status_code} {what}"]
