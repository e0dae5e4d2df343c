"""Suites at the door: where they are attached, what waits for them, and how runners take it."""

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.support.catalog import Catalog
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.db.session import Database
from twinline.language.errors import Conflict, Invalid, LeaseLost, NotAllowed, NotFound
from twinline.language.records import (
    CaseResult,
    NewPromptVersion,
    NewSuite,
    PendingEvaluation,
    Role,
    SubjectKind,
    Suite,
    SuiteResult,
)
from twinline.prompts.actions import create_all
from twinline.suites import actions as suites

GOOD = SuiteResult(passed=3, failed=0, score=1.0)


@pytest.fixture
def suite(client: Client) -> str:
    """A suite that evaluates each new version in the folder ``support/``."""
    client.suites.define("golden", threshold=0.8, command="python score.py", attempts_max=2)
    client.suites.attach("golden", "support/")
    return "golden"


@pytest.fixture
def pass_time(rehearsal: Rehearsal) -> Callable[[], None]:
    """Let every lease and pause be over."""

    def hasten() -> None:
        with rehearsal.writing("test") as tx:
            tx.run(text("update pending_evaluation set free_at = clock_timestamp()"))

    return hasten


def waiting(client: Client) -> list[PendingEvaluation]:
    return list(client.evaluations.pending(states=["waiting"]))


# --- suites -----------------------------------------------------------------------------


def test_a_suite_is_defined_and_defined_anew(client: Client) -> None:
    made = client.suites.define("golden", description="fifty questions")
    assert (made.scores, made.threshold, made.attempts_max) == ("prompt", None, 3)
    assert client.suites.define("golden", description="fifty questions") == made
    changed: dict[str, Any] = {"threshold": 0.9, "command": "python score.py"}
    with pytest.raises(Invalid, match="say by `reason`"):
        client.suites.define("golden", **changed)
    again = client.suites.define("golden", **changed, reason="it has a score now")
    assert (again.threshold, again.description) == (0.9, "")
    assert client.suites.get("golden") == again
    event, first = itertools.islice(client.audit.events(), 2)
    assert (event.action, event.why) == ("suite.define", "it has a score now")
    assert (event.before or {})["threshold"] is None
    assert (first.action, first.before) == ("suite.define", None)
    with pytest.raises(Conflict, match="define another suite"):
        client.suites.define("golden", scores="bundle")


def test_of_two_first_definitions_at_once_one_is_the_first(database: Database) -> None:
    def define(scores: SubjectKind) -> Suite:
        with database.writing("ben") as tx:
            return suites.define(tx, "golden", NewSuite(scores=scores))

    with ThreadPoolExecutor(2) as pool:
        with database.writing("ana") as tx:
            made = suites.define(tx, "golden", NewSuite(scores="prompt"))
            other, same = pool.submit(define, "bundle"), pool.submit(define, "prompt")
            _wait_for_two(database)
        with pytest.raises(Conflict, match="define another suite"):
            other.result()
    assert same.result() == made


def test_suites_are_listed_by_name_in_pages(client: Client, http: httpx.Client) -> None:
    for name in ("toxic", "golden", "speed"):
        client.suites.define(name)
    first = http.get("/suites", params={"limit": 2}).json()
    assert [one["name"] for one in first["items"]] == ["golden", "speed"]
    assert [one.name for one in client.suites.list()] == ["golden", "speed", "toxic"]


@pytest.mark.parametrize("prompts", ["", "/", "a b", "support//", "**", "support/latest"])
def test_what_is_no_prompt_and_no_folder_is_not_attached_to(
    http: httpx.Client, suite: str, prompts: str
) -> None:
    assert http.post(f"/suites/{suite}/prompts", json={"prompts": prompts}).status_code == 422


@pytest.mark.parametrize("place", ["", "Production", "@production", "a@b@c", "support@"])
def test_what_is_no_environment_and_no_slot_requires_nothing(
    http: httpx.Client, suite: str, place: str
) -> None:
    body = {"place": place, "reason": "because"}
    assert http.post(f"/suites/{suite}/required", json=body).status_code == 422


