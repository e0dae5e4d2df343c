"""The two doors of resolve: the fast one never answers differently than the slow one would."""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.strategies import json_objects, json_values
from tests.support import policies
from tests.support.apps import asked, managed
from tests.support.catalog import Catalog
from tests.support.recount import rollups_equal_facts
from tests.support.rehearsal import Rehearsal
from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app, serve
from twinline.client import Client
from twinline.db.session import Database
from twinline.frame import Frame
from twinline.language import strict_json
from twinline.language.canonical import canonical
from twinline.language.ids import new_id
from twinline.language.records import NewKey, Role
from twinline.resolutions import codec

SLOT = "answer@production"
ROUTE = {"route": "answer", "environment": "production"}
USER = {"user": {"id": "u-1"}, "tenant": "bank-a"}
JSON = {"Content-Type": "application/json"}
_age = re.compile(r'"stale_seconds":[0-9.e-]+')
_uuid = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def _slow(stage: Database) -> Iterator[tuple[str, FastAPI]]:
    """The same application without its door in front."""
    app = make_app(stage)
    with served(app, front=Frame) as url:
        yield url, app


@pytest.fixture
def fast(http: httpx.Client) -> httpx.Client:
    return http


@pytest.fixture
def slow(
    _slow: tuple[str, FastAPI], rehearsal: Rehearsal, http: httpx.Client
) -> Iterator[httpx.Client]:
    url, app = _slow
    first = rehearsal.on_announced
    serve(app, rehearsal)
    second = rehearsal.on_announced
    assert first is not None
    assert second is not None
    rehearsal.on_announced = lambda topic: (first(topic), second(topic))[0]
    key = http.headers["X-API-Key"]
    with httpx.Client(base_url=f"{url}/api/v1", headers={"X-API-Key": key}) as made:
        yield made


@pytest.fixture
def catalog(client: Client) -> Catalog:
    """A policy with a rule, a split, shadows and a fallback; and keys and policy in memory."""
    made = Catalog(client)
    control, canary, third = (made.bundle(1, prompt).ref for prompt in (1, 2, 3))
    document = policies.canary(control, canary, 0.5, salt="a-salt")
    when = {"attr": "tenant", "op": "eq", "value": "bank-b"}
    document["rules"].insert(0, {"id": "first", "when": when, "serve": {"bundle": str(third)}})
    document["shadow"] = [{"bundle": str(third), "sample": 100_000}]
    client.slots.deploy(SLOT, policy=document, reason="because", expected=0)
    return made


def post(http: httpx.Client, content: bytes, **headers: str) -> httpx.Response:
    return http.post("/resolve", content=content, headers=JSON | headers)


def blinded(answer: httpx.Response) -> tuple[int, str, str]:
    """What was answered, but for the ids that were made for it, and the age of the policy
    (which grows, because nobody listens to a rehearsal)."""
    body = _age.sub("AGE", _uuid.sub("ID", answer.text))
    return answer.status_code, answer.headers.get("content-type", ""), body


def is_plain(content: bytes) -> bool:
    """Whether the fast door takes this body."""
    wanted = codec.read(content)
    return wanted is not None and codec.canonical_context(content, wanted) is not None


def body(context: Any = None, **more: Any) -> bytes:
    sent = ROUTE | {"context": {} if context is None else context} | more
    return json.dumps(sent, ensure_ascii=False).encode()


@pytest.fixture
def alike(
    catalog: Catalog, fast: httpx.Client, slow: httpx.Client
) -> Callable[[bytes], httpx.Response]:
    for http in (fast, slow):  # keys and policy are in memory from here on
        post(http, body()).raise_for_status()

    def asked(content: bytes) -> httpx.Response:
        one, other = post(fast, content), post(slow, content)
        assert blinded(one) == blinded(other), content[:300]
        assert one.status_code < 500, one.text
        return one

    return asked


Alike = Callable[[bytes], httpx.Response]

