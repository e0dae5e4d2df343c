"""Manifests: signed to the byte, the same from every process, and told as soon as they change."""

import json
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import policies
from tests.support.apps import SECONDS, asked, managed
from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.db.session import Database
from twinline.language import signing
from twinline.language.errors import ManifestRefused
from twinline.language.ids import new_id
from twinline.language.records import Manifest, Role

SLOT = "answer@production"
WHERE = {"environment": "production"}
ROUTE = {"route": "answer", "environment": "production"}


@pytest.fixture
def catalog(client: Client) -> Catalog:
    made = Catalog(client)
    made.deploy(SLOT, made.bundle(1, 1))
    return made


def manifest(http: httpx.Client, **query: Any) -> httpx.Response:
    answer = http.get("/manifest", params=WHERE | query)
    assert answer.status_code == 200, answer.text
    return answer


def public(http: httpx.Client) -> str:
    return http.get("/manifest/key").json()["public"]


# --- what it holds ----------------------------------------------------------------------


def test_a_manifest_holds_all_that_is_live_in_its_environment_and_no_more(
    catalog: Catalog, http: httpx.Client
) -> None:
    document = policies.canary(catalog.bundle(1, 2).ref, catalog.bundle(2, 2).ref)
    made = catalog.client.slots.deploy(
        "split@production", policy=document, reason="x y", expected=0
    )
    catalog.deploy("answer@staging", catalog.bundle(2, 3))
    held = Manifest.model_validate_json(manifest(http).content)
    assert held.environment == "production"
    assert {name: slot.deployment for name, slot in held.slots.items()} == {
        "answer": 1,
        "split": 1,
    }
    assert held.slots["split"].policy == made.policy
    wanted = [catalog.bundle(1, 1), catalog.bundle(1, 2), catalog.bundle(2, 2)]
    assert set(held.bundles) == {bundle.digest for bundle in wanted}
    one = held.bundles[catalog.bundle(1, 2).digest].served
    assert one.prompt.template == "Answer 2: {{ question }}"
    assert one.model.uri == "runs:/run-1/model"


def test_a_manifest_says_what_is_killed(catalog: Catalog, http: httpx.Client) -> None:
    digest = catalog.bundle(1, 1).digest
    why = {"reason": "it leaks"}
    assert manifest(http).json()["killed"] is None
    http.post(f"/bundles/{digest}/kill", json=why).raise_for_status()
    assert manifest(http).json()["bundles"][digest]["state"] == "killed"
    http.post(f"/slots/{SLOT}/kill", json=why).raise_for_status()
    assert manifest(http).json()["slots"]["answer"]["killed"]["reason"] == "it leaks"
    http.post("/kills/everything", json=why).raise_for_status()
    assert manifest(http).json()["killed"]["by"] == "admin"


def test_every_change_of_what_is_live_raises_the_version_by_one(
    catalog: Catalog, http: httpx.Client
) -> None:
    def version() -> int:
        return manifest(http).json()["version"]

    digest = catalog.bundle(1, 2).digest
    why = {"reason": "because"}
    start, epoch = version(), manifest(http).json()["epoch"]
    acts: list[Callable[[], object]] = [
        lambda: catalog.deploy(SLOT, catalog.bundle(1, 2)),
        lambda: http.post(f"/slots/{SLOT}/kill", json=why),
        lambda: http.post(f"/bundles/{digest}/kill", json=why),
        lambda: http.post("/kills/everything", json=why),
        lambda: http.post(
            f"/kills/{http.get('/kills').json()['items'][0]['number']}/lift", json=why
        ),
        lambda: http.post(
            f"/slots/{SLOT}/rollback",
            json={"side": "prompt", "accept_untested": True, **why},
            headers={"If-Match": "2"},
        ),
    ]
    for number, act in enumerate(acts, start=1):
        act()
        assert version() == start + number, number
    catalog.bundle(2, 4)
    http.post(f"/slots/{SLOT}/kill", json=why)
    catalog.deploy("answer@staging", catalog.bundle(1, 3))
    assert version() == start + len(acts)
    assert manifest(http).json()["epoch"] == epoch


def test_the_version_of_a_manifest_is_what_resolutions_are_recorded_under(
    catalog: Catalog, http: httpx.Client
) -> None:
    for _ in range(3):
        catalog.deploy(SLOT, catalog.bundle(1, 1))
        found = http.post("/resolve", json=ROUTE).json()
        assert found["manifest_version"] == manifest(http).json()["version"]