def test_what_was_attached_or_required_can_be_taken_back(client: Client, suite: str) -> None:
    client.suites.attach(suite, "*")
    assert client.suites.attach(suite, "*").prompts == ("*", "support/")
    why = {"reason": "it has moved"}
    assert client.suites.detach(suite, "support/", **why).prompts == ("*",)
    assert next(client.audit.events()).why == "it has moved"
    assert client.suites.detach(suite, "*", **why).prompts == ()
    with pytest.raises(NotFound, match="not attached to 'support/', nor anywhere else"):
        client.suites.detach(suite, "support/", **why)
    client.suites.require(suite, "production", reason="customers read it")
    client.suites.require(suite, "production", reason="once more")
    made = client.suites.require(suite, "answer@staging", reason="because")
    assert [(one.place, one.actor, one.reason) for one in made.required_in] == [
        ("answer@staging", "admin", "because"),
        ("production", "admin", "customers read it"),
    ]
    (left,) = client.suites.release(suite, "answer@staging", **why).required_in
    assert left.place == "production"
    event = next(client.audit.events())
    assert (event.action, event.why) == ("suite.release", "it has moved")
    with pytest.raises(NotFound, match="not required in 'dev', but required in production"):
        client.suites.release(suite, "dev", **why)
    with pytest.raises(NotFound):
        client.suites.attach("unknown", "*")


def test_only_suites_of_prompt_versions_are_attached_to_prompts(client: Client) -> None:
    client.suites.define("pairs", scores="bundle")
    with pytest.raises(Conflict, match="scores a bundle"):
        client.suites.attach("pairs", "*")


# --- what waits -------------------------------------------------------------------------


def test_versions_that_are_made_together_wait_each(
    client: Client, suite: str, rehearsal: Rehearsal
) -> None:
    texts = ("One", "Two", "One")
    with rehearsal.writing("mirror") as tx:
        news = [
            NewPromptVersion(name="support/answer", template=one, parameters={}) for one in texts
        ]
        create_all(tx, "support/answer", news)
        create_all(tx, "support/answer", news)
    found = sorted((one.suite, str(one.subject)) for one in waiting(client))
    assert found == [(suite, f"prompts:/support/answer/{number}") for number in (1, 2)]


def test_each_new_version_waits_for_the_suites_that_are_attached_to_its_prompt(
    client: Client, suite: str
) -> None:
    for name, prompts in (("exact", "support/answer"), ("all", "*"), ("other", "sales/")):
        client.suites.define(name)
        client.suites.attach(name, prompts)
    client.suites.attach(suite, "support/answer")
    client.prompts.create("support/answer", "One")
    assert sorted(one.suite for one in waiting(client)) == ["all", "exact", "golden"]
    assert {str(one.subject) for one in waiting(client)} == {"prompts:/support/answer/1"}
    client.prompts.create("support/answer", "One")  # the same content is no new version
    client.prompts.create("support/answer", "One", labels=["production"])
    assert len(waiting(client)) == 3
    client.prompts.create("support2", "Two")
    assert [one.suite for one in waiting(client)][:-3] == ["all"]


def test_a_version_that_could_not_be_made_leaves_nothing_waiting(
    client: Client, suite: str
) -> None:
    with pytest.raises(NotFound):
        client.prompts.create("support/answer", "One", derived_from="prompts:/nothing/1")
    assert waiting(client) == []


def test_what_exists_already_can_be_asked_for_once(
    client: Client, http: httpx.Client, suite: str
) -> None:
    catalog = Catalog(client)
    bundle = catalog.bundle(1, 1).ref
    client.suites.define("pairs", scores="bundle")
    made = client.evaluations.ask("pairs", bundle)
    assert client.evaluations.ask("pairs", bundle) == made
    body = {"suite": "pairs", "subject": str(bundle)}
    assert http.post("/evaluations/pending", json=body).status_code == 200
    with pytest.raises(Invalid, match="scores prompt versions"):
        client.evaluations.ask(suite, bundle)
    for name, subject in (("unknown", str(bundle)), ("pairs", "bundles:/000000000000")):
        with pytest.raises(NotFound):
            client.evaluations.ask(name, subject)
    claimed = client.evaluations.claim("pairs")
    assert claimed is not None
    client.evaluations.report(made.number, claimed[1], GOOD)
    assert client.evaluations.ask("pairs", bundle).number != made.number