PLAIN = [
    body(),
    body(USER),
    body({"tenant": "bank-b"}),
    body(USER, record=False),
    body(USER, keep_context=True, decision="loan-1", trace_id="t-1", parent_id=str(new_id())),
    body(
        {"n": [1, -5, 0.5, 1e3 + 0.25, True, None, "text \u00e9 \U0001f642 \x7f \t \n \\ / \" '"]}
    ),
    body({"user.id": "flat", "user": {"id": 7}}),
    b' {\n"route" :\t"answer" , "environment": "production" , "context" : { "a" : { } } } ',
    b'{"environment":"production","route":"answer"}',
    b'{"environment":"production","route":"\\u0061nswer","context":{"\\u0061":"\\u000b"}}',
    body({"user": {"id": "u" * 10_000}}),
    body({"long": ["x" * 1000] * 900}),
    body({"a": -0}),
    body(decision="d" * 500, trace_id="\U0001f642" * 500),
]
UNUSUAL = [
    body({"n": 1.0}),
    body({"n": 1e300, "m": 5e-324, "k": -0.0}),
    body({"n": 2**53, "m": -(2**60)}),
    body({"n": 10**30}),
    body({"n": 123456789012345678901}),
    b'{"route":"answer","environment":"production","context":{"n":' + b"9" * 5000 + b"}}",
    b'{"route":"answer","environment":"production","context":{"n":NaN}}',
    b'{"route":"answer","environment":"production","context":{"n":-Infinity}}',
    b'{"route":"answer","environment":"production","context":{"n":1e999}}',
    b'{"route":"answer","environment":"production","context":{"n":01}}',
    b'{"route":"answer","environment":"production","context":{"n":-0}}',
    b'{"route":"answer","environment":"production","context":{"n":-0.0}}',
    b'{"route":"answer","environment":"production","context":{"n":1E2}}',
    b'{"route":"answer","environment":"production","context":{"a":1,"a":2}}',
    b'{"route":"answer","environment":"production","context":{"a":1,"\\u0061":2}}',
    b'{"route":"answer","environment":"production","context":{"b":{"a":1,"a":1}}}',
    b'{"route":"answer","route":"answer","environment":"production"}',
    b'{"route":"other","route":"answer","environment":"production","context":{"\\":":1}}',
    b'{"route":"answer","environment":"production","context":{},"context":{"a":1}}',
    b'{"route":"answer","environment":"production","context":{"a":"\\u0000"}}',
    b'{"route":"answer","environment":"production","context":{"\\u0000":1}}',
    b'{"route":"answer","environment":"production","context":{"a":"\x00"}}',
    b'{"route":"answer","environment":"production","context":{"a":"\n"}}',
    b'{"route":"answer","environment":"production","context":{"a":"\\ud800"}}',
    b'{"route":"answer","environment":"production","context":{"\\udfff":1}}',
    b'{"route":"answer","environment":"production","context":{"a":"\\ud83d\\ude42"}}',
    b'{"route":"answer","environment":"production","context":{"a":"\\\\u0000"}}',
    b'{"route":"answer","environment":"production","context":{"a":"\xff"}}',
    b'{"route":"answer","environment":"production","context":{"a":"\xed\xa0\x80"}}',
    b'{"route":"answer","environment":"production","context":{"\xc0\x80":1}}',
    b'{"route":"answer","environment":"production","decision":"\xff"}',
    b'{"route":"answer\xff","environment":"production"}',
    b'\xef\xbb\xbf{"route":"answer","environment":"production"}',
    '{"route":"answer","environment":"production"}'.encode("utf-16"),
    b'{"route":"answer","environment":"production","context":'
    + b'{"a":' * 200 + b"1" + b"}" * 201,
    b'{"route":"answer","environment":"production","context":'
    + b'{"a":' * 50 + b"1" + b"}" * 51,
    b'{"route":"answer","environment":"production","context":{"a":' + b"[" * 40 + b"]" * 40 + b"}}",
    b'{"route":"answer","environment":"production","context":{"a":' + b"[" * 63 + b"]" * 63 + b"}}",
    b'{"route":"answer","environment":"production","context":{"a":'
    + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    body({"a\":": 1, "b": "c\": \" :"}),
    body({"\u00e9": 1, "\U0001f642": 2, "\uffff": 3}),
    body([]),
    body("text"),
    body(7),
    b'{"route":"answer","environment":"production","context":null}',
    body(surprise=1),
    body(record="no"),
    body(record=None),
    body(record=0),
    body(keep_context=1),
    body(decision=""),
    body(decision="d" * 501),
    body(decision=7),
    body(decision="nul \x00"),
    body(trace_id=""),
    body(parent_id="x"),
    body(parent_id=""),
    body(parent_id=str(new_id()).replace("-", "")),
    body(parent_id="{" + str(new_id()) + "}"),
    body(parent_id="urn:uuid:" + str(new_id())),
    body(parent_id=str(new_id()).upper()),
    body(inference_id="00000000-0000-4000-8000-000000000000"),
    body(inference_id="00000000-0000-4000-8000-000000000000", record=False),
    body(inference_id=""),
    b"", b"null", b"[]", b"{}", b'"answer"', b"{", b"}", b'{"route"}', b" ", b"nul", b"{}{}",
    b'{"route":"answer","environment":"production"} x',
    b'{"route":"answer","environment":"production",}',
    b"{'route':'answer','environment':'production'}",
    b'{"route":"answer","environment":"production"}\x00',
    b'{"route":"answer"}',
    b'{"route":"answer","environment":7}',
    b'{"route":null,"environment":"production"}',
    b'{"route":"","environment":"production"}',
    b'{"route":"nothing","environment":"production"}',
    b'{"route":"answer","environment":"nowhere"}',
    b'{"route":"answer@production","environment":"production"}',
    b'{"route":"answer@","environment":"production"}',
    b'{"route":"answer","environment":"x@production"}',
    b'{"route":"ANSWER","environment":"production"}',
    b'{"route":" answer","environment":"production"}',
    b'{"route":"routes:/answer","environment":"production"}',
    b'{"route":"' + b"a" * 201 + b'","environment":"production"}',
    b'{"route":"answer","environment":"' + b"a" * 51 + b'"}',
    body({"x": "y" * (1 << 20)}),
]  # fmt: skip


