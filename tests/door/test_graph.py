"""Nodes and edges of people's own, retirements, owners and OpenLineage events at the door."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from openlineage.client.facet_v2 import dataset_version_dataset

from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.errors import BundleWithdrawn, Conflict, Invalid, NotFound
from twinline.language.records import RequestFilter
from twinline.language.refs import SlotRef

SLOT = "answer@production"
INDEX, REPORT = "nodes:/vector-index/tickets", "nodes:/report/weekly"
WHY = "because it is so"


@pytest.fixture
def catalog(client: Client) -> Catalog:
    made = Catalog(client)
    made.deploy(SLOT, made.bundle(1, 1))
    made.serve(SLOT, made.bundle(1, 1), 4, deployment=1, decision="loan-1")
    client.lineage.add_node("vector-index", "tickets", owner="search-team", properties={"dim": 3})
    client.lineage.add_node("report", "weekly")
    return made


def refs(client: Client, node: str, **more: Any) -> list[str]:
    return [one.ref for one in client.lineage.walk(node, direction="downstream", **more).nodes]


# --- nodes and edges ---------------------------------------------------------------------


def test_a_node_of_one_s_own_is_kept_changed_and_listed(client: Client, catalog: Catalog) -> None:
    found = client.lineage.node(INDEX)
    assert (found.owner, found.properties, found.actor) == ("search-team", {"dim": 3}, "admin")
    again = client.lineage.add_node("vector-index", "tickets", owner="data-team")
    assert (again.owner, again.since) == ("data-team", found.since)
    assert [str(one.ref) for one in client.lineage.nodes()] == [REPORT, INDEX]
    assert [str(one.ref) for one in client.lineage.nodes("report")] == [REPORT]
    with pytest.raises(NotFound, match="did you mean nodes:/vector-index/tickets"):
        client.lineage.node("nodes:/vector-index/ticket")


def test_what_feeds_a_slot_is_upstream_of_it_and_counts_its_requests(
    client: Client, catalog: Catalog
) -> None:
    client.lineage.connect(INDEX, f"routes:/{SLOT}", "feeds", evidence={"job": "nightly"})
    client.lineage.connect(f"routes:/{SLOT}", REPORT, "shown_in")
    assert refs(client, INDEX) == [INDEX, f"routes:/{SLOT}", REPORT]
    impact = client.lineage.impact(INDEX)
    assert (impact.service.requests, [one.short for one in impact.live]) == (4, [SLOT])
    assert refs(client, "datasets:/tickets/1")[-1] == REPORT
    assert client.lineage.impact(REPORT).service.requests == 0


def test_saying_it_twice_changes_nothing_and_ending_it_keeps_that_it_was(
    client: Client, catalog: Catalog, http: httpx.Client
) -> None:
    body = {"source": INDEX, "target": f"routes:/{SLOT}", "kind": "feeds"}
    assert [http.post("/edges", json=body).status_code for _ in range(2)] == [201, 200]
    between = datetime.now(UTC)
    ended = client.lineage.disconnect(INDEX, f"routes:/{SLOT}", "feeds", reason=WHY)
    assert ended.until is not None
    assert refs(client, INDEX) == [INDEX]
    assert refs(client, INDEX, as_of=between) == [INDEX, f"routes:/{SLOT}"]
    assert client.lineage.impact(INDEX).service.requests == 4, "it held once"
    later = RequestFilter(begin=datetime.now(UTC) + timedelta(hours=1))
    assert client.lineage.impact(INDEX, later).service.requests == 0
    with pytest.raises(NotFound, match="that holds now"):
        client.lineage.disconnect(INDEX, f"routes:/{SLOT}", "feeds", reason=WHY)
    with pytest.raises(Conflict, match="was ended"):
        client.lineage.connect(INDEX, f"routes:/{SLOT}", "feeds", since=between)
    assert client.lineage.connect(INDEX, f"routes:/{SLOT}", "feeds").until is None


def test_a_cycle_of_one_s_own_edges_ends_every_walk_and_count(
    client: Client, catalog: Catalog
) -> None:
    client.lineage.connect(f"routes:/{SLOT}", REPORT, "shown_in")
    client.lineage.connect(REPORT, "datasets:/tickets/1", "labelled")
    walk = client.lineage.walk("models:/churn/1", direction="both", depth=100)
    assert {one.ref for one in walk.nodes} >= {REPORT, "datasets:/tickets/1", f"routes:/{SLOT}"}
    assert (walk.left_out, len({one.ref for one in walk.nodes})) == (0, len(walk.nodes))
    assert client.lineage.impact("datasets:/tickets/1").service.requests == 4


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"kind": "trained"}, "kept by the catalog"),
        ({"target": INDEX}, "cannot come from itself"),
        ({"target": "nodes:/report/none"}, "no nodes:/report/none"),
        ({"target": "decisions:/loan-1"}, "no node of the graph"),
        ({"source": "rubbish"}, "no reference"),
        ({"since": "2999-01-01T00:00:00Z"}, "yet to come"),
        ({"kind": "7"}, "kind"),
        ({"evidence": 7}, "evidence"),
    ],
)
def test_an_edge_that_cannot_be_is_refused_by_name(
    catalog: Catalog, http: httpx.Client, body: dict[str, Any], says: str
) -> None:
    good = {"source": INDEX, "target": REPORT, "kind": "feeds"}
    answer = http.post("/edges", json={**good, **body})
    assert answer.status_code in (404, 422)
    assert says in answer.text


def test_a_walk_shows_the_kinds_that_are_asked_for(client: Client, catalog: Catalog) -> None:
    found = client.lineage.walk("datasets:/tickets/1", kinds=["slot", "bundle"])
    assert [one.kind for one in found.nodes] == ["dataset", "bundle", "slot"]
    assert (found.left_out, found.why_left_out) == (3, "3 of other kinds")


def test_a_time_before_there_was_anything_is_said(client: Client, catalog: Catalog) -> None:
    with pytest.raises(NotFound, match="did not exist at 2020-01-01"):
        client.lineage.walk("models:/churn/1", as_of=datetime(2020, 1, 1, tzinfo=UTC))
    begin = datetime(2026, 1, 2, tzinfo=UTC)
    backwards = RequestFilter(begin=begin, end=begin - timedelta(days=1))
    with pytest.raises(Invalid, match="before it begins"):
        client.lineage.impact("models:/churn/1", backwards)


def test_a_walk_says_what_was_live_where_at_a_time(client: Client, catalog: Catalog) -> None:
    first = datetime.now(UTC)
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    before = client.lineage.walk(f"routes:/{SLOT}", direction="upstream", depth=1, as_of=first)
    now = client.lineage.walk(f"routes:/{SLOT}", direction="upstream", depth=1)
    assert [one.ref for one in before.nodes[1:]] == [f"deployments:/{SLOT}/1"]
    assert [one.ref for one in now.nodes[1:]] == [f"deployments:/{SLOT}/2"]


# --- retirements -------------------------------------------------------------------------


def test_what_a_version_was_written_from_is_lineage_but_no_cause(
    client: Client, catalog: Catalog
) -> None:
    bad, cure = "prompts:/support/answer/1", "prompts:/support/better/1"
    client.prompts.create("support/better", "Better: {{ question }}", derived_from=bad)
    assert cure in refs(client, bad)
    pair = client.bundles.pair("models:/churn/1", cure)
    catalog.serve("better@production", pair, 2)
    assert client.lineage.impact(bad).service.requests == 4, "what was served with the bad one"
    client.recalls.create(bad, reason="it leaks")
    catalog.deploy("better@production", pair)
    with pytest.raises(NotFound, match="no version 9"):
        client.prompts.create("p", "x", derived_from="prompts:/support/answer/9")


def test_a_retired_version_goes_live_no_more_and_is_no_bridge(
    client: Client, catalog: Catalog
) -> None:
    two = catalog.bundle(1, 2)
    retired = client.lineage.retire("prompts:/support/answer/2", reason="replaced by three")
    assert (retired.kind, retired.node) == ("retired", "prompts:/support/answer/2")
    with pytest.raises(BundleWithdrawn, match="replaced by three"):
        catalog.deploy(SLOT, two)
    assert client.prompts.get("support/answer", version=2).number == 2, "it stays readable"
    client.lineage.connect(INDEX, REPORT, "feeds")
    client.lineage.connect(REPORT, "datasets:/tickets/1", "feeds")
    client.lineage.retire(REPORT, reason="nobody reads it")
    assert refs(client, INDEX) == [INDEX, REPORT]
    assert client.lineage.walk(INDEX).nodes[1].withdrawn == "retired"
    client.lineage.lift(retired.number, reason="it is needed again")
    catalog.deploy(SLOT, two)
    assert [one.number for one in client.lineage.retirements()][-1] == retired.number


def test_what_is_live_cannot_be_retired(client: Client, catalog: Catalog) -> None:
    for node in ("prompts:/support/answer/1", "models:/churn/1", str(catalog.bundle(1, 1).ref)):
        with pytest.raises(Conflict, match=f"is live in {SLOT}"):
            client.lineage.retire(node, reason=WHY)
    with pytest.raises(Invalid, match="cannot be retired"):
        client.lineage.retire("datasets:/tickets/1", reason=WHY)


def test_retiring_twice_is_one_retirement_and_lifting_twice_is_refused(
    client: Client, catalog: Catalog, http: httpx.Client
) -> None:
    body = {"node": INDEX, "reason": WHY}
    first, second = (http.post("/retirements", json=body) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    number = first.json()["number"]
    assert client.lineage.lift(number, reason=WHY).lifted_reason == WHY
    with pytest.raises(Conflict, match="lifted that"):
        client.lineage.lift(number, reason=WHY)
    with pytest.raises(NotFound, match="no retirement 999"):
        client.lineage.lift(999, reason=WHY)


# --- whom to tell, and what would be touched ----------------------------------------------


def test_what_led_to_a_slot_once_is_live_there_no_longer(client: Client, catalog: Catalog) -> None:
    old = client.models.register(catalog.another_model("old")).ref
    client.lineage.connect(old, f"routes:/{SLOT}", "feeds")
    assert [one.short for one in client.lineage.impact(old).live] == [SLOT]
    client.lineage.disconnect(old, f"routes:/{SLOT}", "feeds", reason=WHY)
    assert client.lineage.impact(old).live == ()
    assert client.lineage.retire(old, reason=WHY).kind == "retired"


def test_a_wrong_name_is_no_answer_of_zero(client: Client, catalog: Catalog) -> None:
    for wanted in (
        RequestFilter(environment="prodction"),
        RequestFilter(slot=SlotRef("answer", "prodction")),
    ):
        with pytest.raises(NotFound, match="did you mean"):
            client.lineage.impact("models:/churn/1", wanted)
        with pytest.raises(NotFound):
            list(client.lineage.affected("models:/churn/1", wanted))
    with pytest.raises(NotFound, match="answer@production"):
        client.lineage.own("anwser@production", "support-team")


def test_the_owner_of_the_slot_or_else_of_the_route_is_to_be_told(
    client: Client, catalog: Catalog
) -> None:
    assert client.lineage.impact("models:/churn/1").owners == ()
    client.lineage.own("answer", "support-team", "#support")
    (told,) = client.lineage.impact("models:/churn/1").owners
    assert (told.subject, told.owner, told.contact) == ("answer", "support-team", "#support")
    client.lineage.own(SLOT, "on-call")
    (told,) = client.lineage.impact("models:/churn/1").owners
    assert (told.subject, told.owner) == (SLOT, "on-call")


def test_a_prospect_names_live_slots_traffic_ways_back_and_owners(
    client: Client, catalog: Catalog
) -> None:
    client.lineage.own("answer", "support-team")
    found = client.lineage.prospect("retirement", "prompts:/support/answer/1")
    assert [(one.slot and one.slot.short, one.service.requests) for one in found.live] == [
        (SLOT, 4)
    ]
    assert [one.owner for one in found.owners] == ["support-team"]
    assert "It is refused while it is live." in found.notes
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    later = client.lineage.prospect("retirement", "prompts:/support/answer/1")
    assert (later.live, [one.short for one in later.back]) == ((), [SLOT])
    label = client.lineage.prospect("label", "prompts:/support/answer@latest")
    assert label.root == "prompts:/support/answer/2"
    assert [one.slot and one.slot.short for one in label.live] == [SLOT]
    version = client.lineage.prospect("version", "models:/churn/1")
    assert set(version.bundles) == {catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref}
    with pytest.raises(Invalid, match="`label` takes a label"):
        client.lineage.prospect("label", "prompts:/support/answer/1")


# --- OpenLineage -------------------------------------------------------------------------


RAW = "nodes:/dataset/s3:/raw|tickets.json"
CLEAN = "datasets:/tickets/5e1f0a7c"


def trained_on_clean(http: httpx.Client) -> None:
    """A model version whose run logged the clean tickets."""
    used = [{"name": "tickets", "digest": "5e1f0a7c"}]
    body = {"name": "m", "source_uri": "x:/y", "run": {"id": "run-m", "datasets": used}}
    http.post("/models", json=body).raise_for_status()


def event(**more: Any) -> dict[str, Any]:
    return {
        "eventTime": "2026-01-01T00:00:00Z", "eventType": "COMPLETE", "producer": "https://etl",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "01941f29-7c00-7000-8000-000000000001"},
        "job": {"namespace": "airflow://prod", "name": "clean_tickets"},
        "inputs": [{"namespace": "s3://raw", "name": "tickets.json"}], "outputs": [], **more,
    }  # fmt: skip


def versioned(name: str, version: str) -> dict[str, Any]:
    return {"namespace": "s3://clean", "name": name,
            "facets": {"version": {"datasetVersion": version}}}  # fmt: skip


@pytest.mark.parametrize("trained_first", [True, False])
def test_what_a_job_wrote_meets_the_run_that_trained_on_it(
    client: Client, http: httpx.Client, trained_first: bool
) -> None:
    wrote = event(outputs=[versioned("tickets", "5e1f0a7c")])
    if trained_first:
        trained_on_clean(http)
    answer = http.post("/lineage", json=wrote)
    assert (answer.status_code, answer.json()["new_edges"]) == (201, 2)
    if not trained_first:
        trained_on_clean(http)
    job = "nodes:/job/airflow:/prod|clean_tickets"
    assert refs(client, RAW) == [RAW, job, CLEAN, "runs:/run-m", "models:/m/1"]
    again = http.post("/lineage", json=wrote)
    assert (again.status_code, again.json()["new_edges"]) == (201, 0)
    (above,) = [one for one in client.lineage.walk("runs:/run-m", depth=1).nodes if one.depth == -1]
    assert above.ref == CLEAN


def test_datasets_of_different_namespaces_stay_different(http: httpx.Client) -> None:
    """A table's small version number says nothing beyond its namespace."""
    named = [("a", "b/c"), ("a/b", "c"), ("a/b", "./c"), ("a", "b|c"), ("a|b", "c"), ("a//b", "c")]
    inputs = [{"namespace": one, "name": other} for one, other in named]
    inputs += [versioned("tickets", "1"), {**versioned("tickets", "1"), "namespace": "pg://other"}]
    nodes = http.post("/lineage", json=event(inputs=inputs)).json()["nodes"]
    assert len(nodes) == len(set(nodes)) == 1 + len(inputs)
    assert "datasets:/tickets/1" not in nodes