def test_pending_evaluations_are_listed_by_state_and_suite(client: Client, suite: str) -> None:
    for number in range(4):
        client.prompts.create("support/answer", f"Text {number}")
    done, _running = client.evaluations.claim(suite), client.evaluations.claim(suite)
    assert done is not None
    client.evaluations.report(done[0].number, done[1], GOOD)
    found = [one.state for one in client.evaluations.pending(suite)]
    assert found == ["waiting", "waiting", "claimed", "done"]
    some = client.evaluations.pending(suite, states=["claimed", "done"])
    assert [one.state for one in some] == ["claimed", "done"]
    with pytest.raises(NotFound):
        list(client.evaluations.pending("unknown"))
    with pytest.raises(NotFound):
        client.evaluations.get_pending(999_999)


# --- leases -----------------------------------------------------------------------------


def test_the_oldest_is_claimed_first_and_by_one_runner(client: Client, suite: str) -> None:
    for number in (1, 2):
        client.prompts.create("support/answer", f"Text {number}")
    first, second, third = (client.evaluations.claim(suite, runner=f"r{n}") for n in range(3))
    assert first is not None
    assert second is not None
    assert third is None
    assert [str(one[0].subject)[-1] for one in (first, second)] == ["1", "2"]
    assert (first[0].state, first[0].attempts, first[0].claimed_by) == ("claimed", 1, "admin (r0)")
    with pytest.raises(NotFound):
        client.evaluations.claim([suite, "unknown"])


def test_a_claim_that_is_sent_again_is_the_same_claim(client: Client, suite: str) -> None:
    for number in (1, 2):
        client.prompts.create("support/answer", f"Text {number}")
    first = client.evaluations.claim(suite, token="a" * 32)
    assert client.evaluations.claim(suite, token="a" * 32) == first
    assert [one.attempts for one in client.evaluations.pending(suite)] == [0, 1]


def test_what_a_runner_reports_is_an_evaluation(client: Client, suite: str) -> None:
    version = client.prompts.create("support/answer", "One")
    claimed = client.evaluations.claim(suite)
    assert claimed is not None
    pending, token = claimed
    found = SuiteResult.of(CaseResult(id=str(n), passed=n > 1) for n in range(10))
    made = client.evaluations.report(pending.number, token, found)
    assert (made.subject, made.suite, made.score) == (version.ref, suite, 0.8)
    assert (made.threshold, made.verdict, made.cases) == (0.8, "passed", 10)
    after = client.evaluations.get_pending(pending.number)
    assert (after.state, after.evaluation) == ("done", made.ref)
    assert client.evaluations.report(pending.number, token, found) == made
    assert list(client.evaluations.list(version.ref)) == [made]
    with pytest.raises(LeaseLost, match="is done"):
        client.evaluations.renew(pending.number, token)
    with pytest.raises(LeaseLost, match="is done, with evaluations"):
        client.evaluations.fail(pending.number, token, "late")


def test_a_lease_that_ran_out_is_claimed_by_another_and_the_first_is_told(
    client: Client, suite: str, pass_time: Callable[[], None]
) -> None:
    client.prompts.create("support/answer", "One")
    first = client.evaluations.claim(suite, runner="slow")
    assert first is not None
    pass_time()
    lapsed = client.evaluations.get_pending(first[0].number)
    assert (lapsed.state, lapsed.last_error) == ("waiting", "the lease of admin (slow) ran out")
    second = client.evaluations.claim(suite)
    assert second is not None
    assert (second[0].number, second[0].attempts) == (first[0].number, 2)
    assert second[0].last_error == "the lease of admin (slow) ran out"
    number = first[0].number
    for late in (
        lambda: client.evaluations.renew(number, first[1]),
        lambda: client.evaluations.report(number, first[1], GOOD),
        lambda: client.evaluations.fail(number, first[1], "slow"),
    ):
        with pytest.raises(LeaseLost, match="claim the next"):
            late()
    assert client.evaluations.report(number, second[1], GOOD).verdict == "passed"


