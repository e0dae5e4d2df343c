"""What a slot requires at the door: nothing new goes live that has not passed it, and going
back is never held up."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support import policies
from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.errors import Invalid, NotAllowed, NotEvaluated, NotFound
from twinline.language.records import NewEvaluation, Role
from twinline.language.refs import PromptVersionRef

SLOT = "answer@production"


@pytest.fixture
def catalog(client: Client) -> Catalog:
    """(1, 1) is live, (1, 2) waits; from now on production requires a suite of prompt versions."""
    made = Catalog(client)
    made.bundle(1, 2)
    made.deploy(SLOT, made.bundle(1, 1))
    client.suites.define("golden", threshold=0.8, command="python score.py")
    client.suites.require("golden", "production", reason="customers read it")
    return made


@pytest.fixture
def score(client: Client) -> Callable[..., None]:
    def scored(subject: object, score: float, suite: str = "golden") -> None:
        body = {"subject": str(subject), "suite": suite, "score": score, "passed": 1, "failed": 1}
        client.evaluations.record(NewEvaluation.model_validate(body))

    return scored


def prompt(number: int) -> str:
    return f"prompts:/support/answer/{number}"


def test_what_was_never_evaluated_is_not_deployed_and_the_error_says_how_to(
    client: Client, http: httpx.Client, catalog: Catalog
) -> None:
    bundle = catalog.bundle(1, 2)
    body = {"bundle": str(bundle.ref), "reason": "because"}
    answer = http.post(f"/slots/{SLOT}/deployments", json=body, headers={"If-Match": "1"})
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (409, "urn:twinline:problem:not-evaluated")
    assert (problem["suite"], problem["bundle"]) == ("golden", str(bundle.ref))
    assert (problem["environment"], problem["slot"]) == ("production", f"routes:/{SLOT}")
    assert problem["missing"][0]["subject"] == prompt(2)
    assert problem["missing"][0]["newest"] is None
    for said in ("python score.py", "never evaluated", "twinline evaluate waive"):
        assert said in problem["detail"]
    assert len(list(client.slots.history(SLOT))) == 1


def test_the_newest_result_of_the_required_suite_decides(
    client: Client, catalog: Catalog, score: Callable[..., None]
) -> None:
    bundle = catalog.bundle(1, 2)
    score(prompt(2), 0.9, "another")
    score(prompt(1), 0.9)
    with pytest.raises(NotEvaluated, match="never evaluated"):
        catalog.deploy(SLOT, bundle)
    score(prompt(2), 0.7)
    with pytest.raises(NotEvaluated, match="failed it"):
        catalog.deploy(SLOT, bundle)
    score(prompt(2), 0.8)
    assert catalog.deploy(SLOT, bundle).number == 2
    score(prompt(2), 0.1)
    assert client.evaluations.missing(SLOT, bundle.ref).missing[0].newest is not None
    with pytest.raises(NotEvaluated):
        catalog.deploy(SLOT, bundle)


def test_what_passed_by_less_than_is_wanted_today_is_not_deployed(
    client: Client, catalog: Catalog
) -> None:
    """Whoever recorded a result chose its threshold while nobody had defined the suite."""
    for suite, score in (("older", 0.3), ("enough", 0.95)):
        body = {"subject": prompt(2), "suite": suite, "score": score, "threshold": 0.1}
        made = client.evaluations.record(
            NewEvaluation.model_validate({**body, "passed": 1, "failed": 1})
        )
        assert made.verdict == "passed"
        client.suites.define(suite, threshold=0.9)
        client.suites.require(suite, "staging", reason="because")
    (lacks,) = client.evaluations.missing("answer@staging", catalog.bundle(1, 2).ref).missing
    assert (lacks.suite, lacks.newest is not None) == ("older", True)
    with pytest.raises(NotEvaluated, match=r"a score of 0\.3\); today the score has to reach 0\.9"):
        catalog.deploy("answer@staging", catalog.bundle(1, 2))


def test_what_was_run_on_nothing_opens_nothing(client: Client, catalog: Catalog) -> None:
    client.suites.define("strict")
    with pytest.raises(Invalid, match="No case of 'strict' was run"):
        client.evaluations.record(
            NewEvaluation(
                subject=PromptVersionRef("support/answer", 2), suite="strict", passed=0, failed=0
            )
        )
    assert list(client.evaluations.list(suite="strict")) == []


@pytest.mark.parametrize(
    ("place", "slot", "held_up"),
    [
        pytest.param("staging", "answer@staging", True, id="an-environment"),
        pytest.param("staging", "other@staging", True, id="all-of-its-slots"),
        pytest.param("answer@staging", "answer@staging", True, id="a-slot"),
        pytest.param("answer@staging", "other@staging", False, id="another-slot"),
        pytest.param("staging", "answer@dev", False, id="another-environment"),
    ],
)
def test_a_suite_is_required_of_an_environment_or_of_one_slot(
    client: Client, catalog: Catalog, place: str, slot: str, held_up: bool
) -> None:
    client.suites.require("golden", place, reason="because")
    bundle = catalog.bundle(1, 2)
    assert bool(client.evaluations.missing(slot, bundle.ref).missing) is held_up
    if held_up:
        with pytest.raises(NotEvaluated, match=f"{slot} requires"):
            catalog.deploy(slot, bundle)
        client.suites.release("golden", place, reason="because")
    assert catalog.deploy(slot, bundle).number == 1


def test_every_bundle_of_a_policy_has_to_pass_and_all_that_lack_it_are_named(
    client: Client, catalog: Catalog, score: Callable[..., None]
) -> None:
    control, canary = catalog.bundle(1, 1), catalog.bundle(1, 2)
    policy = policies.canary(control.ref, canary.ref)
    with pytest.raises(NotEvaluated, match="and 1 more") as refused:
        client.slots.deploy(SLOT, policy=policy, reason="because", expected=1)
    named = {one["bundle"] for one in refused.value.fields["missing"]}
    assert named == {str(control.ref), str(canary.ref)}
    score(prompt(1), 0.9)
    with pytest.raises(NotEvaluated):
        client.slots.deploy(SLOT, policy=policy, reason="because", expected=1)
    score(prompt(2), 0.9)
    client.slots.deploy(SLOT, policy=policy, reason="because", expected=1)


def test_a_suite_of_bundles_or_of_models_asks_for_results_of_those(
    client: Client, catalog: Catalog, score: Callable[..., None]
) -> None:
    bundle = catalog.bundle(2, 2)
    for name in ("bundle", "model"):
        client.suites.define(f"{name}s", scores=name, threshold=0.5)
        client.suites.require(f"{name}s", "staging", reason="because")
    lacks = client.evaluations.missing("answer@staging", bundle.ref).missing
    assert {(one.suite, str(one.subject)) for one in lacks} == {
        ("bundles", str(bundle.ref)),
        ("models", "models:/churn/2"),
    }
    score(bundle.ref, 0.9, "bundles")
    with pytest.raises(NotEvaluated, match="models:/churn/2"):
        catalog.deploy("answer@staging", bundle)
    score("models:/churn/2", 0.9, "models")
    assert catalog.deploy("answer@staging", bundle).number == 1


def test_an_admin_may_let_one_bundle_off_and_says_why(
    client: Client, url: str, issue: Callable[[Role], str], catalog: Catalog
) -> None:
    bundle, other = catalog.bundle(1, 2), catalog.bundle(2, 2)
    with Client(url, issue(Role.RELEASER)) as releaser:
        with pytest.raises(NotAllowed, match="suites:write"):
            releaser.evaluations.waive("golden", bundle.ref, "production", reason="in a hurry")
        made = client.evaluations.waive("golden", bundle.ref, SLOT, reason="the suite is broken")
        with pytest.raises(NotEvaluated):
            releaser.slots.deploy(SLOT, other.ref, reason="because", expected=1)
        releaser.slots.deploy(SLOT, bundle.ref, reason="because", expected=1)
    assert (made.bundle, made.place, made.actor) == (bundle.ref, SLOT, "admin")
    assert list(client.evaluations.waivers()) == [made]
    event = next(one for one in client.audit.events() if one.action == "evaluation.waive")
    assert (event.subject, event.why) == (str(bundle.ref), "the suite is broken")
    with pytest.raises(NotEvaluated):
        catalog.deploy("other@production", bundle)
    with pytest.raises(NotFound):
        client.evaluations.waive("unknown", bundle.ref, SLOT, reason="because")


def test_going_back_is_not_held_up_but_says_what_is_missing(
    client: Client, catalog: Catalog, score: Callable[..., None]
) -> None:
    score(prompt(2), 0.9)
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    foreseen = client.slots.preview_rollback(SLOT, "prompt")
    (lacks,) = foreseen.pairs[0].missing
    assert (lacks.suite, str(lacks.subject)) == ("golden", prompt(1))
    assert "never evaluated" in str(lacks)
    made = client.slots.roll_back(
        SLOT, "prompt", reason="it shouts", expected=2, accept_untested=True
    )
    assert str(made.prompt) == prompt(1)


def test_going_to_what_was_never_live_here_is_no_way_back(
    client: Client, catalog: Catalog, score: Callable[..., None]
) -> None:
    never = prompt(3)
    catalog.deploy("other@dev", catalog.bundle(1, 3))
    score(never, 0.1)
    (change,) = client.slots.preview_rollback(SLOT, "prompt", to=never).changes
    assert not change.was_live
    back: dict[str, Any] = {"reason": "it shouts", "accept_untested": True}
    with pytest.raises(NotEvaluated, match="failed it"):
        client.slots.roll_back(SLOT, "prompt", to=never, expected=1, **back)
    score(never, 0.9)
    assert client.slots.roll_back(SLOT, "prompt", to=never, expected=1, **back).number == 2
    for number in (1, 3):
        score(prompt(number), 0.1)
    made = client.slots.roll_back(SLOT, "prompt", to=prompt(1), expected=2, **back)
    assert str(made.prompt) == prompt(1)
    (change,) = client.slots.preview_rollback(SLOT, "prompt", to=never).changes
    assert change.was_live
    assert client.slots.roll_back(SLOT, "prompt", to=never, expected=3, **back).number == 4


def test_an_arm_that_some_got_is_no_version_to_go_back_to(
    client: Client, catalog: Catalog, score: Callable[..., None]
) -> None:
    for number in (1, 2):
        score(prompt(number), 0.9)
    policy = policies.canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref, 0.01)
    client.slots.deploy(SLOT, policy=policy, reason="because", expected=1)
    score(prompt(2), 0.1)
    back: dict[str, Any] = {"reason": "we like it", "accept_untested": True}
    with pytest.raises(NotEvaluated, match="failed it"):
        client.slots.roll_back(SLOT, "prompt", to=prompt(2), expected=2, **back)


def test_a_ramp_gives_no_arm_more_than_it_had_before_it_has_passed(
    client: Client, catalog: Catalog, score: Callable[..., None]
) -> None:
    for number in (1, 2):
        score(prompt(number), 0.9)
    policy = policies.canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref, 0.2)
    client.slots.deploy(SLOT, policy=policy, reason="because", expected=1)
    for number in (1, 2):
        score(prompt(number), 0.1)
    (lacks,) = client.slots.preview_ramp(SLOT, "canary", 0.3).missing
    assert (str(lacks.subject), lacks.suite) == (prompt(2), "golden")
    with pytest.raises(NotEvaluated, match="failed it"):
        client.slots.ramp(SLOT, "canary", 0.3, reason="errors are level", expected=2)
    for expected, share in ((2, 0.1), (3, 0.2)):
        assert client.slots.preview_ramp(SLOT, "canary", share).missing == ()
        client.slots.ramp(SLOT, "canary", share, reason="it was there", expected=expected)
    score(prompt(2), 0.9)
    made = client.slots.ramp(SLOT, "canary", 0.3, reason="errors are level", expected=4)
    assert made.number == 5


def test_neither_a_ramp_down_nor_a_recall_is_held_up(
    client: Client, catalog: Catalog, score: Callable[..., None]
) -> None:
    for number in (1, 2):
        score(prompt(number), 0.9)
    policy = policies.canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref)
    client.slots.deploy(SLOT, policy=policy, reason="because", expected=1)
    for number in (1, 2):
        score(prompt(number), 0.1)
    client.slots.ramp(SLOT, "canary", 0.01, reason="it is worse", expected=2)
    number = client.recalls.create(prompt(2), "it shouts").number
    plan = client.recalls.plan(number)
    (slot,) = plan.slots
    assert {one.suite for pair in slot.pairs for one in pair.missing} == {"golden"}
    client.recalls.execute(number, plan=plan.digest, reason="as agreed", accept_untested=True)
    assert client.slots.get(SLOT).live.number == 4


def test_a_bundle_that_does_not_exist_lacks_nothing_but_itself(
    client: Client, catalog: Catalog
) -> None:
    with pytest.raises(NotFound):
        client.evaluations.missing(SLOT, "bundles:/000000000000")
