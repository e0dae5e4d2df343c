"""Requests: the list, its filters and its file, and the story of one."""

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from tests.support import policies
from tests.support.browsing import HOSTILE, Browser, alert
from tests.support.catalog import SLOT, Catalog
from twinline.client import Client
from twinline.inferences import affected, store
from twinline.language.ids import new_id
from twinline.language.records import Inference, NewEvaluation, NewInference, NewOutcome, Role
from twinline.web.pages.inference import tree


@pytest.fixture
def catalog(client: Client) -> Catalog:
    made = Catalog(client)
    made.deploy(SLOT, made.bundle(1, 1), "the first")
    return made


def ids(catalog: Catalog, count: int = 1, slot: str = SLOT, **measures: object) -> list[str]:
    bundle = catalog.bundle(1, 1)
    return [str(one.id) for one in catalog.serve(slot, bundle, count, **measures)]


def resolved(client: Client, **more: Any) -> UUID:
    found = client.inferences.resolve("answer", "production", {"user": {"id": "u"}}, **more)
    assert found.inference_id is not None
    return found.inference_id


def listed(browser: Browser, address: str) -> set[str]:
    return {row[1] for row in browser.get(address).rows()}


def test_nothing_recorded_says_how_to_record(browser: Browser) -> None:
    shown = browser.get("/inferences")
    assert "No request was recorded yet" in shown.main
    assert "twinline resolve" in shown.main


def test_a_list_tells_of_each_request_what_came_of_it(browser: Browser, catalog: Catalog) -> None:
    (id,) = ids(catalog, status="error", latency_ms=820.0, score=0.25, cost_usd=0.5)
    (row,) = browser.get("/inferences").rows()
    assert row[1] == id
    assert row[2] == SLOT
    assert row[5:7] == ["error", "820"]
    assert row[8:10] == ["0.5000", "0.25"]


def test_each_filter_narrows_and_can_be_cleared(browser: Browser, catalog: Catalog) -> None:
    catalog.deploy("answer@staging", catalog.bundle(2, 2))
    (one,) = ids(catalog, status="error", score=0.1)
    (other,) = (
        str(it.id)
        for it in catalog.serve("answer@staging", catalog.bundle(2, 2), 1, status="ok", score=0.9)
    )
    for narrowed, found in (
        ("slot=answer@production", one),
        ("slot=routes:/answer@staging", other),
        ("environment=staging", other),
        ("status=error", one),
        ("score_min=0.5", other),
        ("score_max=0.5", one),
        ("prompt=support/answer/1", one),
        ("prompt=prompts:/support/answer/2", other),
        ("model=churn/2", other),
        (f"bundle={catalog.bundle(1, 1).digest[:12]}", one),
        ("prompt=support/answer/1&model=churn/1", one),
        ("prompt=support/answer/2&environment=staging&status=ok", other),
    ):
        shown = browser.get(f"/inferences?{narrowed}")
        assert [row[1] for row in shown.rows()] == [found], narrowed
        assert "hidden" in shown.main
        assert {one, other} == listed(browser, shown.links["clear"])
    crossed = browser.get("/inferences?prompt=support/answer/1&model=churn/2")
    assert "No request fits these filters" in crossed.main
    assert crossed.links["clear the filters"] == "/inferences"


