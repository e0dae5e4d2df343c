"""An alias in a real MLflow goes with a slot: written, followed, shown, and never fought over."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from tests.support.linked import (
    ALIAS,
    PROMPT,
    SLOT,
    Linked,
    eventually,
    twinline_beside,
    url_of,
)
from tests.support.mlflow_registry import MlflowRegistry
from twinline.cli.demo.mlflow_server import MlflowProcess
from twinline.cli.demo.process import free_port
from twinline.client import Client
from twinline.db.session import Database
from twinline.deployments import actions as deployments
from twinline.language.errors import Conflict, Invalid, NotFound, Stale
from twinline.language.records import (
    ForeignMove,
    ForeignMoves,
    NewDeployment,
    NewModelVersion,
    Role,
)
from twinline.language.refs import SlotRef


@pytest.fixture
def linked(database: Database, mlflow_registry: MlflowRegistry) -> Iterator[Linked]:
    """Version 1 is live, and nothing is linked yet."""
    with twinline_beside(database, mlflow_registry.url) as client:
        made = Linked(client, mlflow_registry)
        made.deploy(1)
        yield made


def only_move(linked: Linked) -> ForeignMove:
    """The one move of somebody else, as soon as it was found."""
    (move,) = eventually(
        lambda: list(linked.client.mlflow_links.moves(SLOT)), lambda moves: len(moves) > 0
    )
    return move


# --- MLflow follows us ------------------------------------------------------------------


def test_the_alias_follows_deployments_and_rollbacks(linked: Linked) -> None:
    assert linked.alias() is None
    linked.client.mlflow_links.link(SLOT, ALIAS)
    link = linked.becomes("in_sync")
    assert (linked.alias(), str(link.written)) == (1, f"models:/{linked.model}/1")
    linked.deploy(2)
    eventually(linked.alias, lambda number: number == 2)
    linked.client.slots.roll_back(
        SLOT, "model", reason="because", expected=linked.live_number(), accept_untested=True
    )
    eventually(linked.alias, lambda number: number == 1)
    linked.becomes("in_sync")
    assert list(linked.client.mlflow_links.moves(SLOT)) == []
    linked.client.recalls.create(f"models:/{linked.model}/1", "because")
    written = [one for one in linked.client.audit.events() if one.action == "alias.write"]
    assert [one.after for one in written] == [
        {"version": 1, "deployment": 3},
        {"version": 2, "deployment": 2},
        {"version": 1, "deployment": 1},
    ]
    assert {one.actor for one in written} == {"twinline"}


def test_a_deployment_by_whichever_process_is_written_at_once(
    database: Database, mlflow_registry: MlflowRegistry
) -> None:
    with twinline_beside(database, mlflow_registry.url, look_seconds=3600) as client:
        linked = Linked(client, mlflow_registry)
        linked.deploy(1)
        client.mlflow_links.link(SLOT, ALIAS)
        eventually(linked.alias, lambda number: number == 1)
        linked.deploy(2)
        eventually(linked.alias, lambda number: number == 2)
        pair = client.bundles.pair(f"models:/{linked.model}/3", f"prompts:/{PROMPT}/1")
        with database.writing("another process") as tx:
            new = NewDeployment(bundle=pair.ref, reason="because")
            deployments.deploy(tx, SlotRef.parse(SLOT), new, 2)
        eventually(linked.alias, lambda number: number == 3)


def test_an_mlflow_that_never_answers_holds_nobody_up(
    database: Database, mlflow_registry: MlflowRegistry
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with twinline_beside(database, mlflow_registry.url) as client:
            linked = Linked(client, mlflow_registry)
            linked.deploy(1)
        with twinline_beside(database, url, timeout_seconds=0.3) as client:
            linked.client = client
            client.mlflow_links.link(SLOT, ALIAS)
            for number in (2, 3, 4):
                linked.deploy(number)
            assert "did not answer within 0.3 s" in linked.becomes("error").why
    with twinline_beside(database, mlflow_registry.url) as client:
        linked.client = client
        linked.becomes("in_sync")
        assert linked.alias() == 4


def test_a_recall_takes_the_alias_with_it(linked: Linked) -> None:
    linked.client.mlflow_links.link(SLOT, ALIAS)
    linked.deploy(2)
    eventually(linked.alias, lambda number: number == 2)
    recall = linked.client.recalls.create(f"models:/{linked.model}/2", "because")
    plan = linked.client.recalls.plan(recall.number)
    linked.client.recalls.execute(
        recall.number, plan=plan.digest, reason="because", accept_untested=True
    )
    eventually(linked.alias, lambda number: number == 1)


def test_a_policy_is_told_by_the_model_version_of_its_default(linked: Linked) -> None:
    linked.client.mlflow_links.link(SLOT, ALIAS)
    pairs = [
        linked.client.bundles.pair(f"models:/{linked.model}/{number}", f"prompts:/{PROMPT}/1").ref
        for number in (2, 3)
    ]
    policy = {
        "schema": "routing-policy/1",
        "rules": [
            {"id": "eu", "when": {"attr": "region", "op": "eq", "value": "eu"},
             "serve": {"bundle": str(pairs[0])}}
        ],
        "default": {"bundle": str(pairs[1])},
    }  # fmt: skip
    linked.client.slots.deploy(SLOT, policy=policy, reason="because", expected=1)
    eventually(linked.alias, lambda number: number == 3)


def test_the_alias_leaves_a_model_that_is_live_no_more_when_it_is_ours(linked: Linked) -> None:
    linked.client.mlflow_links.link(SLOT, ALIAS)
    linked.becomes("in_sync")
    other = linked.another()
    linked.deploy(3, model=other)
    linked.becomes("in_sync")
    assert (linked.alias(), linked.alias(other)) == (None, 3)
    linked.registry.put_alias(other, ALIAS, 4)
    only_move(linked)
    linked.deploy(2)
    linked.becomes("in_sync")
    assert (linked.alias(), linked.alias(other)) == (2, 4)


def test_what_is_not_of_mlflow_has_no_alias_and_takes_ours_away(linked: Linked) -> None:
    linked.client.mlflow_links.link(SLOT, ALIAS)
    linked.becomes("in_sync")
    linked.client.models.register(NewModelVersion(name="hosted", source_uri="openai:/gpt"))
    linked.deploy(1, model="hosted")
    link = linked.becomes("no_alias")
    assert "models:/hosted/1, which is live, is not of MLflow" in link.why
    eventually(linked.alias, lambda number: number is None)
    linked.deploy(2)
    eventually(linked.alias, lambda number: number == 2)


@pytest.mark.slow
def test_while_mlflow_is_away_nothing_waits_and_the_newest_is_written_later(
    database: Database, tmp_path: Path
) -> None:
    port = free_port()
    with MlflowProcess(tmp_path / "mlflow", port=port) as mlflow:
        mlflow.wait_until_ready()
        with (
            MlflowRegistry(mlflow.url) as registry,
            twinline_beside(database, mlflow.url) as client,
        ):
            linked = Linked(client, registry)
            linked.deploy(1)
            client.mlflow_links.link(SLOT, ALIAS)
            linked.becomes("in_sync")
            mlflow.__exit__(None, None, None)
            for number in (2, 3, 4):
                linked.deploy(number)
            link = linked.becomes("error")
            assert "cannot be read" in link.why
            assert link.pending_since == list(client.slots.history(SLOT))[2].at
            assert 'links{state="error"} 1' in gauges(client)
            assert "pending_seconds 0.000" not in gauges(client)
            with mlflow:
                mlflow.wait_until_ready()
                linked.becomes("in_sync")
                assert linked.alias() == 4
            written = [one for one in client.audit.events() if one.action == "alias.write"]
            assert [(one.after or {})["version"] for one in written] == [4, 1]


def gauges(client: Client) -> str:
    answer = httpx.get(f"{url_of(client)}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return answer.text


def test_what_mlflow_does_not_have_any_more_is_an_error_with_its_name(linked: Linked) -> None:
    linked.registry.drop_version(linked.model, 2)
    linked.client.mlflow_links.link(SLOT, ALIAS)
    linked.becomes("in_sync")
    linked.deploy(2)
    link = linked.becomes("error")
    assert f"no version 2 of the model '{linked.model}'" in link.why
    assert (link.pending_since is not None, linked.alias()) == (True, 1)
    linked.deploy(3)
    linked.becomes("in_sync")


# --- what others do ---------------------------------------------------------------------


def moved(linked: Linked, foreign: ForeignMoves, *, writes: bool = True, to: int = 3) -> None:
    """Link, and have somebody move the alias when all is quiet."""
    linked.client.mlflow_links.link(SLOT, ALIAS, writes=writes, foreign=foreign)
    linked.becomes("in_sync")
    linked.registry.put_alias(linked.model, ALIAS, to)


def test_a_foreign_move_is_shown_and_stays_until_the_next_deployment(linked: Linked) -> None:
    moved(linked, "alert")
    link = linked.becomes("drifted")
    assert f"models:/{linked.model}@production is on version 3 in MLflow" in link.why
    assert f"models:/{linked.model}/1 is live here" in link.why
    move = only_move(linked)
    assert (move.before, move.after, move.outcome, move.live) == (1, 3, "shown", 1)
    assert linked.alias() == 3
    assert 'links{state="drifted"} 1' in gauges(linked.client)
    assert 'moves{outcome="shown"} 1' in gauges(linked.client)
    linked.deploy(2)
    linked.becomes("in_sync")
    assert linked.alias() == 2


def test_a_foreign_move_is_reverted(linked: Linked) -> None:
    moved(linked, "revert")
    assert (only_move(linked).outcome, linked.becomes("in_sync").why) == ("reverted", "")
    eventually(linked.alias, lambda number: number == 1)
    linked.registry.drop_alias(linked.model, ALIAS)
    eventually(linked.alias, lambda number: number == 1)
    assert linked.live_number() == 1


def test_somebody_who_never_gives_in_is_left_alone_after_a_while(linked: Linked) -> None:
    linked.client.mlflow_links.link(SLOT, ALIAS, foreign="revert")
    for _ in range(5):
        eventually(linked.alias, lambda number: number == 1)
        linked.becomes("in_sync")
        linked.registry.put_alias(linked.model, ALIAS, 2)
    eventually(linked.alias, lambda number: number == 1)
    linked.becomes("in_sync")
    linked.registry.put_alias(linked.model, ALIAS, 2)
    link = linked.becomes("drifted")
    assert "put back 5 times within 1 h" in link.why
    assert linked.alias() == 2
    outcomes = [move.outcome for move in linked.client.mlflow_links.moves(SLOT)]
    assert outcomes == ["held", *["reverted"] * 5]


def test_a_foreign_move_is_deployed_with_the_same_prompt_and_parameters(linked: Linked) -> None:
    parameters = {"temperature": 0.2}
    pair = linked.client.bundles.pair(
        f"models:/{linked.model}/1", f"prompts:/{PROMPT}/1", parameters
    )
    linked.client.slots.deploy(SLOT, pair.ref, reason="because", expected=1)
    moved(linked, "deploy")
    eventually(linked.live, lambda ref: ref == f"models:/{linked.model}/3")
    linked.becomes("in_sync")
    live = linked.client.slots.get(SLOT).live
    assert live is not None
    bundle = linked.client.bundles.get(live.bundle)
    assert (str(bundle.prompt), bundle.parameters) == (f"prompts:/{PROMPT}/1", parameters)
    assert (live.actor, live.number, live.kind) == ("twinline", 3, "deploy")
    assert "was moved from version 1 to 3 in MLflow; linked by ana" in live.reason
    assert (only_move(linked).deployment, linked.alias()) == (3, 3)
    actions = [one.action for one in linked.client.audit.events()]
    assert actions.count("alias.write") == 1


def test_a_version_that_we_never_saw_is_read_before_it_is_followed(linked: Linked) -> None:
    linked.client.mlflow_links.link(SLOT, ALIAS, writes=False, foreign="deploy")
    eventually(
        lambda: linked.client.mlflow_links.get(SLOT), lambda link: link.looked_at is not None
    )
    linked.registry.add(linked.model, f"openai:/{linked.model}-5")
    linked.registry.put_alias(linked.model, ALIAS, 5)
    eventually(linked.live, lambda ref: ref == f"models:/{linked.model}/5")


def test_what_may_not_go_live_is_not_followed_and_the_drift_says_why(linked: Linked) -> None:
    linked.client.bundles.state_pairing(
        f"models:/{linked.model}/3",
        f"prompts:/{PROMPT}/1",
        "incompatible",
        reason="answers in another language",
    )
    moved(linked, "deploy")
    link = linked.becomes("drifted")
    assert "declared incompatible by ana: answers in another language" in link.why
    assert (only_move(linked).outcome, linked.live_number(), linked.alias()) == ("refused", 1, 3)
    linked.registry.put_alias(linked.model, ALIAS, 4)
    eventually(linked.live, lambda ref: ref == f"models:/{linked.model}/4")
    linked.becomes("in_sync")


def test_an_alias_that_is_taken_away_cannot_be_followed(linked: Linked) -> None:
    linked.client.mlflow_links.link(SLOT, ALIAS, foreign="deploy")
    linked.becomes("in_sync")
    linked.registry.drop_alias(linked.model, ALIAS)
    assert "has no alias production in MLflow" in linked.becomes("drifted").why
    assert (only_move(linked).after, linked.live_number()) == (None, 1)


# --- proposals --------------------------------------------------------------------------


def waiting(linked: Linked) -> ForeignMove:
    (proposal,) = eventually(
        lambda: list(linked.client.mlflow_links.proposals(SLOT)), lambda found: len(found) == 1
    )
    return proposal


def test_a_person_accepts_a_proposal_in_their_name(linked: Linked) -> None:
    moved(linked, "propose")
    proposal = waiting(linked)
    link = linked.becomes("drifted")
    assert (proposal.after, proposal.stale, link.proposal) == (3, False, proposal.number)
    assert linked.live_number() == 1
    links = linked.client.mlflow_links
    with pytest.raises(Stale):
        links.accept(proposal.number, reason="looks good", expected=0)
    made = links.accept(proposal.number, reason="looks good", expected=1)
    assert (made.actor, made.reason, str(made.model)) == (
        "ana",
        "looks good",
        f"models:/{linked.model}/3",
    )
    linked.becomes("in_sync")
    (decided,) = links.proposals(SLOT, waiting=False)
    assert (decided.outcome, decided.decided_by, decided.deployment) == ("accepted", "ana", 2)
    with pytest.raises(Conflict, match="it was accepted by ana"):
        links.decline(proposal.number, reason="too late")
    with pytest.raises(NotFound, match="twinline mlflow proposals"):
        links.accept(9999, reason="because", expected=2)


def test_a_declined_proposal_puts_the_alias_back(linked: Linked) -> None:
    moved(linked, "propose")
    declined = linked.client.mlflow_links.decline(waiting(linked).number, reason="not now")
    assert (declined.outcome, declined.decided_by) == ("declined", "ana")
    eventually(linked.alias, lambda number: number == 1)
    linked.becomes("in_sync")
    assert (linked.live_number(), len(list(linked.client.mlflow_links.moves(SLOT)))) == (1, 1)


def test_a_newer_move_takes_a_proposal_s_place(linked: Linked) -> None:
    moved(linked, "propose")
    first = waiting(linked)
    linked.registry.put_alias(linked.model, ALIAS, 4)
    eventually(lambda: waiting(linked), lambda proposal: proposal.after == 4)
    linked.registry.put_alias(linked.model, ALIAS, 1)
    linked.becomes("in_sync")
    moves = list(linked.client.mlflow_links.moves(SLOT))
    assert [move.outcome for move in moves] == ["superseded", "superseded"]
    with pytest.raises(Conflict, match="superseded"):
        linked.client.mlflow_links.accept(first.number, reason="because", expected=1)


def test_a_proposal_is_stale_when_another_deployment_is_live(linked: Linked) -> None:
    linked.registry.put_alias(linked.model, ALIAS, 1)
    moved(linked, "propose", writes=False)
    proposal = waiting(linked)
    linked.deploy(2)
    assert waiting(linked).stale
    made = linked.client.mlflow_links.accept(proposal.number, reason="still", expected=2)
    assert made.number == 3
    linked.becomes("in_sync")


def test_a_deployment_that_is_written_ends_the_proposal(linked: Linked) -> None:
    moved(linked, "propose")
    waiting(linked)
    linked.deploy(2)
    eventually(lambda: list(linked.client.mlflow_links.proposals(SLOT)), lambda found: found == [])
    eventually(linked.alias, lambda number: number == 2)


# --- links ------------------------------------------------------------------------------


def test_a_link_that_does_not_write_leaves_the_alias_alone(linked: Linked) -> None:
    linked.client.mlflow_links.link(SLOT, ALIAS, writes=False)
    link = linked.becomes("drifted")
    assert "has no alias production in MLflow" in link.why
    linked.registry.put_alias(linked.model, ALIAS, 1)
    linked.becomes("in_sync")
    linked.deploy(2)
    linked.becomes("drifted")
    assert linked.alias() == 1


def test_an_alias_of_a_model_goes_with_one_slot_only(linked: Linked) -> None:
    links = linked.client.mlflow_links
    links.link(SLOT, ALIAS)
    linked.deploy(2, slot="other@production")
    with pytest.raises(Conflict, match="goes with answer@production already"):
        links.link("other@production", ALIAS)
    links.link("other@production", "other")
    other = linked.another()
    linked.deploy(1, model=other, slot="third@production")
    links.link("third@production", ALIAS)
    linked.becomes("in_sync", "third@production")
    linked.deploy(3, slot="third@production")
    link = linked.becomes("error", "third@production")
    assert "goes with answer@production already" in link.why
    assert (linked.alias(), linked.alias(other)) == (1, 1)
    links.unlink(SLOT)
    linked.becomes("in_sync", "third@production")
    assert (linked.alias(), linked.alias(other)) == (3, None)


def test_a_link_is_shown_listed_changed_and_ended(linked: Linked) -> None:
    links = linked.client.mlflow_links
    with pytest.raises(NotFound, match="There is no linked slot"):
        links.get(SLOT)
    with pytest.raises(NotFound, match="There is no slot"):
        links.link("nothing@production", ALIAS)
    with pytest.raises(Invalid, match="reverts the moves of others writes"):
        links.link(SLOT, ALIAS, writes=False, foreign="revert")
    links.link(SLOT, "first")
    linked.becomes("in_sync")
    links.link(SLOT, ALIAS, foreign="propose")
    linked.becomes("in_sync")
    assert (linked.registry.alias(linked.model, "first"), linked.alias()) == (None, 1)
    (listed,) = links.list()
    assert (listed.alias, listed.foreign, listed.actor) == (ALIAS, "propose", "ana")
    assert links.unlink(SLOT).alias == ALIAS
    assert (list(links.list()), linked.alias()) == ([], 1)


def test_who_may_not_deploy_may_neither_link_nor_decide(linked: Linked) -> None:
    moved(linked, "propose")
    number = waiting(linked).number
    why = {"reason": "because"}
    for role in (Role.VIEWER, Role.AUTHOR, Role.SERVICE, Role.AUDITOR):
        assert asked(linked, role, "PUT", f"links/{SLOT}", {"alias": ALIAS}) == 403
        assert asked(linked, role, "POST", f"proposals/{number}/accept", why) == 403
        assert asked(linked, role, "POST", f"proposals/{number}/decline", why) == 403
    assert asked(linked, Role.RELEASER, "POST", f"proposals/{number}/accept", why) == 428
    assert asked(linked, Role.RELEASER, "POST", f"proposals/{number}/decline", why) == 200


def asked(linked: Linked, role: Role, method: str, path: str, body: dict[str, str]) -> int:
    """The status of the answer."""
    key = linked.client.keys.issue(role.value, role).key
    url = f"{url_of(linked.client)}/api/v1/mlflow/{path}"
    return httpx.request(method, url, json=body, headers={"X-API-Key": key}).status_code


# --- what nobody foresaw ----------------------------------------------------------------


def test_a_link_that_nobody_can_read_holds_up_no_other(
    linked: Linked, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    model, other = linked.another(2), "other@production"
    linked.deploy(1, model=model, slot=other)
    linked.client.mlflow_links.link(SLOT, ALIAS)
    linked.becomes("in_sync")
    with database.writing("test") as tx:
        tx.run(text("update alias_link set puts = '[7]', turn = turn + 1, turn_until = null"))
    eventually(lambda: caplog.text, lambda said: "a turn with an alias in MLflow fails" in said)
    linked.client.mlflow_links.link(other, ALIAS)
    eventually(lambda: linked.alias(model), lambda found: found == 1)
    assert "Traceback" in caplog.text
