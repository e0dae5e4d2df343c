"""Streams of requests: bounded in bytes and in time, whatever was kept."""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pyarrow
import pytest
from sqlalchemy import text

from twinline.bundles import actions as bundles
from twinline.db.session import Database, Reading
from twinline.inferences import actions as inferences
from twinline.inferences import streams
from twinline.inferences.selections import Scope
from twinline.inferences.streams import NARROW, NARROWEST, Window
from twinline.language.errors import DatabaseUnavailable
from twinline.language.ids import AFTER_ALL, BEFORE_ALL, first_id, made_at, new_id
from twinline.language.records import (
    InferenceBatch,
    NewBundle,
    NewInference,
    NewModelVersion,
    NewPromptVersion,
    RequestFilter,
)
from twinline.models import actions as models
from twinline.prompts import actions as prompts

OpenReading = Callable[[], AbstractContextManager[Reading]]
NOW = datetime.now(UTC).replace(microsecond=0)
ALL = RequestFilter()


class Ledger:
    """The requests of a bundle of the test's own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.writing("test") as tx:
            name = uuid4().hex
            model, _ = models.register(tx, NewModelVersion(name=name, source_uri="openai:/m"))
            new = NewPromptVersion(name=name, template="Say it")
            prompt, _ = prompts.create_version(tx, new)
            self.bundle = bundles.pair(tx, NewBundle(model=model.ref, prompt=prompt.ref))[0].ref
            node = text("select id from node where ref = :ref")
            self.scope = Scope((tx.value(node, {"ref": str(self.bundle)}),))

    def record(self, ages: list[timedelta], context: Callable[[int], Any]) -> list[UUID]:
        """Record a request for each age; their ids, the newest first."""
        made = tuple(
            NewInference(
                id=new_id(NOW - age),
                bundle=str(self.bundle),
                context={"said": context(number)},
                keep_context=True,
            )
            for number, age in enumerate(ages)
        )
        with self.database.writing("test") as tx:
            inferences.record(tx, InferenceBatch(inferences=made))
        return sorted((one.id for one in made if one.id), reverse=True)

    def pieces(self, reading: OpenReading | None = None) -> Iterator[bytes]:
        return streams.arrow(reading or self.database.reading, lambda _: self.scope, ALL)


@pytest.fixture
def ledger(lasting_database: Database) -> Ledger:
    return Ledger(lasting_database)


def rows_of(pieces: Iterator[bytes]) -> list[list[dict[str, Any]]]:
    """The rows of a whole stream, batch by batch."""
    whole = b"".join(pieces)
    assert whole.endswith(b"\xff\xff\xff\xff\x00\x00\x00\x00")
    return [batch.to_pylist() for batch in pyarrow.ipc.open_stream(whole)]


def ids_of(batches: list[list[dict[str, Any]]]) -> list[UUID]:
    return [UUID(row["id"]) for batch in batches for row in batch]


@pytest.mark.parametrize(("most", "together"), [(1, 1), (9_000, 3)])
def test_a_stretch_is_bounded_in_bytes(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, most: int, together: int
) -> None:
    """Also where all are of one millisecond, where the window cannot be narrower."""
    monkeypatch.setattr(streams, "BYTES_MAX", most)
    ages = [timedelta(0)] * 12 + [timedelta(seconds=age) for age in range(12)]
    sent = ledger.record(ages, lambda number: f'"{number}",\n' * (4_000 if number == 5 else 300))
    batches = [batch for batch in rows_of(ledger.pieces()) if batch]
    assert ids_of(batches) == sent
    texts = [row["context"] for batch in batches for row in batch]
    assert sum(len(text) > 30_000 for text in texts) == 1, "a request larger than a stretch goes"
    for batch in batches:
        assert len(batch) == 1 or sum(len(row["context"]) for row in batch[:-1]) <= most
    assert max(map(len, batches)) == together


def test_what_is_wrong_with_the_database_is_said_before_the_first_piece(ledger: Ledger) -> None:
    broken = Broken(ledger.database, after=1, times=1)
    with pytest.raises(DatabaseUnavailable, match="busy"):
        ledger.pieces(broken.reading)


def test_a_stream_that_has_begun_waits_for_a_busy_database(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PAUSES_SECONDS", (0.0, 0.0))
    sent = ledger.record([timedelta(minutes=age) for age in range(5)], str)
    assert ids_of(rows_of(ledger.pieces(Broken(ledger.database, 2, times=2).reading))) == sent
    with pytest.raises(DatabaseUnavailable, match="busy"):
        rows_of(ledger.pieces(Broken(ledger.database, 2, times=3).reading))


def test_a_window_without_requests_is_no_silence(ledger: Ledger) -> None:
    """The first piece comes before the first request is found, and one for each window."""
    sent = ledger.record([timedelta(days=3)], str)
    pieces = list(ledger.pieces())
    batches = rows_of(iter(pieces))
    assert len(pieces) == len(batches) + 1, "the end is a piece of its own"
    assert len(batches) > 3
    assert not batches[0]
    assert ids_of(batches) == sent


def test_windows_that_take_longer_than_a_statement_may_become_narrower(ledger: Ledger) -> None:
    """PostgreSQL cancels some statements, and nothing is missing."""
    sent = ledger.record([timedelta(minutes=age) for age in range(5)], str)
    slow = Slow(ledger.database, times=3)
    assert ids_of(rows_of(ledger.pieces(slow.reading))) == sent
    assert slow.times == 0


def test_a_millisecond_that_takes_too_long_is_given_up(ledger: Ledger) -> None:
    slow = Slow(ledger.database, times=20)
    with pytest.raises(DatabaseUnavailable, match="one millisecond in time"):
        rows_of(ledger.pieces(slow.reading))
    assert slow.times == 20 - 7, "from a minute to a millisecond by eighths, and once there"


class Broken:
    """A database that has no connection left after so many readings, so many times."""

    def __init__(self, database: Database, after: int, times: int) -> None:
        self._database = database
        self._after = after
        self.times = times

    def reading(self) -> AbstractContextManager[Reading]:
        if self._after or not self.times:
            self._after = max(self._after - 1, 0)
            return self._database.reading()
        self.times -= 1
        raise DatabaseUnavailable("All database connections are busy.")


class Slow:
    """A database where looking for requests takes too long, so many times."""

    def __init__(self, database: Database, times: int) -> None:
        self._database = database
        self._begun = False
        self.times = times

    @contextmanager
    def reading(self) -> Generator[Reading]:
        if not self._begun or not self.times:  # first it is asked where to look
            self._begun = True
            with self._database.reading() as tx:
                yield tx
            return
        self.times -= 1
        with self._database.engine.connect() as other, other.begin():
            other.execute(text("lock table slot in access exclusive mode"))
            with self._database.reading() as tx:
                tx.value(text("select set_config('statement_timeout', '20ms', true)"))
                yield tx


def test_a_window_learns_how_wide_it_should_be() -> None:
    window = Window(timedelta(minutes=10))
    end = first_id(NOW - timedelta(days=3))
    assert made_at(window.before(end, BEFORE_ALL)) == made_at(end) - timedelta(minutes=10)
    assert window.before(end, end) == end
    assert made_at(window.before(AFTER_ALL, BEFORE_ALL)) < datetime.now(UTC)


@pytest.mark.parametrize(
    ("held", "width"),
    [
        ((2 * streams.STRETCH, 0, 0.0), timedelta(minutes=5)),
        ((1, 4 * streams.BYTES, 0.0), timedelta(minutes=2, seconds=30)),
        ((0, 0, 5 * streams.SECONDS), timedelta(minutes=2)),
        ((0, 0, 1000.0), NARROW),
        ((streams.STRETCH, streams.BYTES, streams.SECONDS), timedelta(minutes=10)),
        ((0, 0, streams.SECONDS / 4), timedelta(minutes=40)),
        ((0, 0, 0.0), timedelta(minutes=80)),
    ],
)
def test_a_window_follows_what_was_in_it_and_what_it_took(
    held: tuple[int, int, float], width: timedelta
) -> None:
    window = Window(timedelta(minutes=10))
    window.held(*held)
    assert window.width == width


def test_a_window_has_its_bounds() -> None:
    window = Window(timedelta(minutes=10))
    for _ in range(5):
        window.held(0, 0, 0.0)
    assert window.width == timedelta(days=1)
    for _ in range(5):
        window.held(10**9, 0, 0.0)
    assert window.width == NARROWEST
    window.held(1, 0, 1000.0)
    assert window.width == NARROWEST, "time alone makes it no wider and no narrower"