@pytest.mark.parametrize("many", [affected.MANY, -1])
def test_what_is_rare_is_looked_for_step_by_step(
    browser: Browser, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """Among so many requests at a time: of a few bundles, or of all."""
    monkeypatch.setattr(affected, "MANY", many)
    monkeypatch.setattr(affected, "LOOKED_THROUGH", 2)
    monkeypatch.setattr(store, "RECENT_MEASURED", 2)
    (first,) = ids(catalog, status="error")
    for _ in range(7):
        ids(catalog, status="ok")
    (last,) = ids(catalog, status="error")
    shown = browser.get("/inferences?status=error")
    assert [row[1] for row in shown.rows()] == [last]
    assert "found among the requests back to" in shown.main
    shown = browser.follow(shown, "Look further back")
    assert "none fits" in shown.main
    assert "have all that fit as CSV" in shown.links
    shown = browser.follow(shown, "Look further back")
    assert [row[1] for row in shown.rows()] == [first]
    assert "Look further back" not in shown.links


def test_a_time_narrows_and_stands_in_its_fields(browser: Browser, catalog: Catalog) -> None:
    ids(catalog)
    assert "No request fits" in browser.get("/inferences?to=2026-01-01T00:00").main
    shown = browser.get("/inferences?from=2026-01-01T02:00:05%2B02:00")
    assert len(shown.rows()) == 1
    assert shown.one("//main//input[@name='from']").get("value") == "2026-01-01T00:00:05"


def test_a_decision_and_a_trace_are_looked_up(browser: Browser, catalog: Catalog) -> None:
    (one,) = ids(catalog, decision=HOSTILE, trace_id="t-1")
    ids(catalog)
    shown = browser.submit(browser.get("/inferences"), "Show", decision=HOSTILE)
    assert [row[1] for row in shown.rows()] == [one]
    assert "<script>alert(1)</script>⟨U+202E⟩" in shown.main
    assert "<script>alert" not in shown.source
    assert shown.one("//main//input[@name='decision']").get("value") == HOSTILE
    assert not any("csv" in address for address in shown.links.values())
    assert listed(browser, "/inferences?trace=t-1") == {one}


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ("decision=d&slot=answer@production", 422, "looked up by itself"),
        ("slot=nonsense", 422, "nonsense"),
        ("slot=answer@prodution", 404, "answer@production"),
        ("environment=nowhere", 404, "nowhere"),
        ("prompt=support/answer/9", 404, "no version 9"),
        ("bundle=zz", 422, "bundles:/zz"),
        ("score_min=much", 422, "score_min"),
        ("status=odd", 422, "status"),
        ("from=yesterday", 422, "2026-11-18T14:02"),
        ("from=2026-02-01T00:00&to=2026-01-01T00:00", 422, "before it begins"),
        ("cursor=wrong", 422, "cursor"),
    ],
)
def test_what_is_wrong_is_told_and_stays_typed(
    browser: Browser, catalog: Catalog, asked: str, status: int, said: str
) -> None:
    ids(catalog)
    shown = browser.get(f"/inferences?{asked}")
    assert shown.status == status
    assert said in alert(shown)
    for name, (value,) in parse_qs(asked).items():
        if name not in ("cursor", "from", "to"):
            assert shown.form("Show").fields[name] == value


def test_pages_follow_each_other_to_the_end(browser: Browser, catalog: Catalog) -> None:
    sent = ids(catalog, 101)
    shown = browser.get(f"/inferences?slot={SLOT}")
    seen = [row[1] for row in shown.rows()]
    while "Older" in shown.links:
        shown = browser.follow(shown, "Older")
        seen += [row[1] for row in shown.rows()]
    assert seen == sorted(sent, reverse=True)
    assert [row[1] for row in browser.follow(shown, "Back to the newest").rows()] == seen[:50]


def test_the_file_holds_what_the_list_holds(browser: Browser, catalog: Catalog) -> None:
    sent = ids(catalog, 60, status="ok", decision="=1+1")
    ids(catalog, status="error")
    shown = browser.get(f"/inferences?status=ok&slot={SLOT}")
    answer = browser.http.get(shown.links["All that fit, as CSV"])
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="requests.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == sorted(sent, reverse=True)
    assert {row["decision"] for row in rows} == {"'=1+1"}
    assert browser.get("/inferences.csv?decision=d").status == 422
    assert browser.get("/inferences.csv?prompt=support/answer/9").status == 404