@pytest.mark.parametrize("content", PLAIN, ids=lambda content: repr(content[40:110]))
def test_what_is_plain_is_answered_alike_by_both_doors(alike: Alike, content: bytes) -> None:
    assert is_plain(content)
    assert alike(content).status_code == 200


def test_whatever_is_unusual_is_answered_alike_by_both_doors(alike: Alike) -> None:
    statuses = [alike(content).status_code for content in UNUSUAL]
    assert {200, 400, 404, 413, 422} <= set(statuses)


def test_random_bodies_are_answered_alike_by_both_doors(alike: Alike) -> None:
    members = st.fixed_dictionaries(
        {"route": st.just("answer"), "environment": st.just("production")},
        optional={
            "context": json_objects() | json_values(),
            "record": st.booleans() | json_values(),
            "decision": st.text(max_size=5) | json_values(),
            "keep_context": st.booleans(),
            "trace_id": st.text(max_size=3),
        },
    )

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(members, st.booleans())
    def both(sent: Any, ascii: bool) -> None:
        alike(json.dumps(sent, ensure_ascii=ascii).encode("utf-8", "surrogatepass"))

    both()


def test_damaged_bodies_are_answered_alike_by_both_doors(alike: Alike) -> None:
    whole = body({"user": {"id": "u"}, "n": [1, 0.5, "\u00e9"]}, record=False, decision="d")

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, len(whole)), st.binary(max_size=3), st.integers(0, 3))
    def both(at: int, put: bytes, cut: int) -> None:
        alike(whole[:at] + put + whole[at + cut :])

    both()


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset=utf-8"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/vnd.api+json"},
        {"Content-Type": "nonsense"},
        {"Content-Type": ""},
        {"Accept": "text/html"},
        {"Idempotency-Key": "k" * 300},
        {"X-API-Key": "twl_wrong"},
        {"X-API-Key": ""},
        {"Authorization": "Bearer twl_wrong"},
        {"Authorization": "Basic eDp5"},
    ],
    ids=str,
)
def test_headers_are_judged_alike_by_both_doors(
    alike: Alike, fast: httpx.Client, slow: httpx.Client, headers: dict[str, str]
) -> None:
    one, other = (post(http, body(USER), **headers) for http in (fast, slow))
    assert blinded(one) == blinded(other)


def test_a_body_without_a_content_type_is_judged_alike_by_both_doors(
    alike: Alike, fast: httpx.Client, slow: httpx.Client
) -> None:
    one, other = (http.post("/resolve", content=body(USER)) for http in (fast, slow))
    assert blinded(one) == blinded(other)


def test_a_key_in_either_header_is_taken_alike_by_both_doors(
    alike: Alike, fast: httpx.Client, slow: httpx.Client
) -> None:
    key = fast.headers["X-API-Key"]
    sent: list[list[tuple[str, str]]] = [
        [("Authorization", f"Bearer {key}")],
        [("authorization", f"bearer {key}")],
        [("Authorization", f"Bearer  {key}")],
        [("Authorization", f"Bearer {key}x")],
        [("Authorization", "Bearer twl_wrong"), ("Authorization", f"Bearer {key}")],
        [("Authorization", "Basic eDp5"), ("Authorization", f"Bearer {key}")],
        [("Authorization", "Bearer twl_wrong"), ("X-API-Key", key)],
        [("X-API-Key", "twl_wrong"), ("Authorization", f"Bearer {key}")],
        [("X-API-Key", ""), ("Authorization", f"Bearer {key}")],
        [("X-API-Key", key), ("X-API-Key", "twl_wrong")],
        [("X-API-Key", "twl_wrong"), ("X-API-Key", key)],
        [],
    ]
    for headers in sent:
        answers = [
            httpx.post(
                f"{http.base_url}resolve", content=body(USER), headers=[*JSON.items(), *headers]
            )
            for http in (fast, slow)
        ]
        assert len({blinded(answer) for answer in answers}) == 1, headers


