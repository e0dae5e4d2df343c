"""What Langfuse's SDKs trace becomes inferences: by OTLP, and by the events of older ones."""

import gzip
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.langfuse.conftest import Door
from tests.otel.conftest import words
from tests.support import traces
from tests.support.catalog import Catalog
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.language.records import Inference, Role

TRACE, GENERATION = "9b1f4f0e-6a53-4a3e-9a7e-1d8f1a1c2b3d", "a generation of ours"
BEGUN = datetime.now(UTC) - timedelta(minutes=5)
SAID = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.model.name": "models:/churn/1",
    "langfuse.observation.prompt.name": "support/answer",
    "langfuse.observation.prompt.version": 2,
    "langfuse.observation.usage_details": '{"input": 10, "output": 5}',
}


@pytest.fixture
def service(door: Door) -> httpx.Client:
    return door(Role.SERVICE)


@pytest.fixture
def catalog(client: Client) -> Catalog:
    made = Catalog(client)
    made.bundle(1, 2)
    return made


@pytest.fixture
def kept(client: Client) -> Callable[[], list[Inference]]:
    """The inferences of the one trace of events."""
    return lambda: list(client.inferences.find(trace_id=TRACE.replace("-", "")))


# --- spans ------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", [traces.PROTOBUF, traces.JSON])
def test_a_generation_in_an_export_is_an_inference_of_its_pair(
    service: httpx.Client, catalog: Catalog, encoding: str
) -> None:
    span = traces.span(SAID)
    body = traces.message([span]).SerializeToString()
    headers = {"Content-Type": encoding, "Content-Encoding": "gzip"}
    if encoding == traces.JSON:
        body = httpx.Request("POST", "http://x", json=traces.request([span])).content
    for _ in range(2):
        answer = service.post("/otel/v1/traces", content=gzip.compress(body), headers=headers)
        assert (answer.status_code, traces.rejected(answer)) == (200, (0, ""))
    (found,) = catalog.client.inferences.find(trace_id=span["traceId"])
    assert found.bundle == catalog.bundle(1, 2).ref
    assert (found.measured.input_tokens, found.measured.output_tokens) == (10, 5)


def test_an_export_is_refused_in_the_words_of_exporters(url: str, door: Door) -> None:
    address, sent = "/otel/v1/traces", traces.request([traces.span(SAID)])
    nobody = httpx.post(f"{url}/api/public{address}", json=sent, auth=("pk", "sk"))
    assert (nobody.status_code, nobody.json()["code"]) == (401, 16)
    viewer = door(Role.VIEWER).post(address, json=sent)
    assert (viewer.status_code, viewer.json()["code"]) == (403, 7)


# --- events -----------------------------------------------------------------------------


def event(kind: str, id: str = GENERATION, **body: Any) -> dict[str, Any]:
    told = {"id": id, "traceId": TRACE, **body}
    name = hashlib.sha256(repr((kind, told)).encode()).hexdigest()[:16]
    return {"id": name, "type": kind, "timestamp": BEGUN.isoformat(), "body": told}


def begun(**body: Any) -> dict[str, Any]:
    return event("generation-create", startTime=BEGUN.isoformat(), **body)


def ended(**body: Any) -> dict[str, Any]:
    end = BEGUN + timedelta(seconds=2)
    usage = {"input": 7, "output": 3, "unit": "TOKENS"}
    return event("generation-update", endTime=end.isoformat(), usage=usage, **body)


def send(http: httpx.Client, *events: dict[str, Any]) -> dict[str, Any]:
    answer = http.post("/ingestion", json={"batch": events, "metadata": {"sdk_name": "python"}})
    assert answer.status_code == 207, answer.text
    told = answer.json()
    assert len(told["successes"]) + len(told["errors"]) == len(events)
    return told


MODEL = "models:/churn/1"
PROMPTED = {"promptName": "support/answer", "promptVersion": 2}


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
@pytest.mark.parametrize(
    ("first", "last"),
    [
        ({"model": MODEL, **PROMPTED}, {}),
        ({}, {"model": MODEL, **PROMPTED}),
    ],
    ids=["told at the beginning", "told at the end"],
)
def test_a_generation_is_an_inference_once_it_has_ended(
    service: httpx.Client,
    catalog: Catalog,
    kept: Callable[[], list[Inference]],
    together: bool,
    first: dict[str, Any],
    last: dict[str, Any],
) -> None:
    events = [event("trace-create", TRACE), begun(**first), ended(**last, level="ERROR")]
    for batch in [events] if together else [events[:2], events[2:]]:
        assert kept() == []
        assert send(service, *batch)["errors"] == []
    (found,) = kept()
    assert found.bundle == catalog.bundle(1, 2).ref
    assert (found.measured.status, found.measured.latency_ms) == (
        "error",
        pytest.approx(2_000, abs=1),
    )
    assert (found.measured.input_tokens, found.measured.output_tokens) == (7, 3)