def test_of_an_environment_where_nothing_was_live_there_is_no_manifest(
    catalog: Catalog, http: httpx.Client
) -> None:
    for path in ("/manifest", "/stream", "/clients"):
        answer = http.get(path, params={"environment": "prodution"})
        assert (answer.status_code, answer.json()["nearest"]) == (404, ["production"])
        assert http.get(path).status_code == 422


# --- signatures and tags ----------------------------------------------------------------


def test_the_signature_is_of_the_exact_bytes_by_the_named_key(
    catalog: Catalog, http: httpx.Client
) -> None:
    answer = manifest(http)
    signature = answer.headers["x-twinline-signature"]
    signing.verify(public(http), signature, answer.content)
    key = http.get("/manifest/key").json()
    assert key["id"] == signing.key_id(key["public"])
    with pytest.raises(ManifestRefused, match="not of these bytes"):
        signing.verify(signing.public_key(signing.new_private_key()), signature, answer.content)


def test_one_changed_bit_is_refused_wherever_it_is(catalog: Catalog, http: httpx.Client) -> None:
    answer, key = manifest(http), public(http)
    signature = answer.headers["x-twinline-signature"]

    @settings(max_examples=200)
    @given(st.integers(0, 8 * len(answer.content) - 1))
    def changed(bit: int) -> None:
        content = bytearray(answer.content)
        content[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ManifestRefused):
            signing.verify(key, signature, bytes(content))

    changed()
    for other in (answer.content + b" ", answer.content[:-1], b""):
        with pytest.raises(ManifestRefused):
            signing.verify(key, signature, other)


def test_the_private_key_is_told_nobody(catalog: Catalog, http: httpx.Client) -> None:
    key = http.get("/manifest/key").json()
    assert set(key) == {"id", "public"}
    assert len(signing._decode(key["public"])) == 32
    assert "private" not in manifest(http).text
    assert "signing" not in "".join(event.action for event in catalog.client.audit.events())


def test_who_has_the_newest_is_told_so_without_a_body(catalog: Catalog, http: httpx.Client) -> None:
    first = manifest(http)
    etag = first.headers["etag"]
    assert etag.startswith('"')
    for known in (etag, f"W/{etag}", etag.strip('"')):
        same = http.get("/manifest", params=WHERE, headers={"If-None-Match": known})
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["etag"] == etag
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    other = http.get("/manifest", params=WHERE, headers={"If-None-Match": etag})
    assert other.status_code == 200
    assert other.headers["etag"] != etag
    assert http.get("/manifest", params=WHERE, headers={"If-None-Match": '"x"'}).status_code == 200


# --- over real commits ------------------------------------------------------------------


@pytest.fixture
def here(database: Database) -> Iterator[httpx.Client]:
    with asked(database) as http:
        yield http


@pytest.fixture
def there(database: Database, here: httpx.Client) -> Iterator[httpx.Client]:
    """A second application over the same database."""
    with asked(database) as http:
        yield http


@pytest.fixture
def live(here: httpx.Client) -> Iterator[Catalog]:
    with managed(here) as client:
        made = Catalog(client)
        made.deploy(SLOT, made.bundle(1, 1))
        yield made


def test_two_applications_over_one_database_sign_the_same_bytes(
    live: Catalog, here: httpx.Client, there: httpx.Client
) -> None:
    for prompt in (1, 2, 3):
        number = live.deploy(SLOT, live.bundle(1, prompt)).number
        one = manifest(here)
        _until(
            lambda number=number: manifest(there).json()["slots"]["answer"]["deployment"] == number
        )
        other = manifest(there)
        assert one.content == other.content
        assert one.headers["etag"] == other.headers["etag"]
        assert one.headers["x-twinline-signature"] == other.headers["x-twinline-signature"]
    assert public(here) == public(there)


def test_a_deployment_is_seen_by_the_very_next_resolve_of_its_process(
    live: Catalog, here: httpx.Client
) -> None:
    bundles = [live.bundle(1, prompt) for prompt in (1, 2)]
    for number in range(2, 102):
        bundle = bundles[number % 2]
        body = {"bundle": str(bundle.ref), "reason": "because"}
        headers = {"If-Match": str(number - 1)}
        made = here.post(f"/slots/{SLOT}/deployments", json=body, headers=headers)
        assert made.status_code == 201
        found = here.post("/resolve", json=ROUTE | {"record": number % 3 == 0}).json()
        assert (found["deployment"], found["bundle"]["ref"]) == (
            made.json()["ref"],
            str(bundle.ref),
        )


