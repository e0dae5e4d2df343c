"""Lineage at the door: walks, impact, and one request's story."""

import httpx
import pytest

from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.errors import Invalid, InvalidReference, NotFound
from twinline.language.records import NewInference

SLOT = "answer@production"
SLOT_REF = f"routes:/{SLOT}"


@pytest.fixture
def catalog(client: Client) -> Catalog:
    """Two models and two prompts; (1, 1) served 3 requests, (2, 2) is live with 2."""
    made = Catalog(client)
    made.deploy(SLOT, made.bundle(1, 1))
    made.serve(SLOT, made.bundle(1, 1), 3, decision="loan-1", deployment=1)
    made.deploy(SLOT, made.bundle(2, 2))
    made.serve(SLOT, made.bundle(2, 2), 2, status="error", deployment=2)
    return made


def test_depth_one_is_the_direct_neighbours(catalog: Catalog) -> None:
    found = catalog.client.lineage.walk("models:/churn/1", depth=1)
    assert {(node.ref, node.depth) for node in found.nodes} == {
        ("models:/churn/1", 0),
        ("runs:/run-1", -1),
        (str(catalog.bundle(1, 1).ref), 1),
    }
    assert found.left_out == 2
    assert found.why_left_out == "2 or more deeper than 1 hop"


def test_a_walk_reaches_from_the_dataset_to_the_deployment(catalog: Catalog) -> None:
    found = catalog.client.lineage.walk("datasets:/tickets/1", direction="downstream")
    assert [node.ref for node in found.nodes] == [
        "datasets:/tickets/1",
        "runs:/run-1",
        "models:/churn/1",
        str(catalog.bundle(1, 1).ref),
        f"deployments:/{SLOT}/1",
    ]
    assert {edge.kind for edge in found.edges} == {"trained", "made", "model_of", "deployed_as"}
    assert (found.left_out, found.why_left_out) == (0, None)


def test_a_walk_upstream_holds_both_sides(catalog: Catalog) -> None:
    found = catalog.client.lineage.walk(f"deployments:/{SLOT}/2", direction="upstream")
    assert {node.ref for node in found.nodes} == {
        f"deployments:/{SLOT}/2",
        str(catalog.bundle(2, 2).ref),
        "models:/churn/2",
        "prompts:/support/answer/2",
        "runs:/run-2",
        "datasets:/tickets/2",
    }


def test_a_limit_keeps_the_nearest_and_counts_the_rest(catalog: Catalog) -> None:
    found = catalog.client.lineage.walk("datasets:/tickets/1", limit=2)
    assert [node.ref for node in found.nodes] == ["datasets:/tickets/1", "runs:/run-1"]
    assert found.left_out == 3
    assert found.why_left_out == "3 beyond the limit of 2 nodes"


def test_labels_aliases_slots_and_short_digests_stand_for_what_they_name(catalog: Catalog) -> None:
    bundle = str(catalog.bundle(2, 2).ref)
    for named, root in (
        ("prompts:/support/answer@latest", "prompts:/support/answer/2"),
        ("models:/churn@latest", "models:/churn/2"),
        (SLOT_REF, SLOT_REF),
        (bundle[:25], bundle),
    ):
        assert catalog.client.lineage.walk(named, depth=1).root == root


@pytest.mark.parametrize(
    ("node", "error"),
    [
        ("nonsense", InvalidReference),
        ("prompts:/support/answer/9", NotFound),
        ("prompts:/nothing/1", NotFound),
        ("datasets:/tickets/9", NotFound),
        ("runs:/nothing", NotFound),
        (f"deployments:/{SLOT}/9", NotFound),
        ("bundles:/000000000000", NotFound),
        ("decisions:/loan-1", Invalid),
    ],
)
def test_what_is_no_node_is_refused_by_name(
    catalog: Catalog, node: str, error: type[Exception]
) -> None:
    for ask in (catalog.client.lineage.walk, catalog.client.lineage.impact):
        with pytest.raises(error):
            ask(node)
    with pytest.raises(error):
        list(catalog.client.lineage.affected(node))


def test_impact_counts_requests_errors_decisions_slots_and_days(catalog: Catalog) -> None:
    old = catalog.client.lineage.impact("datasets:/tickets/1")
    assert (old.bundles, old.deployments, old.live) == (1, 1, ())
    assert (old.service.requests, old.service.errors, old.service.decision_requests) == (3, 0, 3)
    new = catalog.client.lineage.impact("prompts:/support/answer/2")
    assert [slot.short for slot in new.live] == [SLOT]
    assert (new.service.requests, new.service.errors) == (2, 2)
    assert [(one.slot and one.slot.short, one.live) for one in new.slots] == [(SLOT, True)]
    assert sum(day.requests for day in new.days) == 2


def test_the_impact_of_a_deployment_is_what_it_served_itself(catalog: Catalog) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.serve(SLOT, catalog.bundle(1, 1), 1, deployment=3)
    assert catalog.client.lineage.impact(f"deployments:/{SLOT}/1").service.requests == 3
    assert catalog.client.lineage.impact(f"deployments:/{SLOT}/3").service.requests == 1
    assert catalog.client.lineage.impact(catalog.bundle(1, 1).ref).service.requests == 4
    affected = list(catalog.client.lineage.affected(f"deployments:/{SLOT}/3"))
    assert len(affected) == 1


def test_affected_requests_come_in_pages_that_hold_each_once(
    catalog: Catalog, http: httpx.Client
) -> None:
    seen: list[str] = []
    query: dict[str, str | int] = {"node": "datasets:/tickets/1", "limit": 2}
    while True:
        page = http.get("/impact/inferences", params=query).json()
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert len(seen) == len(set(seen)) == 3
    assert seen == sorted(seen, reverse=True)
    foreign = http.get("/impact/inferences", params=query | {"node": "datasets:/tickets/2"})
    assert foreign.status_code == 422


def test_a_request_s_story_goes_up_to_its_datasets(catalog: Catalog) -> None:
    catalog.client.bundles.state_pairing(
        "models:/churn/2", "prompts:/support/answer/2", "designed_for", reason="made together"
    )
    found = catalog.client.inferences.resolve(
        "answer", "production", trace_id="trace-1", decision="loan-2"
    )
    sibling = NewInference(bundle=str(catalog.bundle(1, 1).ref), trace_id="trace-1")
    catalog.client.inferences.record([sibling])
    assert found.inference_id is not None
    story = catalog.client.inferences.explain(found.inference_id)
    assert story.deployment is not None
    assert (story.deployment.number, story.deployment.reason) == (2, "because")
    assert story.prompt is not None
    assert story.prompt.template == "Answer 2: {{ question }}"
    assert story.model is not None
    assert str(story.model.ref) == "models:/churn/2"
    assert story.run is not None
    assert story.run.name == "training 2"
    assert [str(one.ref) for one in story.datasets] == ["datasets:/tickets/2"]
    assert story.datasets[0].profile == {"rows": 2}
    assert story.pairing is not None
    assert story.pairing.status == "designed_for"
    assert [one.bundle for one in story.siblings] == [catalog.bundle(1, 1).ref]


def test_the_story_of_an_unresolved_request_holds_its_words(client: Client) -> None:
    result = client.inferences.record([NewInference(model="gpt-4o", prompt="hello")])
    assert result.items[0].id is not None
    story = client.inferences.explain(result.items[0].id)
    assert story.bundle.words == {"model": "gpt-4o", "prompt": "hello"}
    assert (story.prompt, story.model, story.run, story.deployment) == (None,) * 4
