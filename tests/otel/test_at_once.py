"""Exports beside each other, and beside everything else that counts: nobody waits for them."""

import json
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.support import traces
from tests.support.recount import rollups_equal_facts
from tests.support.traces import CHAT, span
from twinline.db.session import Database
from twinline.inferences import actions as inferences
from twinline.language.ids import new_id
from twinline.language.records import InferenceBatch, NewInference
from twinline.otel import actions, wire
from twinline.otel.actions import Taken

_WAITING = text("select count(*) from pg_locks where not granted and locktype = 'advisory'")


@pytest.fixture
def exporters() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def test_what_is_recorded_meanwhile_does_not_wait_for_an_export(
    database: Database, exporters: ThreadPoolExecutor
) -> None:
    first, second = _recorded(database, "m", "m")
    with _locked(database, second):
        export = exporters.submit(_export, database, first, second)
        _wait_for(database, 1)
        _record_at_once(database, "m")
    assert export.result().counts["outcome"] == 2
    assert rollups_equal_facts(database) == 3


def test_exports_that_count_in_the_same_places_are_in_no_deadlock(
    database: Database, exporters: ThreadPoolExecutor
) -> None:
    """One changes the counts of model a and then b, the other those of b and then a."""
    a, b, later_a, later_b = _recorded(database, "a", "b", "a", "b")
    with _locked(database, later_a), _locked(database, later_b):
        exports = [exporters.submit(_export, database, a, later_b)]
        exports.append(exporters.submit(_export, database, b, later_a))
        _wait_for(database, 2)
    assert [export.result().counts["outcome"] for export in exports] == [2, 2]
    assert rollups_equal_facts(database) == 4


def test_what_waited_is_settled_in_the_same_order(
    database: Database, exporters: ThreadPoolExecutor
) -> None:
    first, second = sorted((new_id(), new_id()))
    assert _export(database, first, second).counts["waiting"] == 2
    _record(database, {first: "m", second: "m"})
    with _locked(database, second):
        export = exporters.submit(_export, database)
        _wait_for(database, 1)
        _record_at_once(database, "m")
    export.result()
    with database.reading() as tx:
        kept = inferences.read_all(tx, [first, second])
    assert [one.measured.output_tokens for one in kept] == [7, 7]
    assert rollups_equal_facts(database) == 3


def test_a_large_export_is_taken_in_parts(database: Database) -> None:
    """Two calls may be about the same inference, in different parts."""
    ids = _recorded(database, *["m"] * (actions.TOGETHER + 20))
    spans = [*_about(*ids), *_about(ids[0], ids[-1])]
    calls = [span(CHAT) for _ in range(actions.TOGETHER + 1)]
    assert _take(database, spans + calls).counts["outcome"] == len(spans)
    assert _take(database, spans + calls).counts["duplicate"] == len(spans) + len(calls)
    assert rollups_equal_facts(database) == len(ids) + len(calls)


def _recorded(database: Database, *models: str) -> list[UUID]:
    """Inferences of these models, in the order of their ids."""
    ids = sorted(new_id() for _ in models)
    _record(database, dict(zip(ids, models, strict=True)))
    return ids


def _record(database: Database, models: dict[UUID, str]) -> None:
    sent = tuple(NewInference(id=id, model=model) for id, model in models.items())
    with database.writing("app") as tx:
        inferences.record(tx, InferenceBatch(inferences=sent))


def _record_at_once(database: Database, model: str) -> None:
    """Record another, or fail where that would have to wait."""
    sent = (NewInference(id=new_id(), model=model),)
    with database.writing("app") as tx:
        tx.run(text("set local lock_timeout = '100ms'"))
        inferences.record(tx, InferenceBatch(inferences=sent))


def _export(database: Database, *about: UUID) -> Taken:
    return _take(database, _about(*about))


def _about(*inferences: UUID) -> list[traces.Sent]:
    usage = {"gen_ai.usage.output_tokens": 7}
    return [span({**CHAT, **usage, "twinline.inference_id": str(id)}) for id in inferences]


def _take(database: Database, spans: list[traces.Sent]) -> Taken:
    sent = wire.spans(json.dumps(traces.request(spans)).encode(), wire.JSON)
    return actions.take(lambda: database.writing("exporter"), sent)


@contextmanager
def _locked(database: Database, id: UUID) -> Generator[None]:
    """Somebody else is adding an outcome to an inference until the block ends."""
    with database.writing("judge") as tx:
        tx.run(text("select pg_advisory_xact_lock(hashtextextended(:id, 7))"), {"id": str(id)})
        yield


def _wait_for(database: Database, exports: int) -> None:
    """Return when so many exports wait for an inference that is locked."""
    for _ in range(500):
        with database.reading() as tx:
            if tx.value(_WAITING) == exports:
                return
        time.sleep(0.01)
    raise AssertionError("no export waits")
