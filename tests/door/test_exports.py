"""Exports at the door: media types, file names, counts, and what is refused."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import networkx as nx
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from prov.model import ProvDocument

from tests.support.catalog import Catalog
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.client.frames import to_networkx, to_polars
from twinline.exports import actions
from twinline.exports.intoto import pre_authentication
from twinline.exports.openlineage import FACET
from twinline.language import signing
from twinline.language.errors import Invalid, NotFound
from twinline.language.ids import new_id
from twinline.language.records import Bundle, NewInference, NewOutcome
from twinline.manifests import actions as manifests

SLOT = "answer@production"
MINUTE = (datetime.now(UTC) - timedelta(minutes=10)).replace(second=0, microsecond=0)


@pytest.fixture
def catalog(client: Client, rehearsal: Rehearsal) -> Catalog:
    """Two bundles; (1, 1) is live, and there is a key to sign with."""
    with rehearsal.writing("test") as tx:
        manifests.ensure_key(tx)
    made = Catalog(client)
    made.bundle(2, 2)
    made.deploy(SLOT, made.bundle(1, 1))
    return made


def _record(catalog: Catalog, bundle: Bundle | None, second: int = 0, **more: Any) -> Any:
    """Record a request of ``second`` seconds after `MINUTE`; its id."""
    id = new_id(MINUTE + timedelta(seconds=second))
    pair = {"bundle": str(bundle.ref)} if bundle else {"model": "gpt-4o", "prompt": "hello"}
    values = {"id": id, "slot": f"routes:/{SLOT}", **pair, **more}
    (item,) = catalog.client.inferences.record([NewInference.model_validate(values)]).items
    assert item.result != "refused", item
    return id


def _window(**more: Any) -> dict[str, str]:
    window = {"from": MINUTE, "to": MINUTE + timedelta(minutes=5)} | more
    at = {name: value.isoformat() for name, value in window.items() if value}
    return {"environment": "production", **at}


def _served(http: httpx.Client) -> list[tuple[str, int, int]]:
    """Bundle, requests and errors of each event."""
    found = http.get("/exports/openlineage", params=_window()).text.splitlines()
    facets = [json.loads(line)["run"]["facets"][FACET] for line in found]
    return [(one["bundle"], one["requests"], one["errors"]) for one in facets]


def test_a_bill_of_materials_is_valid_and_always_the_same(
    catalog: Catalog, http: httpx.Client
) -> None:
    bundle = catalog.bundle(1, 1)
    one, again = (http.get("/exports/cyclonedx", params={"node": ref}) for ref in (
        str(bundle.ref), bundle.digest[:12],
    ))  # fmt: skip
    assert one.content == again.content
    assert one.headers["content-type"] == "application/vnd.cyclonedx+json; version=1.7"
    assert one.headers["content-disposition"] == (
        f'attachment; filename="bundle-{bundle.digest[:12]}.cdx.json"'
    )
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(one.text) is None
    assert {part["bom-ref"] for part in one.json()["components"]} == {
        "models:/churn/1",
        "prompts:/support/answer/1",
        "datasets:/tickets/1",
    }


def test_a_statement_is_signed_with_the_key_that_every_reader_can_get(
    catalog: Catalog, http: httpx.Client
) -> None:
    bundle = catalog.bundle(1, 1)
    answer = http.get("/exports/intoto", params={"node": str(bundle.ref)})
    assert answer.headers["content-type"] == "application/vnd.dsse.envelope.v1+json"
    assert answer.headers["content-disposition"].endswith('.intoto.json"')
    envelope, key = answer.json(), http.get("/exports/key").json()
    payload = base64.b64decode(envelope["payload"])
    (signature,) = envelope["signatures"]
    assert signature["keyid"] == key["id"]
    signing.verify(
        key["public"], signature["sig"], pre_authentication(envelope["payloadType"], payload)
    )
    bare = http.get("/exports/intoto", params={"node": str(bundle.ref), "signed": "false"})
    assert bare.headers["content-type"] == "application/vnd.in-toto+json"
    assert bare.content == payload
    assert bare.json()["subject"][0]["digest"] == {"sha256": bundle.digest}


def test_the_provenance_goes_up_to_the_data(catalog: Catalog, http: httpx.Client) -> None:
    answer = http.get("/exports/prov", params={"node": str(catalog.bundle(1, 1).ref)})
    assert answer.headers["content-disposition"].endswith('.prov.json"')
    read = ProvDocument.deserialize(content=answer.text, format="json")
    names = {one.identifier.uri for one in read.get_records() if one.identifier}
    assert {"models:/churn/1", "runs:/run-1", "datasets:/tickets/1"} <= names


def test_a_graph_is_the_walk_that_lineage_answers(catalog: Catalog, http: httpx.Client) -> None:
    asked = {"node": "models:/churn/1", "direction": "downstream", "depth": 1}
    answer = http.get("/exports/graphml", params=asked)
    assert answer.headers["content-type"].startswith("application/graphml+xml")
    assert answer.headers["content-disposition"].endswith('"models-churn-1.graphml"')
    graph = nx.parse_graphml(answer.text)
    walked = catalog.client.lineage.walk("models:/churn/1", direction="downstream", depth=1)
    assert set(graph.nodes) == {node.ref for node in walked.nodes}
    assert graph.graph["left_out"] == walked.left_out == 1


def test_events_count_each_minute_s_requests_by_bundle(
    catalog: Catalog, http: httpx.Client
) -> None:
    old, new = catalog.bundle(1, 1), catalog.bundle(2, 2)
    for second in (0, 30, 59, 60):
        _record(catalog, old, second, deployment=1)
    _record(catalog, new, 30, status="error")
    _record(catalog, None, 30)
    _record(catalog, old, 30, role="shadow")
    _record(catalog, old, 300)
    found = http.get("/exports/openlineage", params=_window())
    assert found.headers["content-type"] == "application/x-ndjson"
    assert 'filename="openlineage-production-' in found.headers["content-disposition"]
    events = [json.loads(line) for line in found.text.splitlines()]
    facets = [event["run"]["facets"][FACET] for event in events]
    at = [event["run"]["facets"]["nominalTime"]["nominalStartTime"] for event in events]
    told = {
        (minute, one["bundle"] if one["resolved"] else None): (one["requests"], one["errors"])
        for minute, one in zip(at, facets, strict=True)
    }
    first, second = (MINUTE.isoformat(), (MINUTE + timedelta(minutes=1)).isoformat())
    assert told == {
        (first, str(old.ref)): (3, 0),
        (first, str(new.ref)): (1, 1),
        (first, None): (1, 0),
        (second, str(old.ref)): (1, 0),
    }
    assert {event["job"]["name"] for event in events} == {SLOT}
    as_array = http.get("/exports/openlineage", params={**_window(), "format": "json"})
    assert as_array.json() == events


def test_events_know_what_came_of_a_request_later(catalog: Catalog, http: httpx.Client) -> None:
    bundle = catalog.bundle(1, 1)
    good = _record(catalog, bundle, status="ok")
    bad = _record(catalog, bundle, status="error")
    unknown = _record(catalog, bundle)
    assert _served(http) == [(str(bundle.ref), 3, 1)]
    outcomes = catalog.client.inferences.add_outcome
    outcomes(good, NewOutcome(status="error"))
    outcomes(bad, NewOutcome(status="error"))
    outcomes(bad, NewOutcome(status="ok"))
    outcomes(unknown, NewOutcome(status="error"))
    outcomes(unknown, NewOutcome(score=0.5))
    assert _served(http) == [(str(bundle.ref), 3, 2)]


def test_two_deployments_of_a_bundle_in_a_minute_are_one_event(
    catalog: Catalog, http: httpx.Client
) -> None:
    bundle = catalog.bundle(1, 1)
    catalog.deploy(SLOT, bundle)
    for number in (1, 1, 2, None):
        _record(catalog, bundle, deployment=number)
    (event,) = http.get("/exports/openlineage", params={**_window(), "format": "json"}).json()
    assert event["run"]["facets"][FACET]["deployments"] == [
        {"number": 1, "requests": 2, "errors": 0},
        {"number": 2, "requests": 1, "errors": 0},
        {"requests": 1, "errors": 0},
    ]


def test_other_environments_and_a_minute_that_goes_on_are_not_told(
    catalog: Catalog, http: httpx.Client
) -> None:
    catalog.deploy("answer@staging", catalog.bundle(1, 1))
    _record(catalog, catalog.bundle(1, 1), slot="routes:/answer@staging")
    catalog.serve(SLOT, catalog.bundle(1, 1), 3)
    assert _served(http) == []
    late = _window(to=datetime.now(UTC) + timedelta(hours=1))
    answer = http.get("/exports/openlineage", params=late)
    assert answer.text == ""
    until = datetime.fromisoformat(answer.headers["x-twinline-until"])
    assert timedelta(0) <= datetime.now(UTC) - until < timedelta(minutes=2)
    assert (
        http.get("/exports/openlineage", params=_window()).headers["x-twinline-until"]
        == (MINUTE + timedelta(minutes=5)).isoformat()
    )


def test_the_schema_of_our_facet_is_where_events_say(
    catalog: Catalog, http: httpx.Client, url: str
) -> None:
    _record(catalog, catalog.bundle(1, 1))
    (event,) = http.get("/exports/openlineage", params={**_window(), "format": "json"}).json()
    address, _, pointer = event["run"]["facets"][FACET]["_schemaURL"].partition("#/")
    assert address.startswith(url)
    document = httpx.get(address).json()
    assert document["$id"] == address
    for step in pointer.split("/"):
        document = document[step]
    assert "allOf" in document


@pytest.mark.parametrize("name", ["cyclonedx", "intoto", "prov"])
@pytest.mark.parametrize(
    ("node", "status", "said"),
    [
        pytest.param("nonsense", 422, "bundles:/nonsense", id="no-reference"),
        pytest.param("models:/churn/1", 422, "is not of the form bundles:/", id="another-kind"),
        pytest.param("bundles:/000000000000", 404, "There is no bundle", id="unknown"),
        pytest.param("bundles:/\x00", 422, "bundles:/", id="nul"),
        pytest.param("x" * 101, 422, "at most 100", id="too-long"),
        pytest.param(None, 422, "node", id="missing"),
    ],
)
def test_what_is_no_bundle_is_refused(
    catalog: Catalog, http: httpx.Client, name: str, node: str | None, status: int, said: str
) -> None:
    answer = http.get(f"/exports/{name}", params={} if node is None else {"node": node})
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"]


@pytest.mark.parametrize("name", ["cyclonedx", "intoto", "prov"])
def test_what_could_not_be_resolved_has_nothing_to_export(
    catalog: Catalog, http: httpx.Client, name: str
) -> None:
    id = _record(catalog, None)
    node = str(catalog.client.inferences.get(id).bundle)
    answer = http.get(f"/exports/{name}", params={"node": node})
    assert (answer.status_code, answer.json()["words"]["model"]) == (409, "gpt-4o")
    assert "could not be resolved" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        pytest.param({"environment": "nowhere"}, 404, "no environment 'nowhere'", id="unknown"),
        pytest.param({"environment": "No Such"}, 422, "environment", id="no-environment"),
        pytest.param({"from": "2026-07-02T00:00:00Z"}, 422, "before it begins", id="backwards"),
        pytest.param({"from": "2026-06-29T23:59:59Z"}, 422, "more than 24 hours", id="too-long"),
        pytest.param({"from": "2026-06-30T12:00:00"}, 422, "timezone", id="no-time-zone"),
        pytest.param({"to": "yesterday"}, 422, "query.to", id="no-time"),
        pytest.param({"format": "xml"}, 422, "'ndjson' or 'json'", id="no-format"),
    ],
)
def test_a_window_that_cannot_be_told_is_refused(
    catalog: Catalog, http: httpx.Client, asked: dict[str, str], status: int, said: str
) -> None:
    window = {"environment": "production", "from": "2026-06-30T12:00:00Z",
              "to": "2026-07-01T00:00:00Z"}  # fmt: skip
    answer = http.get("/exports/openlineage", params=window | asked)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"]


def test_a_window_of_too_much_is_refused(
    catalog: Catalog, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    _record(catalog, catalog.bundle(1, 1))
    _record(catalog, catalog.bundle(2, 2))
    end = MINUTE + timedelta(minutes=1)
    monkeypatch.setattr(actions, "ROWS_MOST", 1)
    with rehearsal.reading() as tx, pytest.raises(Invalid, match="shorter one"):
        actions.events(tx, "production", MINUTE, end, "http://x")


def test_a_year_without_a_partition_is_empty(catalog: Catalog, http: httpx.Client) -> None:
    for year in ("0001", "1969", "2001", "9999"):
        window = {"from": f"{year}-01-01T00:00:00Z", "to": f"{year}-01-01T12:00:00Z"}
        answer = http.get("/exports/openlineage", params={"environment": "production", **window})
        assert (answer.status_code, answer.text) == (200, "")


def test_the_client_gives_each_document(catalog: Catalog, http: httpx.Client) -> None:
    bundle, exports = catalog.bundle(1, 1), catalog.client.exports
    for name, given in (
        ("cyclonedx", exports.cyclonedx(bundle.ref)),
        ("intoto", exports.intoto(bundle.digest[:12])),
        ("prov", exports.prov(str(bundle.ref))),
    ):
        assert given == http.get(f"/exports/{name}", params={"node": str(bundle.ref)}).json()
    assert exports.intoto(bundle.ref, signed=False)["predicateType"].startswith("https://slsa")
    assert exports.key().id == exports.intoto(bundle.ref)["signatures"][0]["keyid"]
    assert "graphml" in exports.graphml(bundle.ref, direction="upstream", depth=1, limit=3)
    _record(catalog, bundle)
    end = MINUTE + timedelta(minutes=1)
    (event,) = exports.openlineage("production", MINUTE, end)
    assert event["run"]["facets"][FACET]["requests"] == 1
    with pytest.raises(Invalid, match="before it begins"):
        exports.openlineage("production", end, MINUTE)
    with pytest.raises(NotFound):
        exports.graphml("models:/nothing/1")


def test_affected_requests_become_a_table(catalog: Catalog) -> None:
    _record(catalog, catalog.bundle(1, 1), latency_ms=12.5)
    _record(catalog, catalog.bundle(1, 1))
    table = to_polars(catalog.client.lineage.affected("datasets:/tickets/1"))
    assert sorted(table["measured.latency_ms"].to_list(), key=str) == [12.5, None]
    graph = to_networkx(catalog.client.lineage.walk("datasets:/tickets/1"))
    assert f"deployments:/{SLOT}/1" in nx.descendants(graph, "datasets:/tickets/1")
