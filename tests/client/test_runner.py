"""Runners: leases kept, errors told, results recorded once, whatever happens on the way."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.client.conftest import Stage, soon
from tests.client.wire import Meddler
from twinline.access import actions as access
from twinline.client import Client
from twinline.client.runner import Told
from twinline.language.errors import NotAllowed, NotFound
from twinline.language.records import (
    CaseResult,
    Evaluation,
    NewKey,
    PendingEvaluation,
    Role,
    SuiteResult,
)

SUITE = "golden"
OVER = text("update pending_evaluation set free_at = clock_timestamp()")


@pytest.fixture
def key(stage: Stage) -> str:
    """A runner's key; one version waits."""
    stage.admin.suites.define(SUITE, threshold=0.5)
    stage.admin.suites.attach(SUITE, "*")
    stage.admin.prompts.create("scored", "Text 1")
    with stage.database.writing("test") as tx:
        return access.issue_key(tx, NewKey(owner="ci", role=Role.RUNNER)).key


@pytest.fixture
def runner(stage: Stage, key: str, tmp_path: Path) -> Iterator[Client]:
    with Client(stage.wire.url, key, folder=tmp_path / "runner", timeout_seconds=2) as made:
        yield made


def good(_pending: PendingEvaluation) -> SuiteResult:
    return SuiteResult.of([CaseResult(id="a", passed=True)])


def results(stage: Stage) -> list[Evaluation]:
    return list(stage.admin.evaluations.list(suite=SUITE))


def the_one(stage: Stage) -> PendingEvaluation:
    (found,) = stage.admin.evaluations.pending(SUITE)
    return found


def test_what_waits_is_run_and_recorded_and_the_runner_says_who_it_is(
    stage: Stage, runner: Client
) -> None:
    told: list[Told] = []
    for number in (2, 3):
        stage.admin.prompts.create("scored", f"Text {number}")
    taken = runner.evaluations.work(SUITE, good, until_empty=True, runner="r1", told=told.append)
    assert taken == 3
    assert [one.what for one in told] == ["claimed", "recorded"] * 3
    assert [str(one.subject) for one in results(stage)] == [
        f"prompts:/scored/{number}" for number in (3, 2, 1)
    ]
    assert {one.actor for one in results(stage)} == {"ci"}
    assert {one.claimed_by for one in stage.admin.evaluations.pending()} == {"ci (r1)"}


def test_a_lease_is_kept_for_as_long_as_the_suite_runs(stage: Stage, runner: Client) -> None:
    def slow(_pending: PendingEvaluation) -> SuiteResult:
        deadline = time.monotonic() + 7
        while time.monotonic() < deadline:
            assert stage.admin.evaluations.claim(SUITE) is None
            time.sleep(0.05)
        return good(_pending)

    runner.evaluations.work(SUITE, slow, lease_seconds=3, until_empty=True)
    assert (the_one(stage).state, the_one(stage).attempts) == ("done", 1)


def test_what_a_suite_raises_is_told_and_may_be_tried_again(stage: Stage, runner: Client) -> None:
    def broken(_pending: PendingEvaluation) -> SuiteResult:
        raise ValueError("no such model\x00" + "x" * 9000)

    told: list[Told] = []
    assert runner.evaluations.work(SUITE, broken, until_empty=True, told=told.append) == 1
    assert [one.what for one in told] == ["claimed", "failed"]
    failed = the_one(stage)
    assert (failed.state, failed.attempts) == ("waiting", 1)
    assert (failed.last_error or "").startswith("ValueError: no such model")
    _hasten(stage)
    runner.evaluations.work(SUITE, good, until_empty=True)
    assert (the_one(stage).state, the_one(stage).attempts) == ("done", 2)


def test_a_result_that_the_suite_does_not_take_is_a_failure_that_says_why(
    stage: Stage, runner: Client
) -> None:
    runner.evaluations.work(SUITE, lambda _: SuiteResult(passed=1, failed=0), until_empty=True)
    assert "send `score`" in (the_one(stage).last_error or "")
    assert results(stage) == []


@pytest.mark.parametrize("found", [None, {"passed": "many"}, 0.9])
def test_what_is_no_result_is_a_failure_that_says_why(
    stage: Stage, runner: Client, found: Any
) -> None:
    told: list[Told] = []
    runner.evaluations.work(SUITE, lambda _: found, until_empty=True, told=told.append)
    assert [one.what for one in told] == ["claimed", "failed"]
    assert "SuiteResult" in (the_one(stage).last_error or "")


