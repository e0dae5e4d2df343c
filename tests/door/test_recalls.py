"""Recalls at the door: one bad version, taken out everywhere, with a report that lasts."""

from typing import Any

import httpx
import pytest

from tests.support import policies
from tests.support.catalog import Catalog
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.db import graph
from twinline.language.errors import (
    BlockedPair,
    BundleWithdrawn,
    Conflict,
    Invalid,
    NotFound,
    NothingToRollBack,
    Stale,
    UntestedPair,
    VersionWithdrawn,
)
from twinline.language.records import Bundle, NewEvaluation, NewOutcome, RecallDetails, SlotPlan
from twinline.language.refs import CustomRef, PromptVersionRef, parse_ref
from twinline.withdrawals import actions as withdrawals

SLOT = "answer@production"
DATA_1, DATA_2 = "datasets:/tickets/1", "datasets:/tickets/2"
WHY = "it holds other customers' data"


@pytest.fixture
def catalog(client: Client) -> Catalog:
    """Production went from (model 1, prompt 1) over (1, 2) to (2, 3)."""
    made = Catalog(client)
    for model, prompt in ((1, 1), (1, 2), (2, 3)):
        made.deploy(SLOT, made.bundle(model, prompt))
    return made


def planned(client: Client, number: int) -> SlotPlan:
    plan = client.recalls.plan(number)
    assert plan.unsafe == ()
    (slot,) = plan.slots
    return slot


def execute(client: Client, number: int, **more: Any) -> RecallDetails:
    digest = client.recalls.plan(number).digest
    return client.recalls.execute(
        number, plan=digest, reason="as agreed", **({"accept_untested": True} | more)
    )


# --- recalling --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "resolved", "bundles"),
    [
        ("prompts:/support/answer/3", "prompts:/support/answer/3", 1),
        ("prompts:/support/answer@latest", "prompts:/support/answer/3", 1),
        ("models:/churn/1", "models:/churn/1", 2),
        ("runs:/run-2", "runs:/run-2", 1),
        (DATA_1, DATA_1, 2),
    ],
)
def test_a_recall_reports_what_is_downstream(
    catalog: Catalog, node: str, resolved: str, bundles: int
) -> None:
    catalog.serve(SLOT, catalog.bundle(1, 2), 3, status="error", cost_usd=0.1, decision="d")
    catalog.serve(SLOT, catalog.bundle(2, 3), 2, status="ok")
    made = catalog.client.recalls.create(node, WHY)
    assert (made.node, made.reason, made.bundles) == (resolved, WHY, bundles)
    assert made.requests == sum(one.requests for one in made.report.counts)
    assert len(made.report.bundles) == bundles
    assert (made.lifted_at, made.executed_at, made.execution) == (None, None, ())
    assert catalog.client.recalls.get(made.number) == made
    assert [one.number for one in catalog.client.recalls.list()] == [made.number]


def test_a_report_counts_requests_decisions_errors_and_cost_as_they_were_recorded(
    catalog: Catalog,
) -> None:
    bundle = catalog.bundle(2, 3)
    kept = catalog.serve(SLOT, bundle, 3, status="error", cost_usd=0.1, decision="d")
    catalog.serve(SLOT, bundle, 2, status="ok")
    assert kept[0].id is not None
    catalog.client.inferences.add_outcome(kept[0].id, NewOutcome(status="ok", cost_usd=7))
    report = catalog.client.recalls.create(DATA_2, WHY).report
    (count,) = report.counts
    assert (count.bundle, count.requests, count.errors) == (bundle.ref, 5, 3)
    assert (count.decision_requests, count.cost_usd) == (3, 0.3)
    assert (report.requests, report.errors, report.cost_usd) == (5, 3, 0.3)
    assert report.first_at is not None
    assert [use.slot.short for use in report.live] == [SLOT]
    assert [use.places for use in report.live] == [("default.bundle",)]
    assert [str(one) for one in report.deployments] == [f"deployments:/{SLOT}/3"]


def test_recalling_what_is_recalled_answers_with_the_standing_recall(
    catalog: Catalog, http: httpx.Client
) -> None:
    answers = [
        http.post("/recalls", json={"node": DATA_2, "reason": why})
        for why in ("because", "once more")
    ]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()


