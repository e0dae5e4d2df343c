"""Time at the door: what was live, what changed, what is to blame."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.support.catalog import PROMPT, Catalog
from tests.support.policies import canary
from twinline.client import Client
from twinline.language.errors import Invalid, NotFound, NothingLive
from twinline.language.records import NewEvaluation, NewInference

SLOT = "answer@production"
TICK = timedelta(microseconds=1)
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


@pytest.fixture
def catalog(client: Client) -> Catalog:
    return Catalog(client)


def test_every_slot_of_an_environment_is_told_as_it_was(catalog: Catalog) -> None:
    first = catalog.deploy("a@production", catalog.bundle(1, 1))
    second = catalog.deploy("b@production", catalog.bundle(1, 1))
    third = catalog.deploy("a@production", catalog.bundle(1, 2))
    catalog.deploy("c@staging", catalog.bundle(1, 1))
    live = catalog.client.environments.live
    found = live("production", at=second.at)
    assert {slot.ref.short: slot.live for slot in found.slots} == {
        "a@production": first,
        "b@production": second,
    }
    assert [slot.live for slot in live("production").slots] == [third, second]
    assert live("production").note is None


def test_a_slot_that_existed_with_nothing_live_is_told_as_that(catalog: Catalog) -> None:
    catalog.serve(SLOT, catalog.bundle(1, 1), 1)
    (slot,) = catalog.client.environments.live("production").slots
    assert slot.live is None
    assert catalog.client.environments.live("production").note == (
        "Nothing was ever live in production."
    )


def test_a_time_before_anything_existed_is_a_clear_answer(catalog: Catalog) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    found = catalog.client.environments.live("production", at=LONG_AGO)
    assert found.slots == ()
    assert found.note is not None
    assert "Nothing was live in production then; the first deployment is of" in found.note
    with pytest.raises(NotFound, match="did you mean production"):
        catalog.client.environments.live("produktion")


def test_a_timeline_says_what_each_deployment_changed_and_served(catalog: Catalog) -> None:
    bundle = catalog.bundle
    first = catalog.deploy(SLOT, bundle(1, 1), reason="first")
    second = catalog.deploy(SLOT, bundle(1, 2), reason="longer")
    catalog.serve(SLOT, bundle(1, 2), 3, deployment=2, status="ok", latency_ms=100, cost_usd=0.5)
    catalog.serve(SLOT, bundle(1, 2), 1, deployment=2, status="error", score=0.5)
    catalog.client.slots.deploy(
        SLOT, policy=canary(bundle(1, 2).ref, bundle(2, 2).ref), reason="canary", expected=2
    )
    catalog.client.slots.ramp(SLOT, "canary", 0.2, reason="more", expected=3)
    entries = list(catalog.client.slots.timeline(SLOT))
    assert [one.changed.summary for one in entries] == [
        "rollout/canary 5 % -> 20 %; rollout/control 95 % -> 80 %",
        "rule rollout added; rollout/canary none -> 5 %; rollout/control none -> 95 %; unit added",
        "prompt support/answer/1 -> 2",
        "prompt support/answer/1; model churn/1",
    ]
    assert [one.until for one in entries] == [
        None, *(one.deployment.at for one in entries[:-1])
    ]  # fmt: skip
    served = entries[2].service
    assert (served.requests, served.errors, served.cost_usd, served.score) == (4, 1, 1.5, 0.5)
    assert entries[3].live_seconds == (second.at - first.at).total_seconds()
    assert entries[3].deployment == first


def test_a_page_of_a_timeline_compares_with_the_deployment_beyond_it(
    catalog: Catalog, http: httpx.Client
) -> None:
    for prompt in (1, 2, 3):
        catalog.deploy(SLOT, catalog.bundle(1, prompt))
    page = http.get(f"/slots/{SLOT}/timeline", params={"limit": 2}).json()
    assert [one["changed"]["summary"] for one in page["items"]] == [
        "prompt support/answer/2 -> 3",
        "prompt support/answer/1 -> 2",
    ]
    query = {"limit": 2, "cursor": page["next"]}
    (last,) = http.get(f"/slots/{SLOT}/timeline", params=query).json()["items"]
    assert last["until"] == page["items"][1]["deployment"]["at"]
    with pytest.raises(NotFound):
        list(catalog.client.slots.timeline("nothing@production"))


def test_changes_hold_everything_that_moved_in_the_order_of_its_weight(catalog: Catalog) -> None:
    client, bundle = catalog.client, catalog.bundle
    catalog.deploy(SLOT, bundle(1, 1))
    before = catalog.deploy(SLOT, bundle(1, 1))
    catalog.serve(SLOT, bundle(1, 1), 2, deployment=2, status="ok", cost_usd=2)
    client.prompts.move_label(PROMPT, "best", 1, reason="a favourite")
    client.evaluations.record(
        NewEvaluation(subject=bundle(1, 1).ref, suite="golden", passed=1, failed=0)
    )
    made = catalog.deploy(SLOT, bundle(2, 2), reason="both sides")
    catalog.serve(SLOT, bundle(2, 2), 1, deployment=3, status="error")
    thrown = client.kills.slot(SLOT, "it shouts")
    found = client.slots.changes(SLOT, since=before.at)
    assert [(one.kind, one.side) for one in found.ranked] == [
        ("kill", "policy"),
        ("deployment", "prompt"),
        ("deployment", "model"),
        ("evaluation", "policy"),
        ("version", "prompt"),
        ("version", "model"),
        ("label", "prompt"),
    ]
    assert found.ranked[1].before == "prompts:/support/answer/1"
    assert (found.ranked[1].who, found.ranked[1].why) == (made.actor, "both sides")
    assert found.deployments == (made,)
    assert found.kills == (thrown,)
    assert found.before is not None
    assert found.after is not None
    assert (found.before.service.requests, found.before.cost_per_request) == (2, 2.0)
    assert found.after.error_rate == 1.0
    assert found.prompt is not None
    assert found.prompt.lines[-2:] == ("-Answer 1: {{ question }}", "+Answer 2: {{ question }}")
    assert found.model is not None
    assert [str(found.model.run_before), str(found.model.run_after)] == [
        "runs:/run-1",
        "runs:/run-2",
    ]
    (dataset,) = found.model.datasets
    assert (dataset.name, dataset.before, dataset.after) == ("tickets", "1", "2")
    assert found.left_out is None


def test_what_was_put_back_is_no_net_difference_but_two_changes(catalog: Catalog) -> None:
    first = catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    found = catalog.client.slots.changes(SLOT, since=first.at)
    assert (found.prompt, found.model, found.parameters) == (None, None, ())
    assert [one.what for one in found.ranked if one.kind == "deployment"] == [
        "deployment 3: prompt prompts:/support/answer/2 -> prompts:/support/answer/1",
        "deployment 2: prompt prompts:/support/answer/1 -> prompts:/support/answer/2",
    ]


def test_one_deployment_at_both_ends_is_measured_by_the_hour(catalog: Catalog) -> None:
    made = catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.serve(SLOT, catalog.bundle(1, 1), 2, deployment=1)
    found = catalog.client.slots.changes(SLOT, since=made.at)
    assert found.before is not None
    assert found.after is not None
    assert (found.before.service.requests, found.after.service.requests) == (0, 2)
    assert (found.before.error_rate, found.after.error_rate) == (None, 0.0)
    assert [one for one in found.ranked if one.kind == "deployment"] == []


def test_the_beginning_of_a_slot_is_a_change_from_nothing(catalog: Catalog) -> None:
    made = catalog.deploy(SLOT, catalog.bundle(1, 1))
    found = catalog.client.slots.changes(SLOT, since=LONG_AGO, until=made.at)
    assert found.before is None
    assert found.prompt is not None
    assert found.prompt.before is None
    assert [one.side for one in found.ranked if one.kind == "deployment"] == [
        "prompt",
        "model",
    ]


def test_a_span_that_makes_no_sense_is_refused(catalog: Catalog) -> None:
    made = catalog.deploy(SLOT, catalog.bundle(1, 1))
    changes = catalog.client.slots.changes
    with pytest.raises(Invalid, match="not before `to`"):
        changes(SLOT, since=made.at, until=made.at - TICK)
    with pytest.raises(NothingLive, match="did not exist by 2001-01-02"):
        changes(SLOT, since=LONG_AGO, until=LONG_AGO + timedelta(days=1))
    with pytest.raises(NotFound):
        changes("nothing@production", since=LONG_AGO)


def test_an_alias_that_moved_is_known_from_the_log(catalog: Catalog) -> None:
    made = catalog.deploy(SLOT, catalog.bundle(1, 1))
    again = catalog.another_model("churn").model_copy(
        update={"source_uri": "x:/new", "source": "provider", "aliases": ("champion",)}
    )
    registered = catalog.client.models.register(again)
    found = catalog.client.slots.changes(SLOT, since=made.at)
    moved = next(one for one in found.ranked if one.kind == "alias")
    assert moved.what == f"alias champion of churn -> {registered.number}"
    assert not moved.reaches


def test_the_nearest_change_on_each_side_is_to_blame(catalog: Catalog) -> None:
    client, bundle = catalog.client, catalog.bundle
    catalog.deploy(SLOT, bundle(1, 1))
    catalog.serve(SLOT, bundle(1, 1), 4, deployment=1, status="ok")
    second = catalog.deploy(SLOT, bundle(1, 2))
    catalog.serve(SLOT, bundle(1, 2), 2, deployment=2, status="error")
    client.prompts.move_label(PROMPT, "best", 2, reason="a favourite")
    third = catalog.deploy(SLOT, bundle(1, 2))
    found = client.slots.blame(SLOT, at=third.at + timedelta(seconds=5))
    assert found.live == third
    assert found.looked_back == 3
    by_side = {(one.change.side, one.change.kind): one for one in found.suspects}
    prompt = by_side["prompt", "deployment"]
    assert prompt.change.at == second.at
    assert prompt.seconds_before == pytest.approx(
        (third.at - second.at).total_seconds() + 5, abs=1e-3
    )
    assert prompt.service_before is not None
    assert prompt.service_after is not None
    assert (prompt.service_before.errors, prompt.service_after.errors) == (0, 2)
    assert by_side["model", "deployment"].change.what.startswith("deployment 1")
    assert not by_side["prompt", "label"].change.reaches
    assert found.suspects[0] == prompt
    with pytest.raises(NothingLive):
        client.slots.blame(SLOT, at=LONG_AGO)


def test_blame_looks_no_later_than_the_moment(catalog: Catalog) -> None:
    first = catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.deploy(SLOT, catalog.bundle(2, 2))
    found = catalog.client.slots.blame(SLOT, at=first.at)
    assert {one.change.at for one in found.suspects if one.change.kind == "deployment"} == {
        first.at
    }


def test_requests_not_served_as_declared_are_counted(catalog: Catalog) -> None:
    bundle = catalog.bundle
    catalog.deploy(SLOT, bundle(1, 1))
    catalog.deploy(SLOT, bundle(1, 2))
    catalog.serve(SLOT, bundle(1, 2), 3, deployment=1)
    catalog.serve(SLOT, bundle(1, 1), 2)
    catalog.serve(SLOT, bundle(1, 2), 5)
    catalog.serve(SLOT, bundle(1, 1), 4, deployment=1)
    found = catalog.client.divergences("production", grace_seconds=0)
    assert found.counts == {
        "bundle-not-permitted": 3,
        "no-longer-live": 7,
        "not-in-the-policy": 2,
    }
    late = [one for one in found.items if one.kind == "no-longer-live"]
    assert {one.off_seconds is not None and 0 <= one.off_seconds < 60 for one in late} == {True}
    assert "no-longer-live" not in catalog.client.divergences("production").counts
    short = catalog.client.divergences(limit=1, grace_seconds=0)
    assert (len(short.items), short.left_out) == (1, 3)
    assert catalog.client.divergences("staging").counts == {}


def test_what_runs_in_the_shadow_is_not_held_against_the_policy(catalog: Catalog) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    one = NewInference.model_validate(
        {"slot": f"routes:/{SLOT}", "bundle": str(catalog.bundle(1, 2).ref), "role": "shadow"}
    )
    catalog.client.inferences.record([one])
    assert catalog.client.divergences().counts == {}


def test_requests_in_a_slot_with_nothing_live_diverge(catalog: Catalog) -> None:
    catalog.serve(SLOT, catalog.bundle(1, 1), 2)
    (found,) = catalog.client.divergences().items
    assert (found.kind, found.deployment, found.requests) == ("not-in-the-policy", None, 2)
    assert "nothing was live" in found.detail


def test_a_slot_that_nobody_asks_is_named(catalog: Catalog) -> None:
    made = catalog.deploy(SLOT, catalog.bundle(1, 1))
    assert catalog.client.divergences(hours=1).items == ()
    (unseen,) = catalog.client.divergences(hours=1e-9).items
    assert (unseen.kind, unseen.deployment, unseen.last_at) == ("not-seen", made.ref, None)
    catalog.serve(SLOT, catalog.bundle(1, 1), 1)
    (unseen,) = catalog.client.divergences(hours=1e-9).items
    assert unseen.last_at is not None
    assert catalog.client.divergences(hours=1e-9).counts == {"not-seen": 1}