def test_a_run_that_mlflow_knows_stands_for_itself(client: Client, http: httpx.Client) -> None:
    known = "01941f297c0070008000000000000001"
    body = {"name": "m", "source_uri": "x:/y", "run": {"id": known}}
    http.post("/models", json=body).raise_for_status()
    http.post("/lineage", json=event()).raise_for_status()
    assert refs(client, RAW)[1:] == [
        f"runs:/{known}", "models:/m/1",
    ]  # fmt: skip


def test_what_failed_wrote_nothing(client: Client, http: httpx.Client) -> None:
    outputs = [versioned("tickets", "5e1f0a7c")]
    assert http.post("/lineage", json=event(eventType="START", outputs=outputs)).status_code == 201
    failed = http.post("/lineage", json=event(eventType="FAIL", outputs=outputs))
    assert failed.json()["new_edges"] == 0, "the start said what it reads"
    with pytest.raises(NotFound):
        client.lineage.walk(CLEAN)


@pytest.mark.parametrize(
    "more",
    [
        {"job": None}, {"run": None}, {"dataset": versioned("d", "1"), "job": None},
        {"inputs": [versioned("a/../b//c/", "1/2")]},
        {"inputs": [versioned("v/versions", "x" * 999)]},
        {"inputs": [{"namespace": "n" * 2000, "name": "\u202e\x07 模型" * 50}]},
        {"eventTime": "2999-01-01T00:00:00Z"}, {"inputs": [{"namespace": "..", "name": "/"}]},
        {"job": {"namespace": "n", "name": "j", "facets": {"x": [1]}}, "extra": {"deep": [[]]}},
    ],
    ids=str,
)  # fmt: skip
def test_whatever_names_others_have_is_taken(http: httpx.Client, more: dict[str, Any]) -> None:
    answer = http.post("/lineage", json=event(**more))
    assert answer.status_code == 201, answer.text
    for ref in answer.json()["nodes"]:
        found = http.get("/lineage", params={"node": ref})
        assert (found.status_code, found.json()["root"]) == (200, ref)


