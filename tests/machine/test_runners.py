"""Many runners at once: nothing is run twice within a lease, and nothing is left."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.client import Client
from twinline.db.session import Database
from twinline.evaluations import actions as evaluations
from twinline.language.errors import LeaseLost
from twinline.language.records import (
    ClaimRequest,
    NewKey,
    NewPromptVersion,
    NewSuite,
    PendingEvaluation,
    ResultReport,
    Role,
    SuiteResult,
)
from twinline.prompts import actions as prompts
from twinline.suites import actions as suites
from twinline.suites import pending

RUNNERS = 20


@pytest.fixture
def waiting(database: Database) -> Database:
    """60 versions wait for the suite ``golden``."""
    with database.writing("ana") as tx:
        suites.define(tx, "golden", NewSuite(attempts_max=20))
        suites.attach(tx, "golden", "*")
    for number in range(60):
        with database.writing("ana") as tx:
            prompts.create_version(tx, NewPromptVersion(name="p", template=f"Text {number}"))
    return database


def test_20_runners_that_claim_at_once_get_each_another_one(waiting: Database) -> None:
    taken: list[tuple[int, str]] = []

    def run(name: int) -> None:
        while True:
            token = uuid4().hex
            with waiting.writing(f"runner {name}") as tx:
                found = pending.claim(tx, ClaimRequest(suites=("golden",), token=token))
            if found is None:
                return
            taken.append((found.number, token))

    _at_once(run)
    assert len(taken) == 60
    assert len(set(taken)) == len({number for number, _ in taken}) == 60
    with waiting.reading() as tx:
        page = pending.list_pending(tx, None, None, cursor=None, limit=500)
        assert access.verify_log(tx).whole
    assert {(one.state, one.attempts) for one in page.items} == {("claimed", 1)}


def test_runners_that_are_slower_than_their_lease_never_report_one_twice(
    waiting: Database,
) -> None:
    """The leases are the shortest there are, and every third runner sleeps through its own."""
    reported, lost = Counter[int](), Counter[int]()

    def run(name: int) -> None:
        dice = random.Random(name)
        while True:
            token = uuid4().hex
            wanted = ClaimRequest(suites=("golden",), token=token, lease_seconds=1)
            with waiting.writing(f"runner {name}") as tx:
                found = pending.claim(tx, wanted)
            if found is None:
                if sum(reported.values()) >= 60:
                    return
                time.sleep(0.1)
                continue
            if dice.random() < 0.1:
                time.sleep(1.5)
            try:
                with waiting.writing(f"runner {name}") as tx:
                    report = ResultReport(token=token, passed=1, failed=0)
                    _, first = evaluations.report(tx, found.number, report)
                reported[found.number] += first
            except LeaseLost:
                lost[found.number] += 1

    _at_once(run)
    assert len(reported) == 60
    assert set(reported.values()) == {1}
    with waiting.reading() as tx:
        done = pending.list_pending(tx, None, ["done"], cursor=None, limit=500).items
        results = evaluations.list_evaluations(tx, None, "golden", cursor=None, limit=500).items
    assert len(done) == len(results) == 60
    assert {one.evaluation for one in done} == {one.ref for one in results}
    assert sum(one.attempts for one in done) >= 60 + sum(lost.values())


@pytest.fixture
def url(waiting: Database) -> Iterator[str]:
    with served(make_app(waiting)) as found:
        yield found


@pytest.mark.slow
def test_20_runners_of_the_client_work_off_what_waits(waiting: Database, url: str) -> None:
    with waiting.writing("test") as tx:
        key = access.issue_key(tx, NewKey(owner="ci", role=Role.RUNNER)).key
    ran = Counter[int]()

    def score(one: PendingEvaluation) -> SuiteResult:
        ran[one.number] += 1
        if one.number % 7 == 0 and ran[one.number] == 1:
            raise RuntimeError("a bad day")
        return SuiteResult(passed=1, failed=0)

    def run(_number: int) -> None:
        with Client(url, key) as client:
            client.evaluations.work("golden", score, until_empty=True)

    _at_once(run)
    with Client(url, key) as client:
        found = list(client.evaluations.pending("golden"))
        failed = [one for one in found if one.state == "waiting"]
        assert {one.number for one in failed} == {n for n in ran if n % 7 == 0}
        assert {one.last_error for one in failed} == {"RuntimeError: a bad day"}
        assert sum(1 for _ in client.evaluations.list(suite="golden")) == 60 - len(failed)
    assert set(ran.values()) == {1}


def _at_once(run: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(RUNNERS) as pool:
        list(pool.map(run, range(RUNNERS)))