def test_a_story_tells_the_pair_and_why_it_was_this_one(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    one, two = catalog.bundle(1, 1).ref, catalog.bundle(2, 2).ref
    new = NewEvaluation(subject=one, suite="golden", passed=9, failed=1, score=0.9)
    client.evaluations.record(new)
    client.slots.deploy(
        SLOT, policy=policies.canary(one, two, 0.5), reason="half <b>to</b> it", expected=1
    )
    id = resolved(client, keep_context=True, decision="loan-4711")
    kept = client.inferences.get(id)
    client.inferences.add_outcome(id, NewOutcome(score=0.75, latency_ms=812.5, source="judge"))
    shown = browser.get(f"/inferences/{id}")
    assert f"{SLOT} #2" in shown.links
    assert "half <b>to</b> it" in shown.main
    assert f"salt {kept.experiment}" in shown.main
    assert ["rollout", "decided"] in shown.rows(0)
    assert "same the policy gives the same bundle again" in shown.main
    assert "812.5 ms" in shown.main
    assert "judge" in shown.main
    assert '"id": "u"' in shown.main
    assert shown.links["loan-4711"] == "/inferences?decision=loan-4711"
    side = kept.bundle == one
    assert f"models:/churn/{1 if side else 2}" in shown.links
    assert f"datasets:/tickets/{1 if side else 2}" in shown.links
    assert "question" in shown.main
    assert shown.all("//*[local-name()='svg']")


def test_what_changed_around_it_is_one_click_away(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    id = resolved(client)
    at = client.inferences.get(id).at
    listing = browser.get("/inferences")
    shown = browser.follow(listing, str(id))
    assert "It is live still." in shown.main
    address = urlsplit(shown.links["What changed before it"])
    asked = parse_qs(address.query)
    assert address.path == "/changes"
    assert asked["slot"] == [SLOT]
    assert datetime.fromisoformat(asked["to"][0]) == at
    assert datetime.fromisoformat(asked["from"][0]) == at - timedelta(days=1)
    since = parse_qs(urlsplit(shown.links["What changed since"]).query)
    assert datetime.fromisoformat(since["from"][0]) == at
    catalog.deploy(SLOT, catalog.bundle(2, 2), "another")
    assert "1 later by now: #2 is live." in browser.get(f"/inferences/{id}").main


def test_a_recall_since_then_is_told(browser: Browser, client: Client, catalog: Catalog) -> None:
    id = resolved(client)
    made = client.recalls.create("datasets:/tickets/1", reason="other customers' data")
    shown = browser.get(f"/inferences/{id}")
    assert "is recalled since" in shown.main
    assert "after this request" in shown.main
    assert shown.links[f"recall {made.number}"] == f"/recalls/{made.number}"


def test_an_unresolved_request_is_told_with_its_words(browser: Browser, client: Client) -> None:
    sent = NewInference(model=f"gpt{HOSTILE}", prompt="prompts:/nothing@here", slot=None)
    (one,) = client.inferences.record([sent]).items
    shown = browser.get(f"/inferences/{one.id}")
    assert shown.status == 200
    assert "could not be resolved" in shown.main
    assert "gpt<script>alert(1)</script>⟨U+202E⟩" in shown.main
    assert "It names no slot" in shown.main


def test_a_trace_is_a_tree_and_a_decision_has_others(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    root, below, deep = new_id(), new_id(), new_id()
    bundle = str(catalog.bundle(1, 1).ref)
    same = {"bundle": bundle, "trace_id": "t-1"}
    client.inferences.record(
        [
            NewInference.model_validate({**same, "id": root, "decision": "d-1"}),
            NewInference.model_validate({**same, "id": below, "parent_id": root}),
            NewInference.model_validate({**same, "id": deep, "parent_id": below}),
            NewInference.model_validate({"bundle": bundle, "decision": "d-1"}),
        ]
    )
    shown = browser.get(f"/inferences/{root}")
    trace = [row[0] for row in shown.rows(0)]
    assert trace == [f"{root} this one", f"level 2↳ {below}", f"level 3· ↳ {deep}"]
    assert len(shown.rows(1)) == 1
    assert shown.links["All requests of d-1"] == "/inferences?decision=d-1"


def test_calls_in_a_circle_are_each_told_once(client: Client, catalog: Catalog) -> None:
    one, other, alone = new_id(), new_id(), new_id()
    bundle = str(catalog.bundle(1, 1).ref)
    pairs = ((one, other), (other, one), (alone, alone))
    client.inferences.record(
        [
            NewInference.model_validate({"bundle": bundle, "id": id, "parent_id": parent})
            for id, parent in pairs
        ]
    )
    found: list[Inference] = [client.inferences.get(id) for id in (one, other, alone)]
    told = [(call.request.id, call.level) for call in tree(found)]
    assert sorted(id for id, _ in told) == sorted([one, other, alone])
    assert dict(told)[alone] == 0


def test_a_large_context_is_cut_and_a_missing_one_is_told(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    sent = {"slot": f"routes:/{SLOT}", "bundle": str(catalog.bundle(1, 1).ref)}
    large = {"context": {"text": "x" * 30_000}, "keep_context": True}
    items = client.inferences.record(
        [
            NewInference.model_validate({**sent, **large}),
            NewInference.model_validate({**sent, "context": {"a": 1}}),
            NewInference.model_validate(sent),
        ]
    ).items
    first, second, third = (browser.get(f"/inferences/{one.id}") for one in items)
    assert "more characters" in first.main
    assert len(first.source) < 40_000
    assert "Only the digest of its context was kept" in second.main
    assert "No context was recorded" in third.main


def test_no_such_request_is_told(browser: Browser) -> None:
    assert browser.get(f"/inferences/{new_id()}").status == 404
    assert browser.get("/inferences/nonsense").status == 422


def test_who_may_not_read_is_asked_to_sign_in(
    url: str, browser_of: Callable[[Role], Browser]
) -> None:
    with Browser(url) as nobody:
        assert "API key" in nobody.get("/inferences").main
        assert nobody.http.get("/inferences.csv").url.path == "/login"
    assert browser_of(Role.VIEWER).get("/inferences").status == 200
