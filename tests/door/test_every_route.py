"""What every route promises alike: who gets in, one audit event, once per key, whole pages.

The routes are read from the OpenAPI document, so a new one fails here until it is listed.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.support.catalog import Catalog
from tests.support.rehearsal import Rehearsal
from tests.support.writes import SLOT, Operation, Write, good_writes, send
from twinline.client import Client
from twinline.db.schema import metadata
from twinline.language.ids import new_id
from twinline.language.records import Role

Issue = Callable[[Role], str]

READERS = "viewer author releaser service runner auditor admin"
WHO_MAY: dict[Operation, str] = {
    ("get", "/slots/{slot}/rollback/preview"): READERS,
    ("post", "/slots/{slot}/rollback"): "releaser admin",
    ("get", "/slots"): READERS,
    ("get", "/slots/{slot}/deployments"): READERS,
    ("post", "/slots/{slot}/deployments"): "releaser admin",
    ("get", "/slots/{slot}/timeline"): READERS,
    ("get", "/slots/{slot}/changes"): READERS,
    ("get", "/slots/{slot}/blame"): READERS,
    ("get", "/environments/{environment}/live"): READERS,
    ("get", "/divergences"): READERS,
    ("get", "/slots/{slot}/ramp/preview"): READERS,
    ("post", "/slots/{slot}/ramp"): "releaser admin",
    ("post", "/slots/{slot}/explain"): READERS,
    ("post", "/slots/{slot}/kill"): "releaser admin",
    ("get", "/slots/{slot}"): READERS,
    ("get", "/policies/schema"): READERS,
    ("post", "/policies/check"): READERS,
    ("post", "/prompts"): "author admin",
    ("post", "/prompts/check"): READERS,
    ("post", "/prompts/import"): "author admin",
    ("get", "/prompts/export"): READERS,
    ("get", "/prompts/{name}/versions/includes"): READERS,
    ("get", "/prompts/{name}/versions/included-by"): READERS,
    ("get", "/prompts/{name}/versions/outdated"): READERS,
    ("post", "/prompts/{name}/update-includers"): "author admin",
    ("post", "/prompts/{name}/retire"): "releaser admin",
    ("post", "/prompts/{name}/unretire"): "releaser admin",
    ("get", "/prompts"): READERS,
    ("get", "/prompts/{name}/versions/{number}"): READERS,
    ("get", "/prompts/{name}/versions"): READERS,
    ("get", "/prompts/{name}/labels"): READERS,
    ("put", "/prompts/{name}/labels/{label}"): "author releaser admin",
    ("delete", "/prompts/{name}/labels/{label}"): "author releaser admin",
    ("post", "/prompts/{name}/promote"): "author releaser admin",
    ("get", "/labels/protected"): READERS,
    ("put", "/labels/{label}/protection"): "releaser admin",
    ("delete", "/labels/{label}/protection"): "releaser admin",
    ("get", "/prompts/{name}/history"): READERS,
    ("get", "/prompts/{name}/diff"): READERS,
    ("get", "/prompts/{name}/access"): READERS,
    ("get", "/prompts/{name}/access/versions"): READERS,
    ("get", "/prompts/{name}"): READERS,
    ("post", "/models"): "author admin",
    ("put", "/models/names"): "author admin",
    ("get", "/models/names"): READERS,
    ("delete", "/models/names/{provider}/{name}"): "author admin",
    ("get", "/models"): READERS,
    ("get", "/models/{name}/versions/{number}"): READERS,
    ("get", "/models/{name}/versions"): READERS,
    ("get", "/models/{name}"): READERS,
    ("get", "/runs/{id}"): READERS,
    ("get", "/datasets/{name}"): READERS,
    ("post", "/mlflow/models"): "author admin",
    ("post", "/mlflow/servers/{server}/changes"): "mlflow admin",
    ("get", "/mlflow/servers/{server}/changes"): READERS,
    ("get", "/mlflow/links"): READERS,
    ("get", "/mlflow/links/{slot}"): READERS,
    ("get", "/mlflow/links/{slot}/moves"): READERS,
    ("put", "/mlflow/links/{slot}"): "releaser admin",
    ("delete", "/mlflow/links/{slot}"): "releaser admin",
    ("get", "/mlflow/proposals"): READERS,
    ("post", "/mlflow/proposals/{number}/accept"): "releaser admin",
    ("post", "/mlflow/proposals/{number}/decline"): "releaser admin",
    ("get", "/mlflow/status"): READERS,
    ("get", "/mlflow/drift"): READERS,
    ("get", "/mlflow/history/aliases"): READERS,
    ("get", "/mlflow/history/tags"): READERS,
    ("post", "/mlflow/sync"): "author admin",
    ("post", "/mlflow/hooks"): "admin",
    ("post", "/bundles"): "author releaser admin",
    ("get", "/bundles"): READERS,
    ("get", "/bundles/{digest}"): READERS,
    ("post", "/bundles/{digest}/kill"): "releaser admin",
    ("get", "/kills"): READERS,
    ("post", "/kills/everything"): "releaser admin",
    ("post", "/kills/{number}/lift"): "releaser admin",
    ("post", "/recalls"): "releaser admin",
    ("get", "/recalls"): READERS,
    ("get", "/recalls/{number}"): READERS,
    ("get", "/recalls/{number}/plan"): READERS,
    ("post", "/recalls/{number}/execute"): "releaser admin",
    ("get", "/recalls/{number}/verify"): READERS,
    ("post", "/recalls/{number}/lift"): "releaser admin",
    ("put", "/pairings"): "author releaser admin",
    ("post", "/evaluations"): "author admin",
    ("get", "/evaluations"): READERS,
    ("get", "/evaluations/newest"): READERS,
    ("get", "/evaluations/compare"): READERS,
    ("get", "/evaluations/missing"): READERS,
    ("post", "/evaluations/waivers"): "admin",
    ("get", "/evaluations/waivers"): READERS,
    ("post", "/evaluations/pending"): "author admin",
    ("get", "/evaluations/pending"): READERS,
    ("get", "/evaluations/pending/{number}"): READERS,
    ("post", "/evaluations/claims"): "author runner admin",
    ("post", "/evaluations/pending/{number}/renew"): "author runner admin",
    ("post", "/evaluations/pending/{number}/report"): "author runner admin",
    ("post", "/evaluations/pending/{number}/fail"): "author runner admin",
    ("get", "/evaluations/{number}"): READERS,
    ("get", "/evaluations/{number}/cases"): READERS,
    ("get", "/suites"): READERS,
    ("get", "/suites/{name}"): READERS,
    ("put", "/suites/{name}"): "admin",
    ("post", "/suites/{name}/prompts"): "author admin",
    ("delete", "/suites/{name}/prompts/{prompts}"): "author admin",
    ("post", "/suites/{name}/required"): "admin",
    ("delete", "/suites/{name}/required/{place}"): "admin",
    ("post", "/resolve"): "service admin",
    ("get", "/manifest"): "service admin",
    ("get", "/manifest/key"): "service admin",
    ("get", "/stream"): "service admin",
    ("post", "/clients"): "service admin",
    ("get", "/clients"): READERS,
    ("get", "/experiments/{slot}"): READERS,
    ("post", "/inferences"): "service admin",
    ("post", "/inferences/days"): "service admin",
    ("get", "/inferences/{id}"): READERS,
    ("post", "/inferences/{id}/outcomes"): "service admin",
    ("get", "/lineage"): READERS,
    ("get", "/impact"): READERS,
    ("get", "/impact/inferences"): READERS,
    ("get", "/inferences/{id}/lineage"): READERS,
    ("post", "/inferences/{id}/replay"): READERS,
    ("get", "/inferences"): READERS,
    ("get", "/impact/decisions"): READERS,
    ("get", "/impact/prospect"): READERS,
    ("get", "/arrivals"): READERS,
    ("get", "/impact.csv"): READERS,
    ("get", "/impact.arrow"): READERS,
    ("get", "/inferences.arrow"): READERS,
    ("post", "/lineage"): "author admin",
    ("post", "/nodes"): "author admin",
    ("get", "/nodes"): READERS,
    ("get", "/nodes/{type}/{name}"): READERS,
    ("post", "/edges"): "author admin",
    ("post", "/edges/end"): "author admin",
    ("post", "/retirements"): "releaser admin",
    ("get", "/retirements"): READERS,
    ("post", "/retirements/{number}/lift"): "releaser admin",
    ("put", "/slots/{slot}/owner"): "releaser admin",
    ("put", "/routes/{route}/owner"): "releaser admin",
    ("get", "/exports/cyclonedx"): READERS,
    ("get", "/exports/intoto"): READERS,
    ("get", "/exports/key"): READERS,
    ("get", "/exports/prov"): READERS,
    ("get", "/exports/graphml"): READERS,
    ("get", "/exports/openlineage"): READERS,
    ("post", "/keys"): "admin",
    ("get", "/keys"): "admin",
    ("delete", "/keys/{prefix}"): "admin",
    ("get", "/audit"): "auditor admin",
    ("get", "/audit/verify"): "auditor admin",
}


@pytest.fixture
def operations(url: str) -> set[Operation]:
    document = httpx.get(f"{url}/openapi.json").json()
    return {
        (method, path.removeprefix("/api/v1"))
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith("/api/v1")
    }


@pytest.fixture
def writes(client: Client) -> list[Write]:
    return good_writes(client)


ELSEWHERE = {("post", f"/mlflow/{what}") for what in ("models", "sync", "hooks")} | {
    ("post", f"/mlflow/proposals/{{number}}/{what}") for what in ("accept", "decline")
}
"""Writes that need another server; `test_mlflow.py`, `test_mlflow_hooks.py` and
`test_mlflow_links.py` have one."""
SIGNED = {("post", "/mlflow/webhooks/{server}")}
"""What is let in by its signature; `test_mlflow_hooks.py` signs."""
QUESTIONS = {
    ("post", "/prompts/check"),
    ("post", "/policies/check"),
    ("post", "/slots/{slot}/explain"),
    ("post", "/inferences/{id}/replay"),
}
"""What is asked with a body and changes nothing; `test_prompt_content.py`, `test_policies.py`
and `test_explanations.py` ask them."""


def test_every_route_is_known_to_these_tests(
    operations: set[Operation], writes: list[Write]
) -> None:
    assert set(WHO_MAY) | SIGNED == operations
    changing = {operation for operation in operations if operation[0] != "get"}
    assert {write.operation for write in writes} | ELSEWHERE | SIGNED | QUESTIONS == changing


@pytest.mark.parametrize("role", list(Role))
def test_each_route_lets_in_the_roles_that_it_should(url: str, issue: Issue, role: Role) -> None:
    with httpx.Client(base_url=f"{url}/api/v1", headers={"X-API-Key": issue(role)}) as http:
        for (method, path), who in WHO_MAY.items():
            body = None if method == "get" else {}
            status = http.request(method, _filled(path), json=body).status_code
            assert (status != 403) == (role in who.split()), (method, path, status)
            assert status != 401


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"",
    ],
    ids=["an empty object", "no body"],
)
def test_without_a_key_nothing_is_judged_but_the_key(url: str, content: bytes) -> None:
    json_sent = {"Content-Type": "application/json"}
    found = {
        (method, path): httpx.request(
            method, f"{url}/api/v1{_filled(path)}", content=content, headers=json_sent
        )
        for method, path in WHO_MAY
        if method != "get" or not content
    }
    assert {answer.status_code for answer in found.values()} == {401}, {
        operation: answer.text[:100]
        for operation, answer in found.items()
        if answer.status_code != 401
    }
    for answer in found.values():
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"


def test_every_write_leaves_its_audit_events_by_who_sent_it(
    url: str, client: Client, issue: Issue, writes: list[Write]
) -> None:
    keys = {write.by: issue(write.by) for write in writes}
    for write in writes:
        before = client.audit.verify().events
        answer = send(url, keys[write.by], write)
        assert answer.is_success, (write.path, answer.text)
        made = client.audit.verify().events - before
        newest = [event for event, _ in zip(client.audit.events(), range(made), strict=False)]
        assert sorted(event.action for event in newest) == sorted(write.actions), write.path
        assert {event.actor for event in newest} <= {write.by.value}
    assert client.audit.verify().whole


def test_a_write_whose_audit_event_cannot_be_kept_does_not_happen(
    url: str, client: Client, rehearsal: Rehearsal, issue: Issue, writes: list[Write]
) -> None:
    keys = {write.by: issue(write.by) for write in writes}
    with rehearsal.writing("test") as tx:
        refuse = (
            "create function no_event() returns trigger language plpgsql as"
            " $$ begin raise exception 'the log is full'; end $$"
        )
        tx.run(text(refuse))
        tx.run(
            text("create trigger no_event before insert on audit_event"
                 " for each row execute function no_event()")
        )  # fmt: skip
    before = _contents(rehearsal)
    for write in writes:
        if write.actions:
            assert send(url, keys[write.by], write).status_code == 500, write.path
            assert _contents(rehearsal) == before, write.path
    served = next(write for write in writes if write.operation == ("post", "/resolve"))
    assert send(url, keys[served.by], served).status_code == 200
    assert _contents(rehearsal) != before


def test_every_route_that_takes_an_idempotency_key_happens_once_per_key(
    url: str, client: Client, rehearsal: Rehearsal, issue: Issue, writes: list[Write]
) -> None:
    document = httpx.get(f"{url}/openapi.json").json()["paths"]
    tried = 0
    for write in writes:
        method, path = write.operation
        named = {one["name"] for one in document[f"/api/v1{path}"][method].get("parameters", ())}
        if "Idempotency-Key" not in named:
            continue
        tried += 1
        key, headers = issue(write.by), {"Idempotency-Key": f"key {tried}"}
        first = send(url, key, write, headers)
        kept = _contents(rehearsal)
        again = send(url, key, write, headers)
        assert first.is_success, first.text
        assert (again.status_code, again.json()) == (first.status_code, first.json()), path
        assert again.headers["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in first.headers
        assert _contents(rehearsal) == kept, path
    assert tried == 41


def test_without_a_key_the_same_request_happens_twice(client: Client, http: httpx.Client) -> None:
    catalog = Catalog(client)
    body = {"subject": str(catalog.bundle(1, 1).ref), "suite": "s", "passed": 1, "failed": 0}
    before = client.audit.verify().events
    assert [http.post("/evaluations", json=body).status_code for _ in range(2)] == [201, 201]
    assert client.audit.verify().events == before + 2
    (kept,) = catalog.serve(SLOT, catalog.bundle(1, 1), 1)
    path = f"/inferences/{kept.id}/outcomes"
    numbers = [http.post(path, json={"status": "ok"}).json()["number"] for _ in range(2)]
    assert numbers == [1, 2]


def test_an_empty_idempotency_key_does_not_make_different_requests_one(
    client: Client, http: httpx.Client
) -> None:
    empty = {"Idempotency-Key": ""}
    answers = [
        http.post("/prompts", json={"name": name, "template": "x"}, headers=empty)
        for name in ("p", "q")
    ]
    kept = {prompt.name for prompt in client.prompts.list()}
    acknowledged = {answer.json()["name"] for answer in answers if answer.status_code == 201}
    assert acknowledged == kept
    assert len(acknowledged) == sum(answer.status_code == 201 for answer in answers)


def test_a_change_of_a_prompt_s_description_or_tags_leaves_an_event(
    client: Client, http: httpx.Client
) -> None:
    client.prompts.create("p", "x", description="old")
    before = client.audit.verify().events
    body = {"name": "p", "template": "x", "description": "new", "tags": {"team": "a"}}
    assert http.post("/prompts", json=body).status_code == 200
    (prompt,) = client.prompts.list()
    assert (prompt.description, prompt.tags) == ("new", {"team": "a"})
    assert client.audit.verify().events == before + 1


@pytest.mark.parametrize(
    ("tamper", "broken_at"),
    [
        ("update audit_event set why = 'other' where seq = 3", 3),
        ("update audit_event set at = at + interval '1 second' where seq = 4", 4),
        ("update audit_event set previous_hash = hash where seq = 5", 5),
        ("delete from audit_event where seq = 2", 2),
        ("delete from audit_event where seq = 1", 1),
        ("update audit_event set after = null where seq = 1", 1),
        ("update audit_event set seq = 1000 where seq = 6", 6),
    ],
)
def test_tampering_with_the_log_is_found_at_the_door(
    client: Client, rehearsal: Rehearsal, tamper: str, broken_at: int
) -> None:
    for number in range(8):
        client.prompts.create(f"p{number}", "x")
    assert client.audit.verify().whole
    with rehearsal.writing("thief") as tx:
        tx.run(text("alter table audit_event disable trigger refuse_row_change"))
        tx.run(text(tamper))
    found = client.audit.verify()
    assert (found.whole, found.broken_at) == (False, broken_at)


def test_pages_stay_whole_while_the_list_grows(client: Client, http: httpx.Client) -> None:
    catalog = Catalog(client)
    for number in range(1, 6):
        catalog.deploy(SLOT, catalog.bundle(1, number))
    seen: list[int] = []
    for page in _pages(http, f"/slots/{SLOT}/deployments", {}, 2):
        seen += [one["number"] for one in page]
        catalog.deploy(SLOT, catalog.bundle(1, 1 + len(seen) % 2))
    assert seen == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    "words",
    [
        ["prompts"], ["prompts", None], ["prompts", True], ["prompts", 1.5], ["prompts", 7],
        ["prompts", ["a"]], ["prompts", "a", "b"], {"prompts": "a"}, "prompts", 10**30, None,
    ],
    ids=str,
)  # fmt: skip
def test_a_made_up_cursor_is_refused(http: httpx.Client, words: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(words).encode()).decode().rstrip("=")
    answer = http.get("/prompts", params={"cursor": cursor})
    assert (answer.status_code, "no cursor of this list" in answer.text) == (422, True)


def _pages(
    http: httpx.Client, path: str, query: dict[str, str], limit: int
) -> Iterator[list[dict[str, Any]]]:
    cursor: dict[str, str] = {}
    while True:
        answer = http.get(path, params={**query, "limit": limit, **cursor}).json()
        assert len(answer["items"]) <= limit
        yield answer["items"]
        if answer["next"] is None:
            return
        assert len(answer["items"]) == limit
        cursor = {"cursor": answer["next"]}


def _contents(database: Rehearsal) -> dict[str, Any]:
    """A fingerprint of every table but the remembered answers."""
    with database.reading() as tx:
        return {
            name: tx.row(
                text(f"select count(*), coalesce(sum(hashtext(t::text)::bigint), 0) from {name} t")
            )
            for name in metadata.tables
            if name != "idempotency"
        }


def _filled(path: str) -> str:
    known = {"id": str(new_id()), "slot": SLOT, "number": "1", "digest": "0" * 12}
    return re.sub(r"\{(\w+)\}", lambda part: known.get(part[1], "abc"), path)