def test_a_lease_that_ran_out_and_that_nobody_took_is_still_good(
    client: Client, suite: str, pass_time: Callable[[], None]
) -> None:
    client.prompts.create("support/answer", "One")
    claimed = client.evaluations.claim(suite)
    assert claimed is not None
    pass_time()
    assert client.evaluations.renew(claimed[0].number, claimed[1]).state == "claimed"
    assert client.evaluations.claim(suite) is None
    pass_time()
    assert client.evaluations.report(claimed[0].number, claimed[1], GOOD).verdict == "passed"


def test_after_as_many_failures_as_are_allowed_it_is_given_up_and_says_why(
    client: Client, suite: str, pass_time: Callable[[], None]
) -> None:
    client.prompts.create("support/answer", "One")
    for attempt in (1, 2):
        claimed = client.evaluations.claim(suite)
        assert claimed is not None
        failed = client.evaluations.fail(claimed[0].number, claimed[1], f"no model, {attempt}")
        assert failed.state == ("waiting" if attempt == 1 else "given_up")
        assert client.evaluations.claim(suite) is None  # it rests
        pass_time()
    assert client.evaluations.claim(suite) is None
    (given_up,) = client.evaluations.pending(states=["given_up"])
    assert (given_up.attempts, given_up.last_error) == (2, "no model, 2")
    again = client.evaluations.ask(suite, "prompts:/support/answer/1")
    assert (again.number != given_up.number, again.state) == (True, "waiting")


def test_a_lost_lease_counts_as_an_attempt(
    client: Client, suite: str, pass_time: Callable[[], None]
) -> None:
    client.prompts.create("support/answer", "One")
    for _ in range(2):
        assert client.evaluations.claim(suite, runner="dying") is not None
        pass_time()
    (given_up,) = client.evaluations.pending(suite)
    assert (given_up.state, given_up.last_error) == (
        "given_up",
        "the lease of admin (dying) ran out",
    )
    assert client.evaluations.claim(suite) is None


def test_a_result_that_does_not_fit_its_suite_leaves_the_lease_as_it_is(
    client: Client, suite: str
) -> None:
    client.prompts.create("support/answer", "One")
    claimed = client.evaluations.claim(suite)
    assert claimed is not None
    with pytest.raises(Invalid, match="send `score`"):
        client.evaluations.report(*_of(claimed), SuiteResult(passed=1, failed=0))
    assert client.evaluations.get_pending(claimed[0].number).state == "claimed"
    assert client.evaluations.report(*_of(claimed), GOOD).verdict == "passed"


def test_a_runner_s_key_runs_suites_and_no_more(
    client: Client, url: str, issue: Callable[[Role], str], suite: str
) -> None:
    client.prompts.create("support/answer", "One")
    with Client(url, issue(Role.RUNNER)) as runner:
        claimed = runner.evaluations.claim(suite)
        assert claimed is not None
        assert runner.prompts.get("support/answer").number == 1
        assert runner.evaluations.report(*_of(claimed), GOOD).actor == "runner"
        for refused in (
            lambda: runner.evaluations.ask(suite, "prompts:/support/answer/1"),
            lambda: runner.suites.define("mine"),
            lambda: runner.prompts.create("support/answer", "Two"),
        ):
            with pytest.raises(NotAllowed):
                refused()


def test_nobody_is_shown_the_token_of_a_lease(
    client: Client, http: httpx.Client, suite: str
) -> None:
    client.prompts.create("support/answer", "One")
    claimed = client.evaluations.claim(suite)
    assert claimed is not None
    assert claimed[1] not in http.get("/evaluations/pending").text
    assert claimed[1] not in http.get(f"/evaluations/pending/{claimed[0].number}").text
    assert claimed[1] not in http.get("/audit").text


def _wait_for_two(database: Database) -> None:
    """Wait until two transactions wait for a third."""
    deadline = time.monotonic() + 30
    while True:
        with database.reading() as tx:
            if tx.value(text("select count(*) from pg_locks where not granted")) == 2:
                return
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _of(claimed: tuple[PendingEvaluation, str]) -> tuple[int, str]:
    return claimed[0].number, claimed[1]
