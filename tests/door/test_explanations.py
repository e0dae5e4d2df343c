"""One request's story and its replay at the door."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import event

from tests.support import policies
from tests.support.catalog import Catalog
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.language.errors import Invalid, NotFound
from twinline.language.ids import new_id
from twinline.language.records import NewEvaluation, NewInference, NewOutcome
from twinline.lineage import explanations

SLOT = "answer@production"


@pytest.fixture
def catalog(client: Client) -> Catalog:
    made = Catalog(client)
    one, two = made.bundle(1, 1).ref, made.bundle(2, 2).ref
    client.slots.deploy(SLOT, policy=policies.canary(one, two, 0.5), reason="half", expected=0)
    return made


def resolved(client: Client, user: str = "u", **more: Any) -> UUID:
    context = {"user": {"id": user}}
    found = client.inferences.resolve("answer", "production", context, **more)
    assert found.inference_id is not None
    return found.inference_id


def test_a_story_tells_what_was_known_at_the_time(client: Client, catalog: Catalog) -> None:
    client.prompts.move_label("support/answer", "production", 1, reason="begin")
    new = NewEvaluation(subject=catalog.bundle(1, 1).ref, suite="golden", passed=1, failed=0)
    client.evaluations.record(new)
    for side in ("prompts:/support/answer/1", "models:/churn/1", "models:/churn/2"):
        client.evaluations.record(
            NewEvaluation.model_validate({**new.model_dump(), "subject": side})
        )
    deployed = client.slots.deploy(
        "fixed@production", catalog.bundle(1, 1).ref, reason="one", expected=0
    )
    found = client.inferences.resolve("fixed", "production")
    assert found.inference_id is not None
    client.prompts.move_label("support/answer", "production", 2, reason="go on")
    client.evaluations.record(new.model_copy(update={"failed": 9}))
    client.bundles.state_pairing(
        "models:/churn/1", "prompts:/support/answer/1", "incompatible", reason="it loops"
    )
    story = client.inferences.explain(found.inference_id)
    assert story.deployment == deployed
    assert story.prompt is not None
    assert story.prompt.labels == ("production",)
    assert [(str(one.subject), one.verdict) for one in story.evaluations] == [
        (str(catalog.bundle(1, 1).ref), "passed"),
        ("models:/churn/1", "passed"),
        ("prompts:/support/answer/1", "passed"),
    ]
    assert story.pairing is None


def test_a_story_takes_four_statements_however_long(
    client: Client, catalog: Catalog, rehearsal: Rehearsal
) -> None:
    id = resolved(client, trace_id="t")
    more = [NewInference(bundle=str(catalog.bundle(1, 1).ref), trace_id="t")] * 120
    client.inferences.record(more)
    client.inferences.add_outcome(id, NewOutcome(score=0.5))
    statements: list[str] = []
    listen = lambda *args: statements.append(args[2])  # noqa: E731 -- one line says it
    with rehearsal.reading() as tx:
        event.listen(rehearsal.engine, "before_cursor_execute", listen)
        try:
            story = explanations.explain(tx, id)
        finally:
            event.remove(rehearsal.engine, "before_cursor_execute", listen)
    assert len(statements) <= 4
    assert (len(story.siblings), len(story.outcomes)) == (100, 1)
    assert story.inference.measured.score == 0.5


def test_requests_are_found_by_trace_and_by_decision(
    client: Client, catalog: Catalog, http: httpx.Client
) -> None:
    ids = [resolved(client, trace_id="t", decision=f"loan-{n % 2}") for n in range(5)]
    assert [one.id for one in client.inferences.find(trace_id="t")] == ids[::-1]
    assert [one.id for one in client.inferences.find(decision="loan-1")] == [ids[3], ids[1]]
    page = http.get("/inferences", params={"trace_id": "t", "limit": 2}).json()
    other = http.get("/inferences", params={"trace_id": "x", "cursor": page["next"]})
    assert (len(page["items"]), other.status_code) == (2, 422)
    for wrong in ({}, {"trace_id": "t", "decision": "d"}):
        assert http.get("/inferences", params=wrong).status_code == 422


def test_a_replay_gives_the_same_bundle_when_the_context_was_kept(
    client: Client, catalog: Catalog
) -> None:
    arms: set[str | None] = set()
    for number in range(20):
        id = resolved(client, f"user-{number}", keep_context=True)
        found = client.inferences.replay(id)
        assert (found.possible, found.same, found.why_not) == (True, True, None)
        assert (found.bundle, found.arm) == (found.inference.bundle, found.inference.arm)
        arms.add(found.arm)
    assert len(arms) == 2


def test_a_replay_needs_the_context_and_knows_another_one(client: Client, catalog: Catalog) -> None:
    id = resolved(client, "ana")
    without = client.inferences.replay(id)
    assert (without.possible, without.same) == (False, None)
    assert "not kept" in str(without.why_not)
    assert client.inferences.replay(id, {"user": {"id": "ana"}}).same is True
    with pytest.raises(Invalid, match="not the context"):
        client.inferences.replay(id, {"user": {"id": "bea"}})


def test_a_replay_looks_at_the_policy_and_the_kills_of_the_time(
    client: Client, catalog: Catalog
) -> None:
    one, two = catalog.bundle(1, 1).ref, catalog.bundle(2, 2).ref
    document = {
        "schema": "routing-policy/1",
        "default": {"bundle": str(one)},
        "fallback": [str(two)],
    }
    client.slots.deploy("careful@production", policy=document, reason="safe", expected=0)
    before = client.inferences.resolve("careful", "production").inference_id
    kill = client.kills.bundle(one, "it leaks")
    during = client.inferences.resolve("careful", "production").inference_id
    client.kills.lift(kill.number, "mended")
    client.slots.deploy("careful@production", two, reason="other", expected=1)
    for id, bundle in ((before, one), (during, two)):
        assert id is not None
        found = client.inferences.replay(id)
        assert (found.same, found.bundle) == (True, bundle)


def test_what_no_policy_chose_cannot_be_replayed(client: Client, catalog: Catalog) -> None:
    sent = NewInference(bundle=str(catalog.bundle(1, 1).ref))
    (kept,) = client.inferences.record([sent]).items
    assert kept.id is not None
    assert "names no deployment" in str(client.inferences.replay(kept.id).why_not)
    with pytest.raises(NotFound):
        client.inferences.replay(new_id())
    with pytest.raises(NotFound):
        client.inferences.explain(new_id())