def test_a_failure_waits_for_a_server_that_is_away(stage: Stage, runner: Client) -> None:
    told: list[Told] = []

    def broken(_pending: PendingEvaluation) -> SuiteResult:
        stage.wire.cut()
        raise ValueError("no such model")

    def hear(one: Told) -> None:
        told.append(one)
        if one.what == "away":
            stage.wire.mend()

    runner.evaluations.work(SUITE, broken, until_empty=True, told=hear)
    assert [one.what for one in told if one.what != "away"] == ["claimed", "failed"]
    assert "away" in {one.what for one in told}
    assert the_one(stage).last_error == "ValueError: no such model"


def test_a_runner_that_is_told_to_stop_ends_after_what_it_runs(
    stage: Stage, runner: Client
) -> None:
    stage.admin.prompts.create("scored", "Text 2")
    stop = threading.Event()

    def stopping(pending: PendingEvaluation) -> SuiteResult:
        stop.set()
        return good(pending)

    assert runner.evaluations.work(SUITE, stopping, stop=stop, poll_seconds=60) == 1
    assert sorted(one.state for one in stage.admin.evaluations.pending()) == ["done", "waiting"]


def test_a_runner_that_waits_stops_at_once_and_finds_what_comes_later(
    stage: Stage, runner: Client
) -> None:
    stop, counted = threading.Event(), list[int]()
    work = threading.Thread(
        target=lambda: counted.append(
            runner.evaluations.work(SUITE, good, stop=stop, poll_seconds=0.05)
        )
    )
    work.start()
    soon(lambda: len(results(stage)) == 1)
    stage.admin.prompts.create("scored", "Text 2")
    soon(lambda: len(results(stage)) == 2)
    stop.set()
    work.join(10)
    assert counted == [2]


def test_a_result_waits_for_a_server_that_is_away(stage: Stage, runner: Client) -> None:
    told: list[Told] = []

    def cutting(pending: PendingEvaluation) -> SuiteResult:
        stage.wire.cut()
        return good(pending)

    def hear(one: Told) -> None:
        told.append(one)
        if one.what == "away":
            stage.wire.mend()

    runner.evaluations.work(SUITE, cutting, until_empty=True, told=hear)
    assert [one.what for one in told if one.what != "away"] == ["claimed", "recorded"]
    assert len(told) >= 3
    assert len(results(stage)) == 1


def test_a_claim_and_a_report_whose_answers_are_lost_happen_once(
    stage: Stage, key: str, tmp_path: Path
) -> None:
    lost: set[str] = set()

    def lose(request: httpx.Request, _answer: httpx.Response) -> httpx.Response | None:
        path = request.url.path
        if path in lost:
            return None
        lost.add(path)
        if path.endswith("/claims"):
            return httpx.Response(502, text="<h1>Bad gateway</h1>", request=request)
        raise httpx.ReadError("the answer is lost", request=request)

    with Client(stage.url, key, folder=tmp_path / "r", transport=Meddler(lose)) as runner:
        assert runner.evaluations.work(SUITE, good, until_empty=True) == 1
    assert {path.rpartition("/")[2] for path in lost} == {"claims", "report"}
    assert (the_one(stage).state, the_one(stage).attempts) == ("done", 1)
    assert len(results(stage)) == 1


def test_what_was_found_under_a_lost_lease_is_dropped(stage: Stage, runner: Client) -> None:
    def overtaken(pending: PendingEvaluation) -> SuiteResult:
        _hasten(stage)
        assert stage.admin.evaluations.claim(SUITE, runner="other") is not None
        return good(pending)

    told: list[Told] = []
    runner.evaluations.work(SUITE, overtaken, until_empty=True, told=told.append)
    assert [one.what for one in told] == ["claimed", "lost"]
    assert results(stage) == []
    assert the_one(stage).claimed_by == "ana (other)"


def test_a_runner_without_the_permission_or_with_an_unknown_suite_ends_at_once(
    stage: Stage, runner: Client
) -> None:
    with Client(stage.url, stage.key) as service, pytest.raises(NotAllowed):
        service.evaluations.work(SUITE, good)
    with pytest.raises(NotFound):
        runner.evaluations.work("unknown", good)


def _hasten(stage: Stage) -> None:
    with stage.database.writing("test") as tx:
        tx.run(OVER)
