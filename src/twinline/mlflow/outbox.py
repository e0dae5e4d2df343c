"""The outbox: tables in MLflow's own database, where every change waits to be told.

Its head counts: the row is updated last in MLflow's transaction, so its lock is held until
that transaction has committed, sequences have no gap, and whoever sees one sees all before it.
Its tail says up to where Twinline has them, and before when nobody is to try again, so that of
all the processes of a server one sends at a time.
"""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    delete,
    false,
    insert,
    literal_column,
    make_url,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError
from sqlalchemy.schema import CreateTable

_metadata = MetaData()
_change = Table(
    "twinline_outbox",
    _metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("content", Text, nullable=False),
)
_head = Table(
    "twinline_outbox_head",
    _metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("outbox", String(36), nullable=False),
    Column("last", BigInteger, nullable=False),
)
_tail = Table(
    "twinline_outbox_tail",
    _metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("delivered", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("next_try", BigInteger, nullable=False),
)

# On the database's clock, which all processes of a server share; in milliseconds since 1970.
_CLOCKS = {
    "postgresql": "cast(extract(epoch from clock_timestamp()) * 1000 as bigint)",
    "sqlite": "cast((julianday('now') - 2440587.5) * 86400000 as integer)",
}
_INSERTS = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
_CONNECTING: dict[str, dict[str, Any]] = {
    "postgresql": {"connect_timeout": 5},
    "sqlite": {"timeout": 20},
}

DIALECTS = frozenset(_CLOCKS)


@dataclass(frozen=True)
class Position:
    """How far an outbox is: what it holds, what of that is told, and when to try again."""

    outbox: str
    last: int
    delivered: int
    failures: int
    wait_ms: int


@dataclass(frozen=True)
class Waiting:
    """A change that waits to be told."""

    sequence: int
    at: int
    content: str


class Outbox:
    """The outbox of one MLflow database.

    Args:
        url: the database, as MLflow writes it; ``sqlite`` or ``postgresql``.
    """

    def __init__(self, url: str) -> None:
        dialect = make_url(url).get_backend_name()
        self._now = literal_column(_CLOCKS[dialect], BigInteger)
        self._insert = _INSERTS[dialect]
        # A connection of its own: MLflow's pool is for MLflow's requests.
        self._engine: Engine = create_engine(
            url,
            pool_size=1,
            max_overflow=1,
            pool_pre_ping=True,
            connect_args=_CONNECTING[dialect],
        )

    def make(self) -> None:
        """Make the tables, if they are not there."""
        try:
            self._make()
        except DatabaseError:
            self._make()  # another process made them at the same moment

    def hold(self, connection: Connection) -> None:
        """Let nobody else write until this transaction ends, where the database locks as a whole:
        what is read from now on is then what it is when it is changed."""
        if connection.dialect.name == "sqlite":
            connection.execute(update(_head).where(false()).values(last=_head.c.last))

    def append(
        self, connection: Connection, at: int, contents: Sequence[Mapping[str, Any]]
    ) -> None:
        """Add changes that were made ``at`` (milliseconds since 1970) in MLflow's transaction,
        as the last thing that it does."""
        counted = update(_head).values(last=_head.c.last + len(contents)).returning(_head.c.last)
        first = connection.execute(counted).scalar_one() - len(contents) + 1
        rows = [
            {
                "sequence": first + place,
                "at": at,
                "content": json.dumps(content, ensure_ascii=False, separators=(",", ":")),
            }
            for place, content in enumerate(contents)
        ]
        connection.execute(insert(_change), rows)

    def position(self) -> Position:
        """How far it is."""
        query = select(
            _head.c.outbox,
            _head.c.last,
            _tail.c.delivered,
            _tail.c.failures,
            (_tail.c.next_try - self._now).label("wait_ms"),
        ).where(_head.c.id == _tail.c.id)
        with self._transaction() as connection:
            return Position(**connection.execute(query).mappings().one())

    def claim(self, lease_ms: int) -> bool:
        """Whether nobody else sends now, and none will for this long."""
        claimed = (
            update(_tail)
            .where(_tail.c.next_try <= self._now)
            .values(next_try=self._now + lease_ms)
            .returning(_tail.c.id)
        )
        with self._transaction() as connection:
            return connection.execute(claimed).first() is not None

    def after(self, sequence: int, *, rows_max: int, bytes_max: int) -> list[Waiting]:
        """The changes after a sequence, in order: as many as fit, and always one if there is
        one."""
        query = (
            select(_change)
            .where(_change.c.sequence > sequence)
            .order_by(_change.c.sequence)
            .limit(rows_max)
        )
        with self._transaction() as connection:
            rows = [Waiting(**row) for row in connection.execute(query).mappings()]
        size = 0
        for place, row in enumerate(rows):
            size += len(row.content.encode())
            if size > bytes_max and place:
                return rows[:place]
        return rows

    def settle(self, delivered: int, lease_ms: int) -> None:
        """Twinline has everything up to here, and nobody else sends for this long."""
        self._tell_tail(delivered=delivered, failures=0, next_try=self._now + lease_ms)

    def release(self) -> None:
        """Anybody may send."""
        self._tell_tail(next_try=0)

    def put_off(self, failures: int, pause_ms: int) -> None:
        """Nobody is to try for this long, after as many failures in a row."""
        self._tell_tail(failures=failures, next_try=self._now + pause_ms)

    def begin_anew(self, delivered: int) -> str:
        """Take a new id, which is returned, and go on after this sequence: what was told up to
        there under the old id is not told again."""
        id = str(uuid4())
        with self._transaction() as connection:
            connection.execute(update(_head).values(outbox=id))
            connection.execute(delete(_change).where(_change.c.sequence <= delivered))
            connection.execute(update(_tail).values(delivered=delivered))
        return id

    def trim(self, *, keep_ms: int, waiting_max: int) -> int:
        """Drop what was told long ago, and the oldest of more than ``waiting_max`` that wait;
        how many of these, which are lost."""
        position = self.position()
        told = delete(_change).where(
            _change.c.sequence <= position.delivered, _change.c.at < self._now - keep_ms
        )
        beyond = delete(_change).where(
            _change.c.sequence > position.delivered,
            _change.c.sequence <= position.last - waiting_max,
        )
        with self._transaction() as connection:
            connection.execute(told)
            return connection.execute(beyond).rowcount

    def forget_connections(self) -> None:
        """In a forked process: the parent's connections are not ours."""
        self._engine.dispose(close=False)

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def _make(self) -> None:
        head = self._insert(_head).values(id=1, outbox=str(uuid4()), last=0)
        tail = self._insert(_tail).values(id=1, delivered=0, failures=0, next_try=0)
        with self._transaction() as connection:
            for table in _metadata.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
            for row in (head, tail):
                connection.execute(row.on_conflict_do_nothing())

    @contextmanager
    def _transaction(self) -> Generator[Connection]:
        with self._engine.begin() as connection:
            yield connection

    def _tell_tail(self, **values: Any) -> None:
        with self._transaction() as connection:
            connection.execute(update(_tail).values(values))
