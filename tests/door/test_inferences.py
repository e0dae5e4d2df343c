"""The ledger at the door: nothing is lost, nothing counts twice, nothing is dropped."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.errors import Invalid, NotFound, NothingLive
from twinline.language.ids import new_id
from twinline.language.records import Measured, NewInference, NewOutcome

SLOT = "answer@production"


@pytest.fixture
def catalog(client: Client) -> Catalog:
    made = Catalog(client)
    made.deploy(SLOT, made.bundle(1, 1))
    return made


def test_a_resolution_holds_all_that_an_application_needs(catalog: Catalog) -> None:
    found = catalog.client.inferences.resolve(
        "answer", "production", {"tenant": "acme"}, decision="loan-1"
    )
    assert found.bundle.prompt.template == "Answer 1: {{ question }}"
    assert [one.name for one in found.bundle.prompt.variables] == ["question"]
    assert found.bundle.model.uri == "runs:/run-1/model"
    assert (found.reason, found.deployment.number) == ("default", 1)
    assert found.inference_id is not None
    kept = catalog.client.inferences.get(found.inference_id)
    assert (kept.bundle, kept.decision, kept.deployment) == (
        found.bundle.ref,
        "loan-1",
        found.deployment,
    )
    assert kept.context is None
    assert kept.context_digest is not None


def test_a_context_is_kept_only_when_that_is_asked_for(catalog: Catalog) -> None:
    found = catalog.client.inferences.resolve(
        "answer", "production", {"tenant": "acme"}, keep_context=True
    )
    assert found.inference_id is not None
    assert catalog.client.inferences.get(found.inference_id).context == {"tenant": "acme"}


def test_a_resolution_that_is_not_recorded_leaves_nothing(catalog: Catalog) -> None:
    found = catalog.client.inferences.resolve("answer", "production", record=False)
    assert found.inference_id is None
    assert catalog.client.lineage.impact(found.bundle.ref).service.requests == 0


def test_a_request_that_comes_again_gets_the_recorded_answer(
    catalog: Catalog, http: httpx.Client
) -> None:
    body = {"route": "answer", "environment": "production", "inference_id": str(new_id())}
    first = http.post("/resolve", json=body).json()
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    again = http.post("/resolve", json=body).json()
    assert again == first
    assert http.post("/resolve", json=body | {"inference_id": None}).json() != first
    impact = catalog.client.lineage.impact(catalog.bundle(1, 1).ref)
    assert impact.service.requests == 1


def test_an_id_of_something_else_cannot_be_resolved(catalog: Catalog, http: httpx.Client) -> None:
    id = new_id()
    catalog.client.inferences.record([NewInference(id=id, model="gpt-4o", prompt="hello")])
    body = {"route": "answer", "environment": "production", "inference_id": str(id)}
    answer = http.post("/resolve", json=body)
    assert answer.status_code == 422
    assert "not resolved here" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("slot", "error"), [("nothing@production", NotFound), ("seen@here", NothingLive)]
)
def test_a_slot_without_deployment_resolves_to_nothing(
    catalog: Catalog, slot: str, error: type[Exception]
) -> None:
    catalog.serve("seen@here", catalog.bundle(1, 1), 1)
    route, environment = slot.split("@")
    with pytest.raises(error):
        catalog.client.inferences.resolve(route, environment)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (uuid4, "no UUIDv7"),
        (lambda: new_id(datetime.now(UTC) + timedelta(minutes=6)), "in the future"),
        (lambda: new_id(datetime.now(UTC) - timedelta(days=30)), "before the oldest day"),
    ],
    ids=["another version", "from the future", "too old"],
)
def test_an_impossible_id_is_refused_by_name(
    catalog: Catalog, http: httpx.Client, make: Callable[[], UUID], said: str
) -> None:
    id = make()
    body = {"route": "answer", "environment": "production", "inference_id": str(id)}
    answer = http.post("/resolve", json=body)
    assert (answer.status_code, said in answer.json()["detail"]) == (422, True)
    one = NewInference(id=id, bundle=str(catalog.bundle(1, 1).ref))
    result = catalog.client.inferences.record([one])
    assert (result.refused, said in (result.items[0].detail or "")) == (1, True)


def test_clocks_that_differ_by_less_than_five_minutes_are_borne(catalog: Catalog) -> None:
    ahead = new_id(datetime.now(UTC) + timedelta(minutes=4))
    one = NewInference(id=ahead, bundle=str(catalog.bundle(1, 1).ref))
    assert catalog.client.inferences.record([one]).recorded == 1


def test_each_item_of_a_batch_is_judged_on_its_own(catalog: Catalog, http: httpx.Client) -> None:
    bundle, id = str(catalog.bundle(1, 1).ref), str(new_id())
    items = [
        {"bundle": bundle, "id": id},
        {"bundle": bundle, "id": id},
        {"bundle": "bundles:/" + "0" * 12},
        {"bundle": bundle, "latency_ms": -1},
        {"nonsense": True},
        {"model": "models:/churn/1", "prompt": "prompts:/support/answer@latest"},
        {"bundle": bundle, "model": "models:/churn/1"},
    ]
    answer = http.post("/inferences", json={"inferences": items})
    assert answer.status_code == 200
    results = [item["result"] for item in answer.json()["items"]]
    assert results == [
        *("recorded", "duplicate", "unresolved", "refused", "refused", "recorded", "refused")
    ]
    assert "latency_ms" in answer.json()["items"][3]["detail"]


def test_what_cannot_be_resolved_is_kept_in_its_own_words_and_counted(catalog: Catalog) -> None:
    sent = NewInference.model_validate(
        {"model": "gpt-4o", "prompt": "prompts:/gone/3", "slot": "routes:/new@dev", "score": 0.5}
    )
    result = catalog.client.inferences.record([sent, sent])
    assert result.unresolved == 2
    kept = catalog.client.inferences.get(result.items[0].id or new_id())
    bundle = catalog.client.bundles.get(kept.bundle)
    assert bundle.kind == "unresolved"
    assert bundle.words == {
        "model": "gpt-4o",
        "prompt": "prompts:/gone/3",
        "slot": "routes:/new@dev",
    }
    assert catalog.client.lineage.impact(bundle.ref).service.requests == 2
    assert catalog.client.slots.get("new@dev").live is None


def test_an_unknown_deployment_makes_a_request_unresolved(catalog: Catalog) -> None:
    sent = NewInference.model_validate(
        {"bundle": str(catalog.bundle(1, 1).ref), "slot": f"routes:/{SLOT}", "deployment": 99}
    )
    assert catalog.client.inferences.record([sent]).unresolved == 1


def test_the_newest_known_value_of_each_measure_counts(catalog: Catalog) -> None:
    id = new_id()
    first = NewInference(id=id, bundle=str(catalog.bundle(1, 1).ref), latency_ms=100)
    catalog.client.inferences.record([first])
    add = catalog.client.inferences.add_outcome
    add(id, NewOutcome(status="error", score=0.2, source="judge"))
    add(id, NewOutcome(status="ok", cost_usd=0.5))
    kept = catalog.client.inferences.get(id).measured
    assert kept == Measured(status="ok", latency_ms=100, score=0.2, cost_usd=0.5)
    service = catalog.client.lineage.impact(first.bundle or "").service
    assert (service.requests, service.errors, service.score, service.cost_usd) == (1, 0, 0.2, 0.5)
    story = catalog.client.inferences.explain(id)
    assert [(one.number, one.source) for one in story.outcomes] == [(1, "judge"), (2, "")]


def test_an_outcome_that_is_sent_again_changes_nothing(
    catalog: Catalog, http: httpx.Client
) -> None:
    (kept,) = catalog.serve(SLOT, catalog.bundle(1, 1), 1)
    body = {"id": str(new_id()), "status": "error"}
    path = f"/inferences/{kept.id}/outcomes"
    assert http.post(path, json=body).status_code == 201
    assert http.post(path, json=body | {"status": "ok"}).status_code == 200
    assert catalog.client.lineage.impact(catalog.bundle(1, 1).ref).service.errors == 1


def test_an_outcome_without_an_inference_or_a_measure_is_refused(
    catalog: Catalog, http: httpx.Client
) -> None:
    with pytest.raises(NotFound, match="no inference"):
        catalog.client.inferences.add_outcome(new_id(), NewOutcome(status="ok"))
    (kept,) = catalog.serve(SLOT, catalog.bundle(1, 1), 1)
    answer = http.post(f"/inferences/{kept.id}/outcomes", json={"source": "judge"})
    assert "at least one measure" in answer.json()["detail"]


def test_the_ledger_can_be_opened_for_history_from_elsewhere(catalog: Catalog) -> None:
    record, bundle = catalog.client.inferences.record, str(catalog.bundle(1, 1).ref)
    at = datetime.now(UTC) - timedelta(days=40)
    old = NewInference(id=new_id(at), bundle=bundle)
    assert record([old]).refused == 1
    opened = catalog.client.inferences.open_days(at.date())
    assert len(opened) == 33
    assert opened[-1] == at.date()
    assert catalog.client.inferences.open_days(at.date()) == ()
    assert record([old]).recorded == 1
    for day in (datetime.now(UTC) + timedelta(days=2), datetime.now(UTC) - timedelta(days=402)):
        with pytest.raises(Invalid, match="up to 400 days"):
            catalog.client.inferences.open_days(day.date())


def test_a_batch_holds_up_to_10000(catalog: Catalog, http: httpx.Client) -> None:
    bundle = str(catalog.bundle(1, 1).ref)
    deployed = catalog.deploy(SLOT, catalog.bundle(1, 1)).number
    one = {"bundle": bundle, "latency_ms": 5, "status": "ok"}
    many = [{**one, "slot": f"routes:/{SLOT}", "deployment": deployed}] * 10_000
    answer = http.post("/inferences", json={"inferences": many}, timeout=60)
    assert answer.json()["recorded"] == 10_000
    impact = catalog.client.lineage.impact(bundle)
    assert impact.service.requests == 10_000
    entry = next(iter(catalog.client.slots.timeline(SLOT)))
    assert entry.service.latency_ms is not None
    assert entry.service.latency_ms.p50 == pytest.approx(5, rel=0.05)
    too_many = http.post("/inferences", json={"inferences": [*many, many[0]]}, timeout=60)
    assert too_many.status_code == 422