def test_nothing_downstream_can_go_live_and_what_is_live_stays(catalog: Catalog) -> None:
    downstream = catalog.bundle(2, 1)
    made = catalog.client.recalls.create(DATA_2, WHY)
    with pytest.raises(BundleWithdrawn, match="tickets/2 is recalled"):
        catalog.deploy("other@production", downstream)
    with pytest.raises(VersionWithdrawn, match="No new bundle is made"):
        catalog.bundle(2, 2)
    live = catalog.client.slots.get(SLOT).live
    assert live is not None
    assert live.number == 3
    assert [use.slot.short for use in made.still_live] == [SLOT]


@pytest.mark.parametrize(
    ("node", "error"),
    [
        ("routes:/answer@production", Invalid),
        ("deployments:/answer@production/1", Invalid),
        ("decisions:/d", Invalid),
        ("nonsense", Invalid),
        ("prompts:/support/answer/99", NotFound),
        ("datasets:/tickets/none", NotFound),
    ],
)
def test_what_cannot_be_recalled_is_refused(
    catalog: Catalog, node: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        catalog.client.recalls.create(node, WHY)
    assert list(catalog.client.recalls.list()) == []


def test_an_unknown_recall_is_not_found(client: Client) -> None:
    for ask in (client.recalls.get, client.recalls.plan, client.recalls.verify):
        with pytest.raises(NotFound, match="no recall 7"):
            ask(7)


# --- the plan ---------------------------------------------------------------------------


def test_what_is_bad_through_the_prompt_puts_the_prompt_back(catalog: Catalog) -> None:
    number = catalog.client.recalls.create("prompts:/support/answer/3", WHY).number
    slot = planned(catalog.client, number)
    (change,) = slot.changes
    assert (slot.side, slot.undoes, str(change.put_back)) == (
        "prompt",
        3,
        "prompts:/support/answer/2",
    )
    assert [pair.bundle for pair in slot.pairs] == [catalog.bundle(2, 2).ref]


def test_what_is_bad_through_the_model_puts_the_model_back(catalog: Catalog) -> None:
    number = catalog.client.recalls.create(DATA_2, WHY).number
    slot = planned(catalog.client, number)
    assert (slot.side, str(slot.changes[0].put_back)) == ("model", "models:/churn/1")
    assert [pair.bundle for pair in slot.pairs] == [catalog.bundle(1, 3).ref]


def test_a_recalled_bundle_gives_way_on_the_side_with_the_best_evidence(
    catalog: Catalog,
) -> None:
    number = catalog.client.recalls.create(str(catalog.bundle(2, 3).ref), WHY).number
    assert planned(catalog.client, number).side in ("prompt", "model")
    evaluate = catalog.client.evaluations.record
    evaluate(NewEvaluation(subject=catalog.bundle(1, 3).ref, suite="golden", passed=9, failed=0))
    assert (planned(catalog.client, number).side, planned(catalog.client, number).verdict) == (
        "model", "evaluated",
    )  # fmt: skip
    catalog.serve(SLOT, catalog.bundle(2, 2), 100)
    assert planned(catalog.client, number).side == "prompt"


def test_both_sides_go_when_only_that_pair_is_proven(catalog: Catalog) -> None:
    catalog.serve(SLOT, catalog.bundle(1, 2), 100)
    number = catalog.client.recalls.create(str(catalog.bundle(2, 3).ref), WHY).number
    slot = planned(catalog.client, number)
    assert (slot.side, slot.verdict) == ("both", "proven")
    made = execute(catalog.client, number, accept_untested=False)
    assert made.still_live == ()
    live = catalog.client.slots.get(SLOT).live
    assert live is not None
    assert live.bundle == catalog.bundle(1, 2).ref


def test_versions_that_cannot_come_back_are_passed_over_and_named(
    catalog: Catalog, rehearsal: Rehearsal
) -> None:
    with rehearsal.writing("ana") as tx:
        withdrawals.withdraw(tx, PromptVersionRef("support/answer", 2), "retired", "it is old")
    number = catalog.client.recalls.create("prompts:/support/answer/3", WHY).number
    (change,) = planned(catalog.client, number).changes
    assert str(change.put_back) == "prompts:/support/answer/1"
    assert [(str(one.version), one.why) for one in change.skipped] == [
        ("prompts:/support/answer/2", "prompts:/support/answer/2 is retired by ana: it is old")
    ]


def test_a_version_whose_pair_is_incompatible_is_passed_over(catalog: Catalog) -> None:
    bundle = catalog.bundle(2, 2)
    assert bundle.model is not None
    assert bundle.prompt is not None
    catalog.client.bundles.state_pairing(
        bundle.model, bundle.prompt, "incompatible", reason="leaks"
    )
    number = catalog.client.recalls.create("prompts:/support/answer/3", WHY).number
    (change,) = planned(catalog.client, number).changes
    assert str(change.put_back) == "prompts:/support/answer/1"
    assert "incompatible" in change.skipped[0].why


def test_every_place_of_a_policy_is_planned(catalog: Catalog) -> None:
    good, bad = catalog.bundle(1, 1).ref, catalog.bundle(1, 4).ref
    policy = policies.canary(good, bad) | {
        "fallback": [str(bad)],
        "shadow": [{"bundle": str(bad), "sample": 100}],
    }
    catalog.client.slots.deploy(SLOT, policy=policy, reason="because", expected=3)
    number = catalog.client.recalls.create("prompts:/support/answer/4", WHY).number
    slot = planned(catalog.client, number)
    assert [place.partition(" ")[0] for place in slot.places] == [
        "rules.0.serve.split", "fallback.0", "shadow.0.bundle",
    ]  # fmt: skip
    assert (slot.undoes, [pair.bundle for pair in slot.pairs]) == (4, [good])
    execute(catalog.client, number)
    live = catalog.client.slots.get(SLOT).live
    assert live is not None
    assert str(bad) not in str(live.policy)


def test_an_own_node_upstream_of_both_sides_takes_both_back(
    catalog: Catalog, rehearsal: Rehearsal
) -> None:
    with rehearsal.writing("ana") as tx:
        own = graph.add_node(tx, "custom", CustomRef("vector-index", "tickets"))
        for ref in ("prompts:/support/answer/3", "models:/churn/2"):
            target = graph.find_node(tx, parse_ref(ref))
            assert target is not None
            graph.add_edge(tx, own, target, "indexed")
    number = catalog.client.recalls.create("nodes:/vector-index/tickets", WHY).number
    slot = planned(catalog.client, number)
    assert (slot.side, [pair.bundle for pair in slot.pairs]) == ("both", [catalog.bundle(1, 2).ref])


def test_a_plan_changes_nothing(catalog: Catalog) -> None:
    number = catalog.client.recalls.create(DATA_2, WHY).number
    before = {one.digest for one in catalog.client.bundles.list()}
    plans = [catalog.client.recalls.plan(number) for _ in range(2)]
    assert plans[0] == plans[1]
    assert {one.digest for one in catalog.client.bundles.list()} == before


# --- executing --------------------------------------------------------------------------


def test_executing_takes_it_out_and_says_what_it_did(catalog: Catalog) -> None:
    number = catalog.client.recalls.create(DATA_2, WHY).number
    made = execute(catalog.client, number)
    live = catalog.client.slots.get(SLOT).live
    assert live is not None
    assert (live.number, live.kind, live.undoes, live.reason) == (4, "recall", 3, "as agreed")
    assert (live.model.number, live.prompt.number) == (1, 3)
    assert (made.executed_by, made.still_live) == ("admin", ())
    ((outcome,),) = [one.slots for one in made.execution]
    assert (outcome.did, outcome.deployment) == ("changed", live.ref)
    assert "models:/churn/2 gave way to models:/churn/1" in outcome.why


def test_going_back_after_a_recall_goes_further_back(catalog: Catalog) -> None:
    number = catalog.client.recalls.create("prompts:/support/answer/3", WHY).number
    execute(catalog.client, number)
    catalog.client.recalls.lift(number, "it was the model")
    made = catalog.client.slots.roll_back(
        SLOT, "prompt", reason="further", expected=4, accept_untested=True
    )
    assert (made.prompt.number, made.model.number, made.undoes) == (1, 2, 2)


def test_a_recall_reaches_what_others_recalled_as_well(catalog: Catalog) -> None:
    """Keeping a side that another recall is about would be no way out."""
    catalog.client.recalls.create("prompts:/support/answer/3", WHY)
    number = catalog.client.recalls.create(DATA_2, WHY).number
    slot = planned(catalog.client, number)
    assert (slot.side, [pair.bundle for pair in slot.pairs]) == ("both", [catalog.bundle(1, 2).ref])


def test_an_untested_pair_needs_a_deliberate_yes_and_nothing_changes_without(
    catalog: Catalog,
) -> None:
    number = catalog.client.recalls.create(DATA_2, WHY).number
    with pytest.raises(UntestedPair, match="accept_untested"):
        execute(catalog.client, number, accept_untested=False)
    assert len(list(catalog.client.slots.history(SLOT))) == 3


def test_a_plan_that_is_another_by_now_is_refused(catalog: Catalog) -> None:
    number = catalog.client.recalls.create(DATA_2, WHY).number
    looked_at = catalog.client.recalls.plan(number)
    catalog.client.slots.roll_back(
        SLOT, "model", reason="in haste", expected=3, accept_untested=True
    )
    with pytest.raises(Stale):
        catalog.client.recalls.execute(number, plan=looked_at.digest, reason="because")
    assert len(list(catalog.client.slots.history(SLOT))) == 4


def test_executing_twice_is_refused_until_there_is_something_to_do_again(
    catalog: Catalog, rehearsal: Rehearsal
) -> None:
    number = catalog.client.recalls.create(DATA_2, WHY).number
    execute(catalog.client, number)
    with pytest.raises(Conflict, match="would change nothing"):
        execute(catalog.client, number)
    catalog.client.recalls.lift(number, "a mistake")
    catalog.deploy("late@production", catalog.bundle(1, 1))
    catalog.deploy("late@production", catalog.bundle(2, 1))
    again = catalog.client.recalls.create(DATA_2, WHY).number
    assert again != number
    assert len(execute(catalog.client, again).execution) == 1


def test_a_double_click_is_one_execution(catalog: Catalog, http: httpx.Client) -> None:
    number = catalog.client.recalls.create(DATA_2, WHY).number
    digest = catalog.client.recalls.plan(number).digest
    body = {"reason": "because", "plan": digest, "accept_untested": True}
    headers = {"Idempotency-Key": "one click"}
    path = f"/recalls/{number}/execute"
    first, again = (http.post(path, json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert len(list(catalog.client.slots.history(SLOT))) == 4


# --- slots without a safe way back ------------------------------------------------------


@pytest.fixture
def unsafe(catalog: Catalog) -> int:
    """A recall of prompt 4, which is all that `first@dev` and `spare@dev` ever had; only the
    latter has a fallback."""
    bad, good = catalog.bundle(1, 4).ref, catalog.bundle(1, 1).ref
    document = {
        "schema": policies.SCHEMA,
        "default": {"bundle": str(bad)},
        "fallback": [str(bad), str(good)],
    }
    catalog.deploy("first@dev", catalog.bundle(1, 4))
    catalog.client.slots.deploy("spare@dev", policy=document, reason="because", expected=0)
    return catalog.client.recalls.create("prompts:/support/answer/4", WHY).number


def test_an_unsafe_slot_is_listed_with_the_reason_and_refused(
    catalog: Catalog, unsafe: int
) -> None:
    plan = catalog.client.recalls.plan(unsafe)
    assert [(one.slot.short, one.fallback) for one in plan.unsafe] == [
        ("first@dev", None),
        ("spare@dev", catalog.bundle(1, 1).ref),
    ]
    assert "no earlier version" in plan.unsafe[0].why
    for how in ("refuse", "fallback"):
        with pytest.raises(Conflict, match="first@dev"):
            execute(catalog.client, unsafe, unsafe=how)
    with pytest.raises(Conflict, match="would change nothing"):
        execute(catalog.client, unsafe, unsafe="leave")


def test_left_slots_stay_while_the_others_change(catalog: Catalog, unsafe: int) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.client.recalls.lift(unsafe, "to deploy it once more")
    catalog.deploy(SLOT, catalog.bundle(1, 4))
    number = catalog.client.recalls.create("prompts:/support/answer/4", WHY).number
    made = execute(catalog.client, number, unsafe="leave")
    assert {one.slot.short: one.did for one in made.execution[0].slots} == {
        SLOT: "changed", "first@dev": "left", "spare@dev": "left",
    }  # fmt: skip
    assert [use.slot.short for use in made.still_live] == ["first@dev", "spare@dev"]


def test_unsafe_slots_can_be_killed_once(catalog: Catalog, unsafe: int) -> None:
    made = execute(catalog.client, unsafe, unsafe="kill")
    assert [one.did for one in made.execution[0].slots] == ["killed", "killed"]
    assert all(one.killed for one in catalog.client.recalls.plan(unsafe).unsafe)
    with pytest.raises(Conflict, match="would change nothing"):
        execute(catalog.client, unsafe, unsafe="kill")


def test_unsafe_slots_can_go_on_with_their_fallback(catalog: Catalog, unsafe: int) -> None:
    catalog.deploy("first@dev", catalog.bundle(1, 1))
    made = execute(catalog.client, unsafe, unsafe="fallback")
    ((outcome,),) = [one.slots for one in made.execution]
    assert (outcome.did, outcome.slot.short) == ("fallback", "spare@dev")
    live = catalog.client.slots.get("spare@dev").live
    assert live is not None
    assert (live.bundle, live.kind, live.undoes) == (catalog.bundle(1, 1).ref, "recall", 1)
    assert made.still_live == ()


# --- the end of a recall ----------------------------------------------------------------


def test_a_lifted_recall_is_history(catalog: Catalog) -> None:
    number = catalog.client.recalls.create(DATA_2, WHY).number
    lifted = catalog.client.recalls.lift(number, "it was another dataset")
    assert (lifted.lifted_by, lifted.lifted_reason) == ("admin", "it was another dataset")
    catalog.deploy("other@production", catalog.bundle(2, 1))
    with pytest.raises(Conflict, match="lifted"):
        catalog.client.recalls.lift(number, "once more")
    with pytest.raises(Conflict, match="lifted"):
        catalog.client.recalls.plan(number)
    with pytest.raises(Conflict, match="lifted"):
        catalog.client.recalls.execute(number, plan="0" * 64, reason="because")
    assert [one.lifted_at is None for one in catalog.client.recalls.list()] == [False]
    assert catalog.client.recalls.create(DATA_2, "it was not").number > number


# --- rollbacks --------------------------------------------------------------------------


def test_a_rollback_passes_a_recalled_version_over_and_names_it(catalog: Catalog) -> None:
    catalog.client.recalls.create("prompts:/support/answer/2", WHY)
    foreseen = catalog.client.slots.preview_rollback(SLOT, "prompt")
    (change,) = foreseen.changes
    assert str(change.put_back) == "prompts:/support/answer/1"
    assert [str(one.version) for one in change.skipped] == ["prompts:/support/answer/2"]
    assert WHY in change.skipped[0].why
    made = catalog.client.slots.roll_back(
        SLOT, "prompt", reason="because", expected=3, accept_untested=True
    )
    assert made.prompt.number == 1


def test_a_rollback_says_when_every_earlier_version_is_withdrawn(catalog: Catalog) -> None:
    catalog.client.recalls.create(DATA_1, WHY)
    with pytest.raises(NothingToRollBack, match="tickets/1 is recalled"):
        catalog.client.slots.preview_rollback(SLOT, "model")


def test_a_recalled_version_stays_blocked_when_it_is_named(catalog: Catalog) -> None:
    catalog.client.recalls.create("prompts:/support/answer/2", WHY)
    to = "prompts:/support/answer/2"
    assert catalog.client.slots.preview_rollback(SLOT, "prompt", to=to).verdict == "blocked"
    with pytest.raises(BlockedPair, match="recalled"):
        catalog.client.slots.roll_back(
            SLOT, "prompt", reason="because", expected=3, to=to, accept_untested=True
        )


def test_a_retired_version_comes_back_only_when_it_is_named(
    catalog: Catalog, rehearsal: Rehearsal
) -> None:
    with rehearsal.writing("ana") as tx:
        withdrawals.withdraw(tx, PromptVersionRef("support/answer", 2), "retired", "it is old")
    foreseen = catalog.client.slots.preview_rollback(SLOT, "prompt")
    assert str(foreseen.changes[0].put_back) == "prompts:/support/answer/1"
    made = catalog.client.slots.roll_back(
        SLOT,
        "prompt",
        reason="the least harm",
        expected=3,
        to="prompts:/support/answer/2",
        accept_untested=True,
    )
    assert made.prompt.number == 2


def test_a_rollback_keeps_no_side_that_is_recalled(catalog: Catalog) -> None:
    catalog.client.recalls.create(DATA_2, WHY)
    assert catalog.client.slots.preview_rollback(SLOT, "prompt").verdict == "blocked"
    assert catalog.client.slots.preview_rollback(SLOT, "both").verdict == "untested"


def test_a_killed_bundle_is_nothing_to_go_back_to(catalog: Catalog) -> None:
    catalog.client.kills.bundle(catalog.bundle(2, 2).ref, "it leaks")
    foreseen = catalog.client.slots.preview_rollback(SLOT, "prompt")
    assert (foreseen.verdict, "killed" in foreseen.pairs[0].why) == ("blocked", True)


# --- what people said about the lineage -------------------------------------------------

INDEX = "nodes:/vector-index/tickets"


def test_a_recall_of_what_feeds_a_slot_counts_all_that_it_served_and_knows_no_way_back(
    client: Client, catalog: Catalog
) -> None:
    """Another pair would be fed by it as well."""
    catalog.serve(SLOT, catalog.bundle(2, 3), 5, deployment=3)
    catalog.serve(SLOT, catalog.bundle(1, 1), 2, deployment=1)
    client.lineage.add_node("vector-index", "tickets")
    client.lineage.connect(INDEX, f"routes:/{SLOT}", "feeds")
    found = client.recalls.create(INDEX, WHY)
    assert (found.report.requests, [one.slot.short for one in found.still_live]) == (7, [SLOT])
    assert found.report.requests == client.lineage.impact(INDEX).service.requests
    assert client.recalls.verify(found.number).same
    (slot,) = client.recalls.plan(found.number).unsafe
    assert "fed by what is recalled" in slot.why
    with pytest.raises(Conflict, match="safe way back"):
        execute(client, found.number)
    done = execute(client, found.number, unsafe="kill")
    assert [one.did for one in done.execution[0].slots] == ["killed"]


def test_a_recall_of_what_feeds_a_deployment_ends_with_that_deployment(
    client: Client, catalog: Catalog
) -> None:
    catalog.serve(SLOT, catalog.bundle(2, 3), 4, deployment=3)
    client.lineage.add_node("vector-index", "tickets")
    client.lineage.connect(INDEX, f"deployments:/{SLOT}/3", "feeds")
    found = client.recalls.create(INDEX, WHY)
    assert (found.report.requests, len(found.still_live)) == (4, 1)
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    assert client.recalls.get(found.number).still_live == ()


def _student_of_the_slot(client: Client, catalog: Catalog) -> Bundle:
    """A bundle whose model was made of what the slot answered."""
    client.lineage.add_node("dataset", "answers")
    student = client.models.register(catalog.another_model("student"))
    client.lineage.connect(f"routes:/{SLOT}", "nodes:/dataset/answers", "wrote")
    client.lineage.connect("nodes:/dataset/answers", student.ref, "fed")
    return client.bundles.pair(student.ref, "prompts:/support/answer/1")


def test_what_was_made_of_a_slot_s_answers_stays_bad_when_the_slot_is_well_again(
    client: Client, catalog: Catalog
) -> None:
    pair = _student_of_the_slot(client, catalog)
    found = client.recalls.create("prompts:/support/answer/3", WHY)
    assert pair.ref in found.report.bundles
    execute(client, found.number)
    with pytest.raises(BundleWithdrawn, match="recalled"):
        catalog.deploy("student@production", pair)


def test_what_was_made_of_a_slot_s_answers_is_reached_though_the_slot_was_well_before(
    client: Client, catalog: Catalog
) -> None:
    pair = _student_of_the_slot(client, catalog)
    catalog.deploy("student@production", pair)
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    found = client.recalls.create("prompts:/support/answer/3", WHY)
    assert pair.ref in found.report.bundles
    assert [one.slot.short for one in found.still_live] == ["student@production"]
    plan = client.recalls.plan(found.number)
    assert [one.slot.short for one in (*plan.slots, *plan.unsafe)] == ["student@production"]


def test_nobody_makes_or_undoes_a_recall_by_drawing_edges(client: Client, catalog: Catalog) -> None:
    client.lineage.add_node("vector-index", "tickets")
    client.lineage.add_node("vector-index", "other")
    client.lineage.connect(INDEX, "models:/churn/1", "feeds")
    client.recalls.create(INDEX, WHY)
    client.lineage.disconnect(INDEX, "models:/churn/1", "feeds", reason="so that it may go live")
    with pytest.raises(BundleWithdrawn):
        catalog.deploy("other@production", catalog.bundle(1, 1))
    client.lineage.connect(INDEX, "models:/churn/2", "feeds")
    catalog.deploy("other@production", catalog.bundle(2, 2))
