"""A database whose transactions are never kept: each test sees what it did, the next nothing."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection

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
        with self._turn, named_errors(), self._connection.begin_nested():
            tx = Writing(self._connection, actor)
            yield tx
            tx.finish()
