"""Many writers at once: histories stay linear, numbers have no gap, counts stay exact."""

import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Thread
from typing import Literal, TypeVar
from uuid import UUID

import pytest
from psycopg.errors import LockNotAvailable
from sqlalchemy import text

from twinline.access import actions as access
from twinline.bundles import actions as bundles
from twinline.db.session import Database
from twinline.deployments import actions as deployments
from twinline.deployments.rules import Step, undo_stack
from twinline.inferences import actions as inferences
from twinline.language.errors import (
    BundleWithdrawn,
    Conflict,
    DatabaseUnavailable,
    NothingToRollBack,
    Stale,
)
from twinline.language.ids import new_id
from twinline.language.records import (
    Bundle,
    Deployment,
    InferenceBatch,
    LabelChange,
    NewBundle,
    NewDeployment,
    NewInference,
    NewModelVersion,
    NewOutcome,
    NewPromptVersion,
    RetireRequest,
    RollbackRequest,
    Withdrawal,
)
from twinline.language.refs import ModelVersionRef, PromptVersionRef, SlotRef
from twinline.lineage.retirements import retire
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.rollbacks import actions as rollbacks

SLOT = SlotRef("answer", "production")
THREADS = 50
WAITS = 5
"""How often a writer waits in vain for its turn, at most."""

Made = TypeVar("Made")


def test_50_concurrent_deployments_and_rollbacks_leave_one_linear_history(
    database: Database,
) -> None:
    known = _catalog(database, versions=4)
    stop, seen = Event(), list[int]()
    watcher = Thread(target=_watch, args=(database, stop, seen))
    _deploy(database, known[0], 0)
    watcher.start()

    def change(number: int) -> Deployment:
        dice, waited = random.Random(number), 0
        while True:
            with database.reading() as tx:
                live = deployments.live(tx, SLOT).number
            try:
                if number % 2:
                    return _deploy(database, dice.choice(known), live)
                side: Literal["prompt", "model"] = dice.choice(("prompt", "model"))
                return _roll_back(database, side, live)
            except Stale:
                continue
            except DatabaseUnavailable as error:  # who waited too long is asked to try again
                cause, waited = error.__cause__, waited + 1
                if waited > WAITS or not isinstance(getattr(cause, "orig", None), LockNotAvailable):
                    raise
            except NothingToRollBack:
                number = 1  # then deploy

    try:
        made = _at_once(change, THREADS)
    finally:
        stop.set()
        watcher.join()
    with database.reading() as tx:
        history = list(deployments.history(tx, SLOT, cursor=None, limit=500).items)[::-1]
        assert access.verify_log(tx).whole
    assert [one.number for one in history] == list(range(1, THREADS + 2))
    assert sorted(one.number for one in made) == list(range(2, THREADS + 2))
    _each_undoes_what_brought_it_in(history)
    assert seen == sorted(seen)
    assert set(seen) <= {one.number for one in history}


def test_a_prompt_s_versions_made_at_once_have_consecutive_numbers(database: Database) -> None:
    def make(number: int) -> int:
        with database.writing(f"author {number}") as tx:
            new = NewPromptVersion(name="answer", template=f"Text {number % 20}")
            return prompts.create_version(tx, new)[0].number

    numbers = _at_once(make, 40)
    assert sorted(set(numbers)) == list(range(1, 21))
    with database.reading() as tx:
        assert access.verify_log(tx).events == 20


def test_of_20_label_moves_at_once_that_expect_the_same_exactly_one_wins(
    database: Database,
) -> None:
    with database.writing("author") as tx:
        for number in range(1, 22):
            prompts.create_version(tx, NewPromptVersion(name="p", template=f"Text {number}"))
        prompts.move_label(tx, "p", "production", LabelChange(number=21, reason="begin"))

    def move(number: int) -> int | None:
        change = LabelChange(number=number + 1, reason="mine", expected=21)
        try:
            with database.writing(f"author {number}") as tx:
                return prompts.move_label(tx, "p", "production", change).number
        except Stale:
            return None

    (won,) = [number for number in _at_once(move, 20) if number is not None]
    with database.reading() as tx:
        moves = prompts.history(tx, "p", cursor=None, limit=500).items
        assert prompts.read_prompt(tx, "p").labels == {"production": won}
    assert [(one.previous, one.number) for one in moves] == [(21, won), (None, 21)]


def test_the_same_pair_made_at_once_is_one_bundle(database: Database) -> None:
    _catalog(database, versions=1)
    pair = NewBundle(
        model=ModelVersionRef("m", 1), prompt=PromptVersionRef("p", 1), parameters={"t": 1}
    )

    def make(_number: int) -> tuple[Bundle, bool]:
        with database.writing("somebody") as tx:
            return bundles.pair(tx, pair)

    made = _at_once(make, 20)
    assert len({bundle.digest for bundle, _ in made}) == 1
    assert sum(new for _, new in made) == 1


def test_an_idempotency_key_used_at_once_is_claimed_once(database: Database) -> None:
    def use(_number: int) -> bool:
        with database.writing("somebody") as tx:
            earlier = access.claim(tx, "the-key", "the same request")
            if earlier is None:
                access.remember(tx, "the-key", 201, {"made": 1})
            return earlier is None

    assert sum(_at_once(use, 20)) == 1


def test_requests_recorded_by_many_at_once_are_each_counted_once(database: Database) -> None:
    _catalog(database, versions=2)
    ids = [new_id() for _ in range(300)]

    def record(number: int) -> int:
        dice = random.Random(number)
        sent = tuple(_inference(id, number % 2 + 1) for id in dice.sample(ids, 100))
        with database.writing("app") as tx:
            return inferences.record(tx, InferenceBatch(inferences=sent)).recorded

    recorded = _at_once(record, 30)
    with database.reading() as tx:
        facts = tx.value(text("select count(*) from inference"))
    assert sum(recorded) == facts
    _rollups_equal_facts(database)