def test_every_role_is_judged_alike_by_both_doors(
    alike: Alike, fast: httpx.Client, slow: httpx.Client, issue: Callable[[Role], str]
) -> None:
    for role in Role:
        key = {"X-API-Key": issue(role)}
        answers = {blinded(post(http, body(), **key)) for http in (fast, slow) for _ in range(2)}
        assert len(answers) == 1, role


def test_both_doors_keep_the_same_in_the_ledger(
    alike: Alike, catalog: Catalog, fast: httpx.Client, slow: httpx.Client, rehearsal: Rehearsal
) -> None:
    own = {"id", "at", "context_digest", "parent_id", "stale_seconds"}
    for content in PLAIN:
        rows: list[dict[str, Any]] = []
        for http in (fast, slow):
            found = post(http, content).json()
            if found["inference_id"] is None:
                continue
            with rehearsal.reading() as tx:
                row = tx.row(
                    text("select * from inference where id = :id"), {"id": found["inference_id"]}
                )
            assert row is not None
            assert str(row["parent_id"] or "") in content.decode()
            rows.append({name: row[name] for name in row if name not in own})
            context = strict_json.loads(content).get("context", {})
            assert row["context_digest"] == _digest(context)
            if row["context"] is not None:
                assert row["context"] == context
        assert len(rows) != 2 or rows[0] == rows[1]
    assert rollups_equal_facts(rehearsal) > 20


@settings(max_examples=500)
@given(json_objects(), st.booleans())
def test_the_canonical_form_is_the_standard_s_wherever_it_is_given(
    context: dict[str, Any], ascii: bool
) -> None:
    content = json.dumps(ROUTE | {"context": context}, ensure_ascii=ascii).encode()
    wanted = codec.read(content)
    form = codec.canonical_context(content, wanted) if wanted else None
    if form is not None:
        assert wanted is not None
        assert form == canonical(strict_json.loads(content)["context"])
        assert wanted.context == context


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00")))
def test_any_text_is_plain_as_a_value(value: str) -> None:
    content = json.dumps(ROUTE | {"context": {"a": value}}, ensure_ascii=False).encode()
    if '"' not in value and not value.lstrip().startswith(":"):
        assert is_plain(content)
        wanted = codec.read(content)
        assert wanted is not None
        assert codec.canonical_context(content, wanted) == canonical({"a": value})


# --- the same id ------------------------------------------------------------------------


def test_the_same_id_gets_the_same_answer_after_another_deployment_and_a_kill(
    catalog: Catalog, fast: httpx.Client
) -> None:
    sent = body(USER, inference_id=str(new_id()))
    first = post(fast, sent)
    assert first.status_code == 200
    document = policies.canary(catalog.bundle(2, 4).ref, catalog.bundle(2, 5).ref)
    document["shadow"] = [{"bundle": str(catalog.bundle(2, 6).ref), "sample": 100_000}]
    catalog.client.slots.deploy(SLOT, policy=document, reason="because", expected=1)
    again = post(fast, sent)
    assert again.content == first.content
    fast.post(f"/slots/{SLOT}/kill", json={"reason": "because"}).raise_for_status()
    assert post(fast, sent).content == first.content
    assert post(fast, body(USER)).status_code == 409
    other = post(fast, body({"tenant": "bank-b"}, inference_id=json.loads(sent)["inference_id"]))
    assert other.content == first.content


def test_the_same_id_by_either_door_is_recorded_once(
    alike: Alike, fast: httpx.Client, slow: httpx.Client, rehearsal: Rehearsal
) -> None:
    before = rollups_equal_facts(rehearsal)
    sent = body(USER, inference_id=str(new_id()))
    answers = [post(http, sent).text for http in (fast, slow, fast, slow)]
    assert len(set(answers)) == 1
    assert rollups_equal_facts(rehearsal) == before + 2  # with its shadow


# --- under load, over real commits ------------------------------------------------------