def test_sending_events_again_changes_nothing(
    service: httpx.Client,
    catalog: Catalog,
    rehearsal: Rehearsal,
    kept: Callable[[], list[Inference]],
) -> None:
    create, end = begun(model=MODEL, **PROMPTED), ended()
    for batch in ([create], [create], [end], [end], [create, end], [create]):
        assert send(service, *batch)["errors"] == []
        assert len(kept()) <= 1
    (found,) = kept()
    assert found.measured.latency_ms == pytest.approx(2_000, abs=1)
    assert catalog.client.lineage.impact("prompts:/support/answer/2").service.requests == 1
    with rehearsal.reading() as tx:
        assert tx.value(text("select count(*) from waiting_call")) == 0


def test_what_comes_after_the_end_is_an_outcome(
    service: httpx.Client, catalog: Catalog, kept: Callable[[], list[Inference]]
) -> None:
    send(service, begun(model=MODEL, **PROMPTED), ended())
    cost = event("generation-update", costDetails={"total": 0.25})
    assert send(service, cost)["errors"] == []
    assert kept()[0].measured.cost_usd == 0.25


def test_what_cannot_be_resolved_is_kept_in_its_words(
    service: httpx.Client, client: Client, kept: Callable[[], list[Inference]]
) -> None:
    send(service, begun(model="gpt-9", promptName="nobody", promptVersion=4), ended())
    (found,) = kept()
    assert words(client, found) == {"model": "gpt-9", "prompt": "prompts:/nobody/4"}


def test_a_generation_that_never_ends_is_recorded_after_an_hour(
    service: httpx.Client,
    catalog: Catalog,
    rehearsal: Rehearsal,
    kept: Callable[[], list[Inference]],
) -> None:
    send(service, begun(model=MODEL, **PROMPTED))
    other = traces.request([traces.span(SAID)])
    with rehearsal.writing("test") as tx:
        tx.run(text("update waiting_call set at = at - interval '61 minutes'"))
    service.post("/otel/v1/traces", json=other)
    (found,) = kept()
    assert (found.bundle, found.measured.status) == (catalog.bundle(1, 2).ref, None)
    assert send(service, ended())["errors"] == []
    assert kept()[0].measured.latency_ms == pytest.approx(2_000, abs=1)


def test_each_event_is_judged_by_itself(
    service: httpx.Client, kept: Callable[[], list[Inference]]
) -> None:
    old = BEGUN - timedelta(days=3_000)
    told = send(
        service,
        {"id": "no body", "type": "generation-create"},
        {**begun(), "id": "bad time", "body": {"id": "x", "startTime": "yesterday"}},
        {**begun(id="old", model=MODEL), "id": "too old"}
        | {"body": {"id": "old", "startTime": old.isoformat(), "endTime": old.isoformat()}},
        {**event("generation-update", "unheard of", endTime=BEGUN.isoformat()), "id": "no start"},
        {"id": "a score", "type": "score-create", "body": {"id": "s", "name": "n", "value": 1}},
        begun(model=MODEL),
        ended(),
    )
    why = {one["id"]: one["message"] for one in told["errors"]}
    assert set(why) == {"no body", "bad time", "too old", "no start"}
    assert all(one["status"] == 400 for one in told["errors"])
    assert "'yesterday'" in why["bad time"]
    assert "nothing is known of its beginning" in why["no start"]
    assert "a score" in {one["id"] for one in told["successes"]}
    assert len(kept()) == 1


def test_an_observation_is_a_call_when_it_is_a_generation(
    service: httpx.Client, kept: Callable[[], list[Inference]]
) -> None:
    times = {
        "startTime": BEGUN.isoformat(),
        "endTime": BEGUN.isoformat(),
        "model": MODEL,
    }
    send(
        service,
        event("observation-create", "one", type="SPAN", **times),
        event("observation-create", "two", type="GENERATION", **times),
        event("span-create", "three", **times),
    )
    assert len(kept()) == 1


def test_events_are_not_taken_from_whoever_may_not_record(door: Door) -> None:
    answer = door(Role.VIEWER).post("/ingestion", json={"batch": []})
    assert (answer.status_code, answer.json()["error"]) == (403, "ForbiddenError")
