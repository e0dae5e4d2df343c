"""Recalls of what is live in many slots: all or nothing, one after the other, and a report
that says the same for ever."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from twinline.access import actions as access
from twinline.bundles import actions as bundles
from twinline.db.session import Database
from twinline.deployments import actions as deployments
from twinline.inferences import actions as inferences
from twinline.language.errors import Stale
from twinline.language.ids import new_id
from twinline.language.records import (
    Bundle,
    DatasetFacts,
    ExecuteRecall,
    InferenceBatch,
    NewBundle,
    NewDeployment,
    NewInference,
    NewModelVersion,
    NewOutcome,
    NewPromptVersion,
    NewRecall,
    RecallDetails,
    RunFacts,
)
from twinline.language.refs import ModelVersionRef, PromptVersionRef, SlotRef
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.recalls import actions as recalls
from twinline.recalls import executing

SLOTS = [
    SlotRef(f"route-{number:02}", environment)
    for number in range(40)
    for environment in [("dev", "staging", "production")[number % 3]]
]
BAD = "datasets:/tickets/2"


@pytest.fixture
def everywhere(database: Database) -> Database:
    """Forty slots in three environments that went from model 1 to model 2, and from one of
    five prompts to the one before; model N was trained from dataset tickets/N."""
    made = _catalog(database)
    with database.writing("releaser") as tx:
        for place, slot in enumerate(SLOTS):
            for model, prompt in ((1, (place + 1) % 5 + 1), (2, place % 5 + 1)):
                new = NewDeployment(bundle=made[model, prompt].ref, reason="because")
                deployments.deploy(tx, slot, new, model - 1)
    return database


def test_a_dataset_is_taken_out_of_forty_slots_in_one_transaction(everywhere: Database) -> None:
    number = _recall(everywhere).number
    with everywhere.reading() as tx:
        before = _transactions(tx)
    made = _execute(everywhere, number)
    with everywhere.reading() as tx:
        live = [deployments.live(tx, slot) for slot in SLOTS]
        after = _transactions(tx)
        assert access.verify_log(tx).whole
    assert {(one.number, one.kind, one.undoes, one.model.number) for one in live} == {
        (3, "recall", 2, 1)
    }
    assert [one.prompt.number for one in live] == [place % 5 + 1 for place in range(40)]
    assert len(after - before) == 1
    assert made.still_live == ()
    assert [one.did for one in made.execution[0].slots] == ["changed"] * 40


def test_a_failure_in_the_middle_leaves_nothing_changed(
    everywhere: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = _recall(everywhere).number
    before = _state(everywhere)
    append, calls = deployments.append, iter(range(1, 41))

    def fails_at_20(*given: Any, **more: Any) -> Any:
        if next(calls) == 20:
            raise RuntimeError("the disk is full")
        return append(*given, **more)

    monkeypatch.setattr(deployments, "append", fails_at_20)
    with pytest.raises(RuntimeError, match="disk is full"):
        _execute(everywhere, number)
    assert next(calls) == 21
    assert _state(everywhere) == before
    monkeypatch.undo()
    assert _execute(everywhere, number).still_live == ()


@pytest.mark.parametrize("other", ["prompts:/p/1", "models:/m/2"], ids=["part", "all"])
def test_two_recalls_at_once_neither_deadlock_nor_overlap(everywhere: Database, other: str) -> None:
    """Both reach the same slots: whoever comes second finds another plan and looks again."""
    numbers = [_recall(everywhere).number, _recall(everywhere, other).number]
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda number: _execute_until_done(everywhere, number), numbers))
    assert all(one.still_live == () for one in made)
    with everywhere.reading() as tx:
        for slot in SLOTS:
            history = deployments.history(tx, slot, cursor=None, limit=10).items
            assert [one.number for one in history] == list(range(len(history), 0, -1))
            assert history[0].model.number == 1
            assert len(history) <= 4
        for number in numbers:
            assert recalls.read(tx, number).still_live == ()
        assert access.verify_log(tx).whole


def test_recalls_of_different_slots_that_need_the_same_new_pairs_do_not_deadlock(
    database: Database,
) -> None:
    """Models 3 and 4 both give way to model 1, whose pairs with prompts 2 to 5 are new; the
    slots of one come upon them in the other order."""
    with database.writing("test") as tx:
        _register(tx)
        halves = {data: SLOTS[data % 2 :: 2] for data in (3, 4)}
        for model, slots in halves.items():
            for place, slot in enumerate(slots if model == 3 else slots[::-1]):
                for at, pair in enumerate(((1, 1), (model, place % 4 + 2))):
                    new = NewDeployment(bundle=_pair(tx, *pair).ref, reason="because")
                    deployments.deploy(tx, slot, new, at)
    numbers = [_recall(database, f"datasets:/tickets/{data}").number for data in (3, 4)]
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda number: _execute(database, number), numbers))
    assert [one.still_live for one in made] == [(), ()]
    assert [len(one.execution[0].slots) for one in made] == [20, 20]
    with database.reading() as tx:
        known = {
            (one.model, one.prompt) for one in bundles.list_bundles(tx, cursor=None, limit=99).items
        }
    assert {
        (ModelVersionRef("m", 1), PromptVersionRef("p", number)) for number in range(1, 6)
    } <= known


def test_what_was_under_way_when_it_was_recalled_is_found_and_taken_out_afterwards(
    everywhere: Database,
) -> None:
    late, deployed, executed = SlotRef("late", "production"), Event(), Event()

    def deploy() -> None:
        with everywhere.writing("releaser") as tx:
            for number, model in enumerate((1, 2)):
                new = NewDeployment(bundle=_pair(tx, model, 1).ref, reason="because")
                deployments.deploy(tx, late, new, number)
            deployed.set()
            assert executed.wait(30)

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(deploy)
        assert deployed.wait(30)
        try:
            number = _recall(everywhere).number
            assert _execute(everywhere, number).still_live == ()
        finally:
            executed.set()
        slow.result()
    with everywhere.reading() as tx:
        assert [use.slot for use in recalls.read(tx, number).still_live] == [late]
    made = _execute(everywhere, number)
    assert [len(one.slots) for one in made.execution] == [40, 1]
    assert made.still_live == ()


def test_a_report_is_the_same_whatever_arrives_later(everywhere: Database) -> None:
    """Also when it is older than the recall, and when it was under way meanwhile."""
    first = _serve(everywhere, 2, 5, status="error", cost_usd=0.1, decision="d")
    under_way, recalled = Event(), Event()

    def slowly() -> None:
        with everywhere.writing("service") as tx:
            _record(tx, 2, 3)
            under_way.set()
            assert recalled.wait(20)

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(slowly)
        assert under_way.wait(20)
        made = _recall(everywhere)
        recalled.set()
        slow.result()
    assert (made.report.requests, made.report.errors, made.report.cost_usd) == (5, 5, 0.5)
    _serve(everywhere, 2, 4, days_ago=2)
    _serve(everywhere, 2, 2)
    with everywhere.writing("service") as tx:
        for id in first:
            inferences.add_outcome(tx, id, NewOutcome(status="ok", cost_usd=9, score=1))
    _execute(everywhere, made.number)
    with everywhere.reading() as tx:
        verdict = recalls.verify(tx, made.number)
    assert verdict.same, verdict
    assert verdict.recomputed == made.report_digest
    assert verdict.arrived_later == 3 + 4 + 2


CHANGES = {
    "a total": "jsonb_set(report, '{requests}', '4')",
    "a count": "jsonb_set(report, '{counts,0,requests}', '4')",
    "the node": "jsonb_set(report, '{node}', '\"datasets:/tickets/1\"')",
    "the mark": "jsonb_set(report, '{mark,none_from}', '1')",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_report_cannot_be_changed_and_whoever_does_is_noticed(
    everywhere: Database, change: str
) -> None:
    _serve(everywhere, 2, 5)
    number = _recall(everywhere).number
    for tampering in (f"update recall set report = {change}", "delete from recall"):
        with (
            pytest.raises(IntegrityError, match="kept as they are"),
            everywhere.writing("somebody") as tx,
        ):
            tx.run(text(tampering))
    with everywhere.writing("somebody") as tx:
        tx.run(text("alter table recall disable trigger keep_report"))
        tx.run(text(f"update recall set report = {change}"))
    with everywhere.reading() as tx:
        assert not recalls.verify(tx, number).same


def _catalog(database: Database) -> dict[tuple[int, int], Bundle]:
    with database.writing("test") as tx:
        _register(tx)
        return {(m, p): _pair(tx, m, p) for m in (1, 2) for p in range(1, 6)}


def _register(tx: Any) -> None:
    """Five prompts; and model N, which was trained from dataset tickets/N."""
    for number in range(1, 6):
        prompts.create_version(tx, NewPromptVersion(name="p", template=f"Say {number}"))
    for number in range(1, 5):
        dataset = DatasetFacts(name="tickets", digest=str(number), profile={})
        run = RunFacts(id=f"run-{number}", name="training", datasets=(dataset,))
        new = NewModelVersion(name="m", source_uri=f"runs:/run-{number}/m", run=run)
        models.register(tx, new)


def _pair(tx: Any, model: int, prompt: int) -> Bundle:
    pair = NewBundle(
        model=ModelVersionRef("m", model), prompt=PromptVersionRef("p", prompt), parameters={}
    )
    return bundles.pair(tx, pair)[0]


def _recall(database: Database, node: str = BAD) -> RecallDetails:
    with database.writing("releaser") as tx:
        return recalls.recall(tx, NewRecall(node=node, reason="it leaks"))[0]


def _execute(database: Database, number: int) -> RecallDetails:
    with database.reading() as tx:
        plan = recalls.plan(tx, number)
    wanted = ExecuteRecall(reason="as agreed", plan=plan.digest, accept_untested=True)
    with database.writing("releaser") as tx:
        return executing.execute(tx, number, wanted)


def _execute_until_done(database: Database, number: int) -> RecallDetails:
    while True:
        with database.reading() as tx:
            found = recalls.read(tx, number)
        if not found.still_live:
            return found
        try:
            return _execute(database, number)
        except Stale:
            continue


def _serve(
    database: Database, model: int, count: int, *, days_ago: int = 0, **measures: Any
) -> list[Any]:
    with database.writing("service") as tx:
        return _record(tx, model, count, days_ago=days_ago, **measures)


def _record(tx: Any, model: int, count: int, *, days_ago: int = 0, **measures: Any) -> list[Any]:
    at = datetime.now(UTC) - timedelta(days=days_ago)
    sent = [
        NewInference(id=new_id(at), model=f"models:/m/{model}", prompt="prompts:/p/1", **measures)
        for _ in range(count)
    ]
    return [one.id for one in inferences.record(tx, InferenceBatch(inferences=sent)).items]


def _transactions(tx: Any) -> set[str]:
    return set(tx.values(text("select distinct xmin::text from deployment")))


def _state(database: Database) -> dict[str, list[str]]:
    queries = ("deployment", "bundle", "node", "edge", "audit_event", "recall", "environment")
    with database.reading() as tx:
        return {
            name: tx.values(text(f"select row(t.*)::text from {name} t order by 1"))
            for name in queries
        }
