"""Who gets in, what they may do, and that every change is written down."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import event, text

from tests.support.catalog import Catalog
from tests.support.rehearsal import Rehearsal
from twinline.access import actions as access
from twinline.access.rules import Permission, may
from twinline.client import Client
from twinline.db.session import Database
from twinline.language.records import NewKey, Role

SLOT = "answer@production"
Issue = Callable[[Role], str]


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
def test_a_key_is_taken_from_either_header(url: str, key: str, header: str) -> None:
    value = key if header == "X-API-Key" else f"Bearer {key}"
    assert httpx.get(f"{url}/api/v1/slots", headers={header: value}).status_code == 200


@pytest.mark.parametrize(
    "key",
    [
        *("", "twl_", "twl_x", "nonsense", "twl_" + "a" * 51, "Bearer", "' or 1=1 --"),
        *("twl_" + "A" * 43 + "00000000", "ключ".encode().decode("latin-1")),
    ],
)
def test_what_is_no_key_of_ours_is_refused_without_saying_why_too_closely(
    url: str, key: str
) -> None:
    headers = {"X-API-Key": key.encode("latin-1")}
    answer = httpx.get(f"{url}/api/v1/slots", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_expired_or_revoked_key_is_refused(client: Client, url: str) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    fresh = client.keys.issue("a", Role.VIEWER, soon)
    stale = client.keys.issue("b", Role.VIEWER, soon - timedelta(hours=2))
    revoked = client.keys.issue("c", Role.VIEWER)
    client.keys.revoke(revoked.prefix)
    found = [
        httpx.get(f"{url}/api/v1/slots", headers={"X-API-Key": issued.key}).status_code
        for issued in (fresh, stale, revoked)
    ]
    assert found == [200, 401, 401]


def test_no_secret_is_kept_or_listed(client: Client, rehearsal: Rehearsal) -> None:
    issued = client.keys.issue("app", Role.SERVICE)
    listed = [one.model_dump_json() for one in client.keys.list()]
    log = [one.model_dump_json() for one in client.audit.events()]
    with rehearsal.reading() as tx:
        kept = [str(dict(row)) for row in tx.rows(text("select * from api_key"))]
    for line in (*listed, *log, *kept):
        assert issued.key not in line


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_do_what_its_permissions_say_and_no_more(
    url: str, issue: Issue, role: Role
) -> None:
    tries = {
        Permission.READ: ("GET", "/slots"),
        Permission.RESOLVE: ("POST", "/resolve"),
        Permission.RECORD: ("POST", "/inferences"),
        Permission.PROMPTS: ("POST", "/prompts"),
        Permission.LABELS: ("POST", "/prompts/p/promote"),
        Permission.PROTECTED: ("PUT", "/labels/production/protection"),
        Permission.MODELS: ("POST", "/models"),
        Permission.BUNDLES: ("PUT", "/pairings"),
        Permission.EVALUATIONS: ("POST", "/evaluations"),
        Permission.RUN: ("POST", "/evaluations/claims"),
        Permission.SUITES: ("PUT", "/suites/golden"),
        Permission.LINEAGE: ("POST", "/nodes"),
        Permission.DEPLOY: ("POST", f"/slots/{SLOT}/deployments"),
        Permission.KILL: ("POST", "/kills/everything"),
        Permission.AUDIT: ("GET", "/audit"),
        Permission.KEYS: ("GET", "/keys"),
        Permission.MLFLOW: ("POST", "/mlflow/hooks"),
        Permission.REPORT: ("POST", "/mlflow/servers/default/changes"),
    }
    assert set(tries) == set(Permission)
    with httpx.Client(base_url=f"{url}/api/v1", headers={"X-API-Key": issue(role)}) as http:
        for permission, (method, path) in tries.items():
            body = None if method == "GET" else {}
            status = http.request(method, path, json=body).status_code
            assert (status != 403) == may(role, permission), (role, permission, status)


def test_every_write_leaves_an_audit_event_by_who_did_it(client: Client) -> None:
    catalog = Catalog(client)
    acts: list[tuple[str, Callable[[], object]]] = [
        ("prompt.create", lambda: client.prompts.create("p", "x")),
        ("label.move", lambda: client.prompts.move_label("p", "production", 1, reason="why")),
        ("bundle.create", lambda: catalog.bundle(1, 1)),
        ("deployment.deploy", lambda: catalog.deploy(SLOT, catalog.bundle(1, 1))),
        ("bundle.create", lambda: catalog.bundle(1, 2)),
        ("deployment.deploy", lambda: catalog.deploy(SLOT, catalog.bundle(1, 2))),
        (
            "deployment.rollback",
            lambda: client.slots.roll_back(
                SLOT, "prompt", reason="worse", expected=2, accept_untested=True
            ),
        ),
        (
            "pairing.state",
            lambda: client.bundles.state_pairing(
                "models:/churn/1", "prompts:/p/1", "compatible", reason="tried it"
            ),
        ),
        ("key.issue", lambda: client.keys.issue("x", Role.VIEWER)),
    ]
    for action, act in acts:
        act()
        newest = next(client.audit.events())
        assert (newest.action, newest.actor) == (action, "admin")
    reasons = {event.action: event.why for event in client.audit.events()}
    assert reasons["deployment.rollback"] == "worse"
    assert client.audit.verify().whole


def test_what_was_refused_leaves_no_event(client: Client, http: httpx.Client) -> None:
    before = client.audit.verify().events
    http.post("/prompts", json={"name": "x"})
    unknown = {"bundle": "bundles:/000000000000", "reason": "because"}
    http.post(f"/slots/{SLOT}/deployments", json=unknown, headers={"If-Match": "0"})
    http.post("/bundles", json={"model": "models:/a/1", "prompt": "prompts:/b/1"})
    assert client.audit.verify().events == before


def test_the_audit_log_comes_in_pages(client: Client, http: httpx.Client) -> None:
    for number in range(5):
        client.prompts.create(f"p{number}", "x")
    total = client.audit.verify().events
    first = http.get("/audit", params={"limit": 3}).json()
    assert [one["seq"] for one in first["items"]] == [total, total - 1, total - 2]
    second = http.get("/audit", params={"limit": 3, "cursor": first["next"]}).json()
    assert second["items"][0]["seq"] == total - 3
    assert [one.seq for one in client.audit.events()] == list(range(total, 0, -1))


def test_what_one_transaction_does_is_appended_at_once_and_in_order(database: Database) -> None:
    appending: list[str] = []
    listen = lambda *args: "audit_event" in args[2] and appending.append(args[2])  # noqa: E731 -- one line says it
    event.listen(database.engine, "before_cursor_execute", listen)
    with database.writing("admin") as tx:
        keys = [access.issue_key(tx, NewKey(owner=f"owner {n}", role=Role.VIEWER)) for n in "abc"]
    assert len(appending) == 2  # where the chain ends, and all that comes behind
    with database.reading() as tx:
        log = access.audit_log(tx, before=None, limit=10).items
        assert access.verify_log(tx).whole
    assert [(one.seq, one.subject) for one in log] == [
        (3, keys[2].prefix),
        (2, keys[1].prefix),
        (1, keys[0].prefix),
    ]


def test_a_tampered_log_is_found_where_it_was_tampered(database: Database) -> None:
    for number in range(5):
        with database.writing("admin") as tx:
            access.issue_key(tx, NewKey(owner=f"owner {number}", role=Role.VIEWER))
    with database.writing("thief") as tx:
        tx.run(text("alter table audit_event disable trigger refuse_row_change"))
        tx.run(text("update audit_event set actor = 'somebody else' where seq = 3"))
    with database.reading() as tx:
        verdict = access.verify_log(tx)
    assert (verdict.whole, verdict.broken_at, verdict.events) == (False, 3, 5)


def test_an_idempotency_key_stands_for_one_request(client: Client, http: httpx.Client) -> None:
    body = {"name": "p", "template": "x"}
    headers = {"Idempotency-Key": "k1"}
    first = http.post("/prompts", json=body, headers=headers)
    again = http.post("/prompts", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = http.post("/prompts", json=body | {"template": "y"}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (
        422,
        "urn:twinline:problem:idempotency-key-reused",
    )
    assert len(list(client.prompts.versions("p"))) == 1


def test_a_request_that_failed_does_not_use_up_its_key(client: Client, http: httpx.Client) -> None:
    body = {"model": "models:/churn/1", "prompt": "prompts:/support/answer/1"}
    headers = {"Idempotency-Key": "k1"}
    assert http.post("/bundles", json=body, headers=headers).status_code == 404
    Catalog(client).bundle(1, 1)
    assert http.post("/bundles", json=body, headers=headers).status_code == 200


def test_keys_of_different_owners_do_not_share_idempotency_keys(
    url: str, issue: Issue, http: httpx.Client
) -> None:
    headers = {"Idempotency-Key": "k1"}
    http.post("/prompts", json={"name": "p", "template": "x"}, headers=headers)
    other = {"X-API-Key": issue(Role.AUTHOR), **headers}
    answer = httpx.post(f"{url}/api/v1/prompts", json={"name": "q", "template": "x"}, headers=other)
    assert (answer.status_code, answer.json()["name"]) == (201, "q")


def test_what_needs_no_key_says_nothing_of_the_catalog(url: str) -> None:
    for path in ("/healthz", "/readyz", "/docs", "/docs/start.js", "/openapi.json"):
        assert httpx.get(url + path).status_code == 200
    assert httpx.get(f"{url}/docs/../../etc/passwd").status_code == 404
    assert httpx.get(f"{url}/docs/%2e%2e%2fmain.py").status_code == 404


def test_the_docs_load_nothing_from_elsewhere(url: str) -> None:
    page = httpx.get(f"{url}/docs")
    assert "http" not in page.text.replace("https://", "http://").split("<body>")[1]
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert len(httpx.get(f"{url}/docs/{asset}").content) > 10_000
