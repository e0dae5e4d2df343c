"""The only place where a transaction begins and ends.

``Reading`` and ``Writing`` are different types: a store function that writes takes a
``Writing``, and a ``Reading`` really is read-only, because PostgreSQL is told so.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar, cast

import psycopg
from psycopg.abc import Buffer
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled
from sqlalchemy import (
    Connection,
    Engine,
    Executable,
    RowMapping,
    TextClause,
    create_engine,
    make_url,
    text,
)
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from twinline.db.lane import Lane
from twinline.language.errors import DatabaseUnavailable, Invalid

_CONNECTION_OPTIONS = " ".join(
    f"-c {name}={value}"
    for name, value in {
        # psycopg prepares what it executes often, and PostgreSQL then may keep a plan
        # that ignores the parameters; our queries depend on them.
        "plan_cache_mode": "force_custom_plan",
        # To compile a recursion that PostgreSQL believes to be long takes longer than it.
        "jit": "off",
        "lock_timeout": "5s",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "60s",
        "timezone": "UTC",
    }.items()
)


CHANNEL = "twinline"
"""Where PostgreSQL carries what transactions announce (LISTEN / NOTIFY)."""

WAIT_SECONDS = 2.0
"""How long somebody waits for what is busy, before we say so or go on without it."""

_ROOM = text("set local work_mem = '32MB'")  # to put thousands of rows in order in memory
_ANNOUNCE = text("select pg_notify(:channel, :topic)")
_TRY = text("select pg_try_advisory_lock(hashtext('twinline'), hashtext(:work))")
_STILL = text("select true")


Item = TypeVar("Item")


class Sheet(NamedTuple):
    """CSV below a line of names, null empty and empty text quoted; ``whole`` unless it was
    cut after a row, because of its size."""

    text: bytes
    whole: bool


class _EnoughError(Exception):
    """Ends a copy in the middle: PostgreSQL is told when its block raises."""


class Reading:
    """A read-only transaction with one snapshot of the database."""

    def __init__(self, connection: Connection, actor: str = "") -> None:
        self._connection = connection
        self.actor = actor
        """On whose behalf; empty for a reading that nobody asked for by a key."""

    def rows(
        self, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> Sequence[RowMapping]:
        """All rows of a statement."""
        return self._connection.execute(statement, values).mappings().all()

    def row(
        self, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> RowMapping | None:
        """The only row of a statement, None when it has none."""
        return self._connection.execute(statement, values).mappings().one_or_none()

    def value(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Any:
        """The first column of the only row, None when there is no row."""
        return self._connection.execute(statement, values).scalar_one_or_none()

    def values(self, statement: Executable, values: Mapping[str, Any] | None = None) -> list[Any]:
        """The first column of every row."""
        return list(self._connection.execute(statement, values).scalars().all())

    def csv(self, query: TextClause, values: Mapping[str, Any], bytes_max: int) -> Sheet | None:
        """The rows of a query as CSV, for who reads columns: they do not become Python's
        objects first. None: it takes longer than a statement may.

        Beyond ``bytes_max`` it ends after a row, the first one at the earliest. Then, and
        after None, this transaction is over.

        Raises:
            DatabaseUnavailable: PostgreSQL does not answer.
        """
        self._connection.execute(_ROOM)
        compiled = query.compile(dialect=self._connection.dialect)
        # COPY takes no parameters: psycopg writes them into it, quoted.
        asked = f"copy ({compiled.string}) to stdout (format csv, header)"
        driver = cast(psycopg.Connection[Any], self._connection.connection.driver_connection)
        lines: list[Buffer] = []
        left = bytes_max
        try:
            with driver.cursor().copy(asked.encode(), compiled.construct_params(values)) as rows:
                for row in rows:  # a whole one each, as PostgreSQL's protocol promises
                    lines.append(row)
                    left -= len(row)
                    if left < 0 and len(lines) > 1:
                        raise _EnoughError
        except _EnoughError:
            return Sheet(b"".join(lines), whole=False)
        except QueryCanceled:
            return None
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(f"The database does not answer: {error}") from error
        return Sheet(b"".join(lines), whole=True)


class Writing(Reading):
    """A transaction that may write, on behalf of ``actor``."""

    def __init__(self, connection: Connection, actor: str) -> None:
        super().__init__(connection, actor)
        self.powers: frozenset[str] = frozenset()
        """What else ``actor`` may do than what let it in; nothing unless the gate says so."""
        self._last_steps: dict[tuple[int, str], tuple[LastStep[Any], list[Any]]] = {}
        self.announced: list[str] = []

    def before_commit(self, step: "LastStep[Item]", item: Item, turn: tuple[int, str]) -> None:
        """Run ``step`` as one of the last things of this transaction: once, with this item
        and whatever else is left for the same turn, in the order in which it was.

        For what takes a lock that everybody wants: it is then held for the shortest
        time. ``turn`` is the place of that lock in the order in which every
        transaction takes them, so that they cannot be in a deadlock.
        """
        kept, items = self._last_steps.setdefault(turn, (step, []))
        assert kept is step, f"the turn {turn} belongs to another step"
        items.append(item)

    @contextmanager
    def attempt(self) -> Generator[None]:
        """A part of this transaction that was never there when its block raises; what the
        part left for the end, and what it announced, is gone too.

        Raises:
            Invalid: PostgreSQL cannot keep a value of it; or what the block raises.
        """
        left = {turn: (step, [*items]) for turn, (step, items) in self._last_steps.items()}
        announced = [*self.announced]
        try:
            with named_errors(), self._connection.begin_nested():
                yield
        except BaseException:
            self._last_steps, self.announced = left, announced
            raise

    def announce(self, topic: str) -> None:
        """Tell every process, once this transaction is committed."""
        self.announced.append(topic)
        self.run(_ANNOUNCE, {"channel": CHANNEL, "topic": topic})

    def finish(self) -> None:
        """Run the steps that were left for the end."""
        for _, (step, items) in sorted(self._last_steps.items(), key=lambda last: last[0]):
            step(self, items)

    def run(self, statement: Executable, values: Mapping[str, Any] | None = None) -> None:
        """Execute a statement whose rows do not matter."""
        self._connection.execute(statement, values)

    def run_many(self, statement: Executable, values: Sequence[Mapping[str, Any]]) -> None:
        """Execute a statement once for each of ``values``; none at all when it is empty."""
        if values:  # a pipeline costs more than it saves when there is one thing in it
            self._connection.execute(statement, values if len(values) > 1 else values[0])


LastStep = Callable[[Writing, list[Item]], None]


class Database:
    """A PostgreSQL, and a bounded pool of connections to it.

    Attributes:
        wait_seconds: how long somebody who asks for something may be kept waiting for it.
    """

    def __init__(self, engine: Engine, wait_seconds: float = WAIT_SECONDS) -> None:
        self.engine = engine
        self.wait_seconds = wait_seconds
        self.on_announced: Callable[[str], None] | None = None

    @property
    def url(self) -> str:
        """Where it is, for a connection outside the pool."""
        plain = self.engine.url.set(drivername="postgresql")
        return plain.render_as_string(hide_password=False)

    def told(self, tx: Writing) -> None:
        """Pass on in this process what a transaction announced, as soon as it is committed.

        The other processes hear it from PostgreSQL, a moment later.
        """
        if self.on_announced is not None:
            for topic in dict.fromkeys(tx.announced):
                self.on_announced(topic)

    @contextmanager
    def reading(self) -> Generator[Reading]:
        """A read-only transaction at one snapshot.

        Raises:
            DatabaseUnavailable: PostgreSQL does not answer, or all connections are busy.
        """
        with named_errors(), self.engine.connect() as connection:
            snapshot = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            with snapshot.begin():
                yield Reading(snapshot)

    @contextmanager
    def writing(self, actor: str) -> Generator[Writing]:
        """A transaction that commits when the block ends, and rolls back when it raises.

        Raises:
            DatabaseUnavailable: PostgreSQL does not answer, or all connections are busy.
        """
        with named_errors():
            with self.engine.begin() as connection:
                tx = Writing(connection, actor)
                yield tx
                tx.finish()
            self.told(tx)

    @contextmanager
    def alone(self, work: str) -> Generator[Callable[[], bool]]:
        """Ask, as often as is wanted, whether this process is the one that does ``work``.

        It is from the first yes to the end of the block, for which a connection is kept; so
        ask again now and then whether it is still there.

        Raises:
            DatabaseUnavailable: the connection is lost, and with it the work.
        """
        with named_errors(), self.engine.connect() as kept:
            connection = kept.execution_options(isolation_level="AUTOCOMMIT")
            ours = False

            def is_ours() -> bool:
                nonlocal ours
                ours = connection.execute(_STILL if ours else _TRY, {"work": work}).scalar_one()
                return ours

            try:
                yield is_ours
            finally:
                connection.invalidate()  # a lock ends with its connection, however that is

    def lane(self) -> Lane:
        """A connection of its own, outside the pool, opened at its first use."""
        return Lane(self.url)

    def close(self) -> None:
        """Give all connections back to PostgreSQL."""
        self.engine.dispose()


def connect(url: str, *, pool_size: int = 20, wait_seconds: float = WAIT_SECONDS) -> Database:
    """A database at a ``postgresql://`` URL; nothing is opened before the first use.

    ``wait_seconds`` is how long a transaction waits for a free connection before it is
    refused, so that an overloaded server says so instead of queueing without bound; and
    how long a request waits for a newer manifest before the last one has to do.
    """
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=wait_seconds,
        pool_pre_ping=True,
        connect_args={"options": _CONNECTION_OPTIONS, "connect_timeout": 3},
    )
    return Database(engine, wait_seconds)


@contextmanager
def named_errors() -> Generator[None]:
    """Turn what the driver raises when PostgreSQL is away into an error of ours."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable(
            "All database connections are busy; try again in a moment."
        ) from error
    except DataError as error:
        raise Invalid(f"A value does not fit its place: {_said(error)}") from error
    except (OperationalError, InterfaceError) as error:
        if isinstance(error.orig, DeadlockDetected | LockNotAvailable):
            raise DatabaseUnavailable(
                f"Somebody else is changing the same; try again in a moment ({_said(error)})."
            ) from error
        raise DatabaseUnavailable(f"The database does not answer: {_said(error)}") from error


def _said(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines() if error.orig else []
    return lines[0] if lines else "it gave no reason"