@pytest.mark.parametrize(
    "more",
    [
        {"eventTime": "yesterday"},
        {"eventType": "fail"},
        {"job": {"name": "j"}},
        {"inputs": {}},
        {"run": {}},
    ],
    ids=str,
)
def test_what_is_no_event_is_refused(http: httpx.Client, more: dict[str, Any]) -> None:
    assert http.post("/lineage", json=event(**more)).status_code == 422


def test_the_unmodified_openlineage_client_is_understood(
    client: Client, http: httpx.Client, url: str, key: str
) -> None:
    config = {"type": "http", "url": url, "auth": {"type": "api_key", "apiKey": key}}
    sender = OpenLineageClient(config={"transport": config})
    version = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion="5e1f0a7c")
    sender.emit(
        RunEvent(
            eventTime="2026-01-01T00:00:00Z",
            eventType=RunState.COMPLETE,
            producer="https://example.org/etl",
            run=Run(runId="01941f29-7c00-7000-8000-000000000001"),
            job=Job(namespace="airflow", name="clean"),
            inputs=[InputDataset(namespace="s3://raw", name="tickets.json")],
            outputs=[
                OutputDataset(namespace="s3://clean", name="tickets", facets={"version": version})
            ],
        )
    )
    sender.close()
    trained_on_clean(http)
    found = refs(client, RAW)
    assert found[1:4] == ["nodes:/job/airflow|clean", CLEAN, "runs:/run-m"]
