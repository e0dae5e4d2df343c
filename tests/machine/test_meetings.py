"""Writers that meet: in any order, they wait for each other, and what one sends happens once."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TypeVar

import httpx
import pytest
from sqlalchemy import text

from tests.support.recount import rollups_equal_facts
from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.db.session import Database
from twinline.inferences import actions as inferences
from twinline.language.errors import TwinlineError
from twinline.language.ids import new_id
from twinline.language.records import (
    InferenceBatch,
    NewInference,
    NewKey,
    NewModelVersion,
    NewPromptVersion,
    Role,
    RunFacts,
)
from twinline.language.records.models import DatasetFacts
from twinline.models import actions as models
from twinline.prompts import actions as prompts

WRITERS, ROUNDS, WORDS = 8, 5, 20
SLOT = "answer@production"
Made = TypeVar("Made")


def _unknown(round: int, word: int) -> dict[str, object]:
    return {"model": f"unknown {round} {word}", "prompt": "words"}


def _unseen_pair(round: int, word: int) -> dict[str, object]:
    return {"model": "models:/m/1", "prompt": f"prompts:/p{round}/{word + 1}"}


def _unseen_slot(round: int, word: int) -> dict[str, object]:
    return {**_unseen_pair(0, 0), "slot": f"routes:/r{round}-{word}@e"}


@pytest.mark.parametrize("named", [_unknown, _unseen_pair, _unseen_slot])
def test_batches_that_name_the_same_new_things_in_any_order_do_not_deadlock(
    database: Database, named: Callable[[int, int], dict[str, object]]
) -> None:
    """Deadlocks show as 503, though the database is well."""
    with database.writing("test") as tx:
        models.register(tx, NewModelVersion(name="m", source_uri="x:/y"))
        for round in range(ROUNDS if named is _unseen_pair else 1):
            for number in range(WORDS):
                new = NewPromptVersion(name=f"p{round}", template=f"Say {number}")
                prompts.create_version(tx, new)

    def record(writer: int) -> list[str]:
        failed: list[str] = []
        for round in range(ROUNDS):
            sent = [NewInference.model_validate(named(round, word)) for word in range(WORDS)]
            random.Random(writer).shuffle(sent)
            try:
                with database.writing("app") as tx:
                    inferences.record(tx, InferenceBatch(inferences=tuple(sent)))
            except TwinlineError as error:
                failed.append(error.detail)
        return failed

    assert list(chain.from_iterable(_at_once(record, WRITERS))) == []
    assert rollups_equal_facts(database) == WRITERS * ROUNDS * WORDS


def test_runs_that_used_the_same_new_datasets_in_any_order_do_not_deadlock(
    database: Database,
) -> None:
    def register(writer: int) -> list[str]:
        failed: list[str] = []
        for round in range(ROUNDS):
            used = [DatasetFacts(name=f"d{round}", digest=str(word)) for word in range(WORDS)]
            random.Random(writer).shuffle(used)
            run = RunFacts(id=f"r{writer}-{round}", datasets=tuple(used))
            new = NewModelVersion(name=f"m{writer}", source_uri=f"x:/{round}", run=run)
            try:
                with database.writing("author") as tx:
                    models.register(tx, new)
            except TwinlineError as error:
                failed.append(error.detail)
        return failed

    assert list(chain.from_iterable(_at_once(register, WRITERS))) == []


def test_a_request_sent_20_times_at_once_with_one_idempotency_key_happens_once(
    database: Database,
) -> None:
    with served(make_app(database)) as url:
        key = _key(database)

        def send(_number: int) -> httpx.Response:
            headers = {"X-API-Key": key, "Idempotency-Key": "one"}
            new = {"id": "r", "datasets": [{"name": "d", "digest": "1"}]}
            body = {"name": "m", "source_uri": "x:/y", "run": new}
            return httpx.post(f"{url}/api/v1/models", json=body, headers=headers, timeout=30)

        answers = _at_once(send, 20)
    assert {answer.status_code for answer in answers} == {201}
    assert len({str(sorted(answer.json().items())) for answer in answers}) == 1
    replayed = [answer.headers.get("idempotent-replayed") for answer in answers]
    assert sorted(replayed, key=str) == [None] + ["true"] * 19
    with database.reading() as tx:
        actions = [event.action for event in access.audit_log(tx, before=None, limit=9).items]
    assert actions == ["model.register", "key.issue"]


def test_a_key_that_fails_while_others_wait_for_it_lets_the_next_one_try(
    database: Database,
) -> None:
    with served(make_app(database)) as url:
        headers = {"X-API-Key": _key(database), "Idempotency-Key": "one"}
        body = {"model": "models:/m/1", "prompt": "prompts:/p/1"}

        def send(_number: int) -> int:
            answer = httpx.post(f"{url}/api/v1/bundles", json=body, headers=headers, timeout=30)
            return answer.status_code

        assert set(_at_once(send, 10)) == {404}
        with database.writing("test") as tx:
            models.register(tx, NewModelVersion(name="m", source_uri="x:/y"))
            prompts.create_version(tx, NewPromptVersion(name="p", template="x"))
        assert set(_at_once(send, 10)) == {201}


def test_the_first_key_is_made_once_however_many_start_at_once(database: Database) -> None:
    def start(_number: int) -> bool:
        with database.writing("start") as tx:
            return access.issue_first_key(tx) is not None

    assert sum(_at_once(start, 10)) == 1


def test_a_request_resolved_at_once_under_one_id_is_counted_once(database: Database) -> None:
    with (
        served(make_app(database)) as url,
        httpx.Client(
            base_url=f"{url}/api/v1", headers={"X-API-Key": _key(database)}, timeout=30
        ) as http,
    ):
        _deploy_something(http)
        route, environment = SLOT.split("@")
        body = {"route": route, "environment": environment, "inference_id": str(new_id())}
        answers = _at_once(lambda _: http.post("/resolve", json=body), 20)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert rollups_equal_facts(database) == 1


def test_a_request_with_shadows_resolved_at_once_under_one_id_casts_them_once(
    database: Database,
) -> None:
    with (
        served(make_app(database)) as url,
        httpx.Client(
            base_url=f"{url}/api/v1", headers={"X-API-Key": _key(database)}, timeout=30
        ) as http,
    ):
        bundle = _deploy_something(http)
        document = {
            "schema": "routing-policy/1",
            "unit": {"by": ["user"]},
            "default": {"bundle": bundle},
            "shadow": [{"bundle": bundle, "sample": 100_000}],
        }
        new = {"policy": document, "reason": "because"}
        path, seen = f"/slots/{SLOT}/deployments", {"If-Match": "1"}
        http.post(path, json=new, headers=seen).raise_for_status()
        route, environment = SLOT.split("@")
        for number in range(1, 6):
            body = {
                "route": route, "environment": environment, "context": {"user": "ana"},
                "inference_id": str(new_id()),
            }  # fmt: skip
            answers = _at_once(lambda _, body=body: http.post("/resolve", json=body), 20)
            assert {answer.status_code for answer in answers} == {200}
            assert len({answer.text for answer in answers}) == 1
            assert rollups_equal_facts(database) == 2 * number


def test_a_switch_that_is_thrown_and_lifted_by_many_at_once_is_one(database: Database) -> None:
    with (
        served(make_app(database)) as url,
        httpx.Client(
            base_url=f"{url}/api/v1", headers={"X-API-Key": _key(database)}, timeout=30
        ) as http,
    ):
        _deploy_something(http)
        why = {"reason": "because"}
        for path in (f"/slots/{SLOT}/kill", "/kills/everything"):
            thrown = _at_once(lambda _, path=path: http.post(path, json=why), 20)
            assert sorted(answer.status_code for answer in thrown) == [200] * 19 + [201]
            (number,) = {answer.json()["number"] for answer in thrown}
            lift = f"/kills/{number}/lift"
            lifted = _at_once(lambda _, path=lift: http.post(path, json=why), 20)
            assert sorted(answer.status_code for answer in lifted) == [200] + [409] * 19
    with database.reading() as tx:
        actions = [event.action for event in access.audit_log(tx, before=None, limit=4).items]
    assert actions == ["kill.lift", "kill.throw"] * 2


def test_all_verbs_at_once_answer_without_a_server_error_and_leave_all_whole(
    database: Database,
) -> None:
    with (
        served(make_app(database)) as url,
        httpx.Client(
            base_url=f"{url}/api/v1", headers={"X-API-Key": _key(database)}, timeout=30
        ) as http,
    ):
        _deploy_something(http)
        statuses = list(chain.from_iterable(_at_once(lambda writer: _live_a_day(http, writer), 16)))
    assert {status for status in statuses if status >= 500} == set()
    assert {200, 201, 412} <= set(statuses)
    assert rollups_equal_facts(database) > 0
    with database.reading() as tx:
        assert access.verify_log(tx).whole
        gaps = tx.value(
            text("select count(*) from prompt_version group by prompt_id having count(*) "
                 "<> max(number)")
        )  # fmt: skip
    assert gaps is None


def _live_a_day(http: httpx.Client, writer: int) -> list[int]:
    dice = random.Random(writer)
    statuses: list[int] = []
    for step in range(12):
        prompt = dice.randint(1, 3)
        pair = {"model": "models:/m/1", "prompt": f"prompts:/p/{prompt}"}
        live = http.get(f"/slots/{SLOT}").headers["etag"]
        seen = {"If-Match": live}
        back = {"side": "prompt", "reason": "worse", "accept_untested": True}
        one = {**pair, "slot": f"routes:/{SLOT}", "latency_ms": dice.randint(1, 900)}
        digest = http.post("/bundles", json=pair).json()["ref"]
        new = {"bundle": digest, "reason": "better"}
        acts: list[Callable[[], httpx.Response]] = [
            lambda step=step: http.post(
                "/prompts", json={"name": "p", "template": f"{writer} {step}"}
            ),
            lambda seen=seen, new=new: http.post(
                f"/slots/{SLOT}/deployments", json=new, headers=seen
            ),
            lambda seen=seen, back=back: http.post(
                f"/slots/{SLOT}/rollback", json=back, headers=seen
            ),
            lambda one=one: http.post("/inferences", json={"inferences": [one] * 5}),
            lambda: http.post(
                "/resolve", json=dict(zip(("route", "environment"), SLOT.split("@"), strict=True))
            ),
            lambda: http.get("/impact", params={"node": "models:/m/1"}),
        ]
        statuses.append(dice.choice(acts)().status_code)
    return statuses


def _deploy_something(http: httpx.Client) -> str:
    http.post("/models", json={"name": "m", "source_uri": "x:/y"}).raise_for_status()
    for number in range(3):
        body = {"name": "p", "template": f"Say {number}"}
        http.post("/prompts", json=body).raise_for_status()
    pair = {"model": "models:/m/1", "prompt": "prompts:/p/1"}
    bundle = http.post("/bundles", json=pair).raise_for_status().json()["ref"]
    path, seen = f"/slots/{SLOT}/deployments", {"If-Match": "0"}
    new = {"bundle": bundle, "reason": "because"}
    http.post(path, json=new, headers=seen).raise_for_status()
    return bundle


def _key(database: Database) -> str:
    with database.writing("test") as tx:
        return access.issue_key(tx, NewKey(owner="admin", role=Role.ADMIN)).key


def _at_once(act: Callable[[int], Made], count: int) -> list[Made]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(act, range(count)))