def test_a_kill_is_obeyed_by_the_very_next_resolve_of_its_process(
    live: Catalog, here: httpx.Client
) -> None:
    why = {"reason": "because"}
    for _ in range(30):
        number = here.post(f"/slots/{SLOT}/kill", json=why).json()["number"]
        assert here.post("/resolve", json=ROUTE).status_code == 409
        here.post(f"/kills/{number}/lift", json=why).raise_for_status()
        assert here.post("/resolve", json=ROUTE).status_code == 200


def test_a_deployment_is_soon_seen_by_another_process(
    live: Catalog, here: httpx.Client, there: httpx.Client
) -> None:
    """Meant is 250 ms; a busy machine gets ten times that, far from the next poll."""
    there.post("/resolve", json=ROUTE).raise_for_status()
    spent: list[float] = []
    for number in range(2, 12):
        deployed = live.deploy(SLOT, live.bundle(1, number % 2 + 1)).ref
        begun = time.monotonic()
        _until(lambda ref=deployed: _resolved(there)["deployment"] == str(ref))
        spent.append(time.monotonic() - begun)
    print(f"slowest {max(spent) * 1000:.0f} ms, median {sorted(spent)[5] * 1000:.0f} ms")
    assert max(spent) < 2.5


def test_a_key_that_is_revoked_in_one_process_is_soon_refused_by_another(
    live: Catalog, here: httpx.Client, there: httpx.Client
) -> None:
    issued = live.client.keys.issue("app", Role.SERVICE)
    own = {"X-API-Key": issued.key}
    ask = lambda http: http.post("/resolve", json=ROUTE, headers=own).status_code  # noqa: E731 -- one line says it
    assert [ask(here), ask(there)] == [200, 200]
    live.client.keys.revoke(issued.prefix)
    assert ask(here) == 401
    _until(lambda: ask(there) == 401)


def test_a_long_poll_returns_as_soon_as_something_changes(
    live: Catalog, here: httpx.Client, there: httpx.Client
) -> None:
    for http in (here, there):
        etag = manifest(http).headers["etag"]
        with _meanwhile(lambda http=http, etag=etag: _polled(http, etag, wait=30)) as polled:
            time.sleep(0.3)
            assert polled == []
            number = live.deploy(SLOT, live.bundle(1, 2)).number
            _until(lambda polled=polled: polled != [])
        (answer,) = polled
        assert answer.status_code == 200
        assert answer.json()["slots"]["answer"]["deployment"] == number


def test_a_long_poll_in_vain_ends_after_its_wait(live: Catalog, here: httpx.Client) -> None:
    etag = manifest(here).headers["etag"]
    begun = time.monotonic()
    answer = _polled(here, etag, wait=0.5)
    assert 0.4 < time.monotonic() - begun < SECONDS
    assert answer.status_code == 304
    begun = time.monotonic()
    assert _polled(here, '"another"', wait=30).status_code == 200
    assert time.monotonic() - begun < SECONDS


def test_a_change_of_another_environment_wakes_nobody(live: Catalog, here: httpx.Client) -> None:
    etag = manifest(here).headers["etag"]
    with _meanwhile(lambda: _polled(here, etag, wait=1)) as polled:
        live.deploy("answer@staging", live.bundle(1, 1))
        _until(lambda: polled != [])
    assert polled[0].status_code == 304


def test_the_stream_says_the_version_at_once_and_on_every_change(
    live: Catalog, here: httpx.Client, there: httpx.Client
) -> None:
    with there.stream("GET", "/stream", params=WHERE) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        events = _events(stream.iter_lines())
        first = next(events)
        assert first["version"] == manifest(here).json()["version"]
        for prompt in (2, 3):
            live.deploy(SLOT, live.bundle(1, prompt))
            said, now = next(events), manifest(here)
            assert said == {
                "environment": "production",
                "version": now.json()["version"],
                "etag": now.headers["etag"].strip('"'),
            }


def test_a_stream_ends_when_its_reader_leaves_and_the_server_stops_in_time(
    database: Database,
) -> None:
    with asked(database) as http, managed(http) as client:
        catalog = Catalog(client)
        catalog.deploy(SLOT, catalog.bundle(1, 1))
        for _ in range(20):
            with http.stream("GET", "/stream", params=WHERE) as stream:
                assert next(_events(stream.iter_lines()))["version"] >= 1
        assert http.get("/slots").status_code == 200
        begun = time.monotonic()
    assert time.monotonic() - begun < SECONDS


