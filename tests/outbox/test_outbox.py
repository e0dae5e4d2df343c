"""The outbox: sequences without a gap in the order of commits, and one sender at a time."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from tests.outbox.conftest import DatabaseUrl
from twinline.mlflow.outbox import Outbox

CHANGE: dict[str, Any] = {"entity": "model_version", "key": {"name": "churn"}}


@pytest.fixture
def engine(outbox: Outbox) -> Iterator[Engine]:
    """MLflow's, to write with."""
    made = create_engine(outbox._engine.url, pool_size=20)
    yield made
    made.dispose()


def add(engine: Engine, outbox: Outbox, count: int = 1, at: int = 0) -> None:
    with engine.begin() as connection:
        outbox.append(connection, at, [CHANGE] * count)


def held(outbox: Outbox, after: int = 0) -> list[int]:
    found = outbox.after(after, rows_max=100_000, bytes_max=1 << 30)
    return [one.sequence for one in found]


def test_a_later_commit_waits_for_an_earlier_one_to_be_seen(outbox: Outbox, engine: Engine) -> None:
    entered = threading.Event()

    def second() -> None:
        with engine.begin() as connection:
            entered.set()
            outbox.append(connection, 0, [CHANGE] * 2)

    with engine.begin() as first:
        outbox.append(first, 0, [CHANGE])
        other = threading.Thread(target=second)
        other.start()
        entered.wait()
        other.join(0.3)
        assert other.is_alive()
        assert (held(outbox), outbox.position().last) == ([], 0)
    other.join()
    assert (held(outbox), outbox.position().last) == ([1, 2, 3], 3)


def test_what_is_rolled_back_leaves_no_gap(outbox: Outbox, engine: Engine) -> None:
    add(engine, outbox)
    with engine.connect() as connection:
        outbox.append(connection, 0, [CHANGE] * 3)
        connection.rollback()
    add(engine, outbox)
    assert held(outbox) == [1, 2]


def test_many_who_write_at_once_leave_no_gap_and_no_reader_sees_one(
    outbox: Outbox, engine: Engine
) -> None:
    done = threading.Event()

    def write(count: int) -> None:
        for _ in range(10):
            add(engine, outbox, count)

    def read() -> list[int]:
        seen: list[int] = []
        while not done.is_set() or len(seen) < outbox.position().last:
            seen += held(outbox, seen[-1] if seen else 0)
        return seen

    with ThreadPoolExecutor(7) as threads:
        reader = threads.submit(read)
        for writer in [threads.submit(write, count) for count in (1, 2, 3, 1, 2, 3)]:
            writer.result()
        done.set()
        assert reader.result() == [*range(1, 121)]


def test_one_of_many_may_send(outbox: Outbox) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda _: outbox.claim(60_000), range(8))) == 1
    outbox.release()
    assert outbox.claim(0)
    assert outbox.claim(60_000)
    assert not outbox.claim(60_000)


def test_after_a_failure_nobody_tries_for_a_while(outbox: Outbox) -> None:
    outbox.put_off(3, 60_000)
    position = outbox.position()
    assert position.failures == 3
    assert 50_000 < position.wait_ms <= 60_000
    assert not outbox.claim(1)
    outbox.settle(0, 60_000)
    assert (outbox.position().failures, outbox.claim(1)) == (0, False)
    outbox.release()
    assert outbox.claim(1)


def test_a_batch_ends_at_its_size_but_holds_at_least_one(outbox: Outbox, engine: Engine) -> None:
    add(engine, outbox, 10)
    assert len(outbox.after(0, rows_max=4, bytes_max=1 << 20)) == 4
    size = len(outbox.after(0, rows_max=1, bytes_max=1)[0].content)
    assert len(outbox.after(0, rows_max=10, bytes_max=3 * size)) == 3
    assert outbox.after(10, rows_max=10, bytes_max=1) == []


def test_what_was_told_is_kept_for_a_while_and_what_waits_up_to_a_bound(
    outbox: Outbox, engine: Engine
) -> None:
    with engine.connect() as connection:
        now = connection.scalar(text(f"select {outbox._now}"))
    add(engine, outbox, 2, at=now - 10_000)
    add(engine, outbox, 8, at=now)
    outbox.settle(4, 0)
    assert outbox.trim(keep_ms=5_000, waiting_max=6) == 0
    assert held(outbox) == [*range(3, 11)]
    assert outbox.trim(keep_ms=5_000, waiting_max=4) == 2
    assert held(outbox) == [3, 4, 7, 8, 9, 10]


def test_a_new_beginning_forgets_what_was_told_before(outbox: Outbox, engine: Engine) -> None:
    add(engine, outbox, 3)
    old = outbox.position().outbox
    assert outbox.begin_anew(2) == outbox.position().outbox != old
    assert (held(outbox), outbox.position().delivered) == ([3], 2)


def test_many_may_make_it_at_once(mlflow_url: DatabaseUrl) -> None:
    outboxes = [Outbox(url) for url in [mlflow_url()] * 6]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(Outbox.make, outboxes))
    assert len({one.position().outbox for one in outboxes}) == 1
    for one in outboxes:
        one.close()