def test_what_many_resolve_at_once_is_each_recorded_and_counted_once(database: Database) -> None:
    with asked(database) as http, managed(http) as client:
        catalog = Catalog(client)
        control, canary = catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref
        client.slots.deploy(
            SLOT, policy=policies.canary(control, canary, 0.5), reason="x y", expected=0
        )

        def ask(number: int) -> httpx.Response:
            return post(http, body({"user": {"id": f"u-{number % 40}"}}, decision=f"d-{number}"))

        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(ask, range(400)))
        assert {answer.status_code for answer in answers} == {200}
        ids = {answer.json()["inference_id"] for answer in answers}
        assert len(ids) == 400
        arms: dict[str, set[str]] = {}
        for answer, number in zip(answers, range(400), strict=True):
            arms.setdefault(f"u-{number % 40}", set()).add(answer.json()["arm"])
        assert all(len(found) == 1 for found in arms.values())
        for answer in answers[::50]:
            found = answer.json()
            kept = http.get(f"/inferences/{found['inference_id']}").json()
            assert kept["arm"] == found["arm"]
    assert rollups_equal_facts(database) == 400


def test_what_is_recorded_while_deployments_change_names_the_deployment_that_was_live(
    database: Database,
) -> None:
    with asked(database) as http, managed(http) as client:
        catalog = Catalog(client)
        bundles = [catalog.bundle(1, prompt) for prompt in (1, 2)]
        catalog.deploy(SLOT, bundles[1])
        stop, answers = threading.Event(), list[dict[str, Any]]()

        def ask() -> None:
            while not stop.is_set():
                answers.append(post(http, body()).json())

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(2, 22):
            catalog.deploy(SLOT, bundles[number % 2])
        stop.set()
        for thread in threads:
            thread.join()
        deployed = {one.ref: one.bundle for one in client.slots.history(SLOT)}
    assert len(answers) > 20
    by_name = {str(ref): str(bundle) for ref, bundle in deployed.items()}
    for found in answers:
        assert by_name[found["deployment"]] == found["bundle"]["ref"]
    assert rollups_equal_facts(database) == len(answers)


# --- trouble ----------------------------------------------------------------------------


def test_a_streamed_body_over_1_mb_is_refused_by_both_doors(
    alike: Alike, fast: httpx.Client, slow: httpx.Client
) -> None:
    sent = body({"x": "y" * (1 << 20)})
    for http in (fast, slow):
        parts = (sent[start : start + 65_536] for start in range(0, len(sent), 65_536))
        answer = http.post("/resolve", content=parts, headers=JSON)
        assert (answer.status_code, answer.json()["type"]) == (
            413,
            "urn:twinline:problem:too-large",
        )


def test_a_ledger_that_cannot_be_written_is_said_by_both_doors(database: Database) -> None:
    with asked(database) as http, managed(http) as client:
        catalog = Catalog(client)
        catalog.deploy(SLOT, catalog.bundle(1, 1))
        assert post(http, body()).status_code == 200
        with database.writing("test") as tx:
            tx.run(text("lock table inference in access exclusive mode"))
            tx.run(text("alter table inference rename to gone"))
        for content in (body(), body(inference_id=str(new_id()))):
            answer = post(http, content)
            assert answer.status_code in (422, 500, 503), answer.text
            assert answer.headers["content-type"] == "application/problem+json"
        assert post(http, body(record=False)).status_code == 200
        with database.writing("test") as tx:
            tx.run(text("alter table gone rename to inference"))
        assert post(http, body()).status_code == 200


def test_a_recording_connection_that_is_cut_is_opened_again(database: Database) -> None:
    cut = text(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and query like '%insert into inference%'"
        " and pid <> pg_backend_pid()"
    )
    with asked(database) as http, managed(http) as client:
        catalog = Catalog(client)
        catalog.deploy(SLOT, catalog.bundle(1, 1))
        kept = 0
        for _ in range(5):
            assert post(http, body()).status_code == 200
            with database.reading() as tx:
                assert len(tx.values(cut)) == 1
            cutoff = post(http, body())
            assert cutoff.status_code in (200, 503), cutoff.text
            kept += 1 + (cutoff.status_code == 200)
            if cutoff.status_code == 503:
                assert cutoff.headers["retry-after"] == "1"
                assert cutoff.json()["type"] == "urn:twinline:problem:database-unavailable"
    assert rollups_equal_facts(database) == kept


def test_a_revoked_key_is_refused_by_the_next_request(
    catalog: Catalog, fast: httpx.Client, rehearsal: Rehearsal
) -> None:
    with rehearsal.writing("test") as tx:
        issued = access.issue_key(tx, NewKey(owner="app", role=Role.SERVICE))
    own = {"X-API-Key": issued.key}
    for _ in range(3):
        assert post(fast, body(), **own).status_code == 200
    catalog.client.keys.revoke(issued.prefix)
    assert post(fast, body(), **own).status_code == 401


def _digest(context: Any) -> str:
    return hashlib.sha256(canonical(context)).hexdigest()