def test_outcomes_that_arrive_at_once_leave_the_counts_exact(database: Database) -> None:
    _catalog(database, versions=1)
    ids = [new_id() for _ in range(5)]
    with database.writing("app") as tx:
        batch = InferenceBatch(inferences=tuple(_inference(id, 1) for id in ids))
        inferences.record(tx, batch)

    def add(number: int) -> None:
        dice = random.Random(number)
        outcome = NewOutcome(
            id=new_id(), status=dice.choice(("ok", "error")), latency_ms=dice.randint(1, 5000)
        )
        with database.writing("judge") as tx:
            inferences.add_outcome(tx, dice.choice(ids), outcome)

    _at_once(add, 60)
    with database.reading() as tx:
        numbers = tx.rows(
            text("select count(*) as n, max(number) as last from outcome group by inference_id")
        )
        newest = [inferences.read(tx, id).measured for id in ids]
        errors = tx.value(text("select sum(errors) from rollup_day"))
        latencies = tx.value(text("select latency_sum(latencies) from rollup_hour"))
    assert all(row["n"] == row["last"] for row in numbers)
    assert errors == sum(one.status == "error" for one in newest)
    assert sum(latencies) == sum(one.latency_ms is not None for one in newest)


def test_what_is_being_deployed_is_not_retired(database: Database) -> None:
    (bundle, *_) = _catalog(database, 1)
    with ThreadPoolExecutor(1) as other:
        with database.writing("releaser") as tx:
            deployments.deploy(tx, SLOT, NewDeployment(bundle=bundle.ref, reason="because"), 0)
            retired = other.submit(_retire, database, str(bundle.prompt))
            _wait_until_it_waits(database, retired)
        with pytest.raises(Conflict, match="is live in answer@production"):
            retired.result()


def test_what_is_being_retired_is_not_deployed(database: Database) -> None:
    (bundle, *_) = _catalog(database, 1)
    with ThreadPoolExecutor(1) as other:
        with database.writing("author") as tx:
            retire(tx, RetireRequest(node=str(bundle.model), reason="because"))
            deployed = other.submit(_deploy, database, bundle, 0)
            _wait_until_it_waits(database, deployed)
        with pytest.raises(BundleWithdrawn, match="retired since"):
            deployed.result()


def _wait_until_it_waits(database: Database, act: "Future[Made]") -> None:
    waiting = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")
    while not act.done():
        with database.reading() as tx:
            if tx.value(waiting):
                return
        time.sleep(0.01)


def _at_once(act: Callable[[int], Made], count: int) -> list[Made]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(act, range(count)))


def _catalog(database: Database, versions: int) -> list[Bundle]:
    with database.writing("test") as tx:
        for number in range(1, versions + 1):
            prompts.create_version(tx, NewPromptVersion(name="p", template=f"Say {number}"))
            models.register(tx, NewModelVersion(name="m", source_uri=f"x:/{number}"))
        return [
            bundles.pair(
                tx,
                NewBundle(
                    model=ModelVersionRef("m", model),
                    prompt=PromptVersionRef("p", prompt),
                    parameters={},
                ),
            )[0]
            for model in range(1, versions + 1)
            for prompt in range(1, versions + 1)
        ]


def _deploy(database: Database, bundle: Bundle, expected: int) -> Deployment:
    with database.writing("releaser") as tx:
        new = NewDeployment(bundle=bundle.ref, reason="because")
        return deployments.deploy(tx, SLOT, new, expected)


def _retire(database: Database, node: str) -> tuple[Withdrawal, bool]:
    with database.writing("author") as tx:
        return retire(tx, RetireRequest(node=node, reason="because"))


def _roll_back(database: Database, side: Literal["prompt", "model"], live: int) -> Deployment:
    with database.writing("releaser") as tx:
        wanted = RollbackRequest(side=side, reason="because", accept_untested=True)
        return rollbacks.roll_back(tx, SLOT, wanted, live)


def _watch(database: Database, stop: Event, seen: list[int]) -> None:
    """Thousands of looks, each of which sees exactly one live deployment."""
    while not stop.is_set():
        with database.reading() as tx:
            seen.append(deployments.live(tx, SLOT).number)


def _each_undoes_what_brought_it_in(history: list[Deployment]) -> None:
    for place, one in enumerate(history):
        before = history[:place]
        if one.kind == "deploy":
            assert one.undoes is None
            continue
        last = before[-1]
        prompts_before = undo_stack([Step(b.number, b.kind, b.prompt) for b in before])
        models_before = undo_stack([Step(b.number, b.kind, b.model) for b in before])
        changed = prompts_before if one.prompt != last.prompt else models_before
        assert one.undoes == changed[-1].since
        went_back_to = one.prompt if one.prompt != last.prompt else one.model
        assert went_back_to == changed[-2].value
        assert (one.prompt == last.prompt) != (one.model == last.model)


def _inference(id: UUID, version: int) -> NewInference:
    return NewInference(
        id=id, model=f"models:/m/{version}", prompt="prompts:/p/1", latency_ms=5, status="ok"
    )


def _rollups_equal_facts(database: Database) -> None:
    facts = "select bundle_id, count(*) from inference group by 1 order by 1"
    with database.reading() as tx:
        counted = [tuple(row.values()) for row in tx.rows(text(facts))]
        for period in ("hour", "day"):
            rollup = (
                f"select bundle_id, sum(requests)::bigint from rollup_{period}"
                " group by 1 order by 1"
            )
            assert [tuple(row.values()) for row in tx.rows(text(rollup))] == counted
