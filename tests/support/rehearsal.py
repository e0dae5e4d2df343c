"""A database whose transactions are never kept: each test sees what it did, the next nothing."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event, text
from starlette.concurrency import run_in_threadpool

from twinline.db.lane import Lane
from twinline.db.session import Database, Reading, Writing, named_errors


class Rehearsal(Database):
    """Runs every transaction as a savepoint of one that is rolled back in the end.

    Transactions take turns, because they share the connection.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.engine)
        self._connection = connection
        self._turn = threading.RLock()

    @contextmanager
    def reading(self) -> Generator[Reading]:
        with self._turn, named_errors(), self._connection.begin_nested() as savepoint:
            yield Reading(self._connection)
            savepoint.rollback()

    @contextmanager
    def writing(self, actor: str) -> Generator[Writing]:
        with self._turn, named_errors():
            with self._connection.begin_nested():
                tx = Writing(self._connection, actor)
                yield tx
                tx.finish()
            self.told(tx)

    def lane(self) -> Lane:
        return _Turns(self)

    @contextmanager
    def statements(self, part: str) -> Generator[list[str]]:
        """The statements with ``part`` in them, as they are executed."""
        found: list[str] = []

        def listen(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
            if part in statement:
                found.append(statement)

        event.listen(self.engine, "before_cursor_execute", listen)
        try:
            yield found
        finally:
            event.remove(self.engine, "before_cursor_execute", listen)


class _Turns(Lane):
    """Executes on the connection of the rehearsal, whose work no other could see."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__(rehearsal.url)
        self._rehearsal = rehearsal

    async def values(self, statement: str, parameter: str) -> list[Any]:
        return await run_in_threadpool(self._values, statement.replace("$1", ":sent"), parameter)

    def _values(self, statement: str, parameter: str) -> list[Any]:
        # a colon that is no parameter of ours is written twice in SQL
        safe = statement.replace("::", "\\:\\:")
        with self._rehearsal.writing("lane") as tx:
            return tx.values(text(safe), {"sent": parameter})