# --- clients ----------------------------------------------------------------------------


def report(http: httpx.Client, **more: Any) -> httpx.Response:
    body = {
        "id": str(new_id()), "environment": "production", "epoch": None, "version": None,
        "served_from": "stream", "stale_seconds": 0, "spooled": 0, "dropped": 0, "damaged": 0,
        "host": "host-1", "pid": 17, "library": "twinline-python/0.1.0",
        "started_at": "2026-01-01T00:00:00Z", **more,
    }  # fmt: skip
    return http.post("/clients", json=body)


def test_the_clients_at_the_newest_manifest_are_counted(
    catalog: Catalog, http: httpx.Client
) -> None:
    now = manifest(http).json()
    place = {"epoch": now["epoch"], "version": now["version"]}
    ids = [str(new_id()) for _ in range(4)]
    behind = {"version": now["version"] - 1}
    other_epoch = {"epoch": "00000000-0000-4000-8000-000000000000"}
    for id, said in zip(ids, ({}, behind, other_epoch, {}), strict=True):
        assert report(http, id=id, **(place | said)).status_code == 204
    assert report(http, version=None).status_code == 204
    fleet = http.get("/clients", params=WHERE).json()
    assert (fleet["clients"], fleet["current"]) == (5, 2)
    assert fleet["version"] == now["version"]
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    assert http.get("/clients", params=WHERE).json()["current"] == 0
    report(http, id=ids[0], epoch=now["epoch"], version=now["version"] + 1)
    fleet = http.get("/clients", params=WHERE).json()
    assert (fleet["clients"], fleet["current"]) == (5, 1)


def test_a_client_s_last_report_takes_the_place_of_the_one_before(
    catalog: Catalog, http: httpx.Client
) -> None:
    id = str(new_id())
    report(http, id=id, spooled=5).raise_for_status()
    report(http, id=id, spooled=2, dropped=1, served_from="file", host="x").raise_for_status()
    (one,) = http.get("/clients", params=WHERE).json()["items"]
    assert (one["id"], one["spooled"], one["dropped"]) == (id, 2, 1)
    assert (one["served_from"], one["host"], one["owner"]) == ("file", "x", "admin")


def test_clients_are_counted_in_their_own_environment(catalog: Catalog, http: httpx.Client) -> None:
    catalog.deploy("answer@staging", catalog.bundle(1, 1))
    report(http, environment="staging").raise_for_status()
    assert http.get("/clients", params=WHERE).json()["clients"] == 0
    assert http.get("/clients", params={"environment": "staging"}).json()["clients"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "x"}, {"version": -1}, {"version": 2**63}, {"stale_seconds": -1}, {"spooled": -1},
        {"spooled": 2**63}, {"host": "h" * 201}, {"host": "\x00"}, {"pid": 2**31},
        {"pid": "x"}, {"started_at": "yesterday"}, {"served_from": "nowhere"}, {"surprise": 1},
        {"environment": "no environment"},
    ],
    ids=str,
)  # fmt: skip
def test_a_report_that_makes_no_sense_is_refused(http: httpx.Client, wrong: dict[str, Any]) -> None:
    answer = report(http, **wrong)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_independent_reader_of_the_standard_verifies_too(
    catalog: Catalog, http: httpx.Client
) -> None:
    answer = manifest(http)
    key = Ed25519PublicKey.from_public_bytes(signing._decode(public(http)))
    signature = signing._decode(answer.headers["x-twinline-signature"])
    key.verify(signature, answer.content)
    with pytest.raises(InvalidSignature):
        key.verify(signature, json.dumps(answer.json()).encode())


def _resolved(http: httpx.Client) -> dict[str, Any]:
    return http.post("/resolve", json=ROUTE | {"record": False}).json()


def _polled(http: httpx.Client, etag: str, wait: float) -> httpx.Response:
    headers = {"If-None-Match": etag}
    query = WHERE | {"wait": str(wait)}
    return http.get("/manifest", params=query, headers=headers, timeout=wait + SECONDS)


@contextmanager
def _meanwhile(act: Callable[[], httpx.Response]) -> Generator[list[httpx.Response]]:
    """What ``act`` returned, once it has."""
    found: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: found.append(act()))
    thread.start()
    yield found
    thread.join()


def _events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    event: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif "data" in event:
            assert event["event"] == "version"
            said = json.loads(event["data"])
            assert event["id"] == str(said["version"])
            yield said
            event = {}


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.005)
