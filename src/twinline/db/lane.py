"""A connection of one's own, for one statement that is executed over and over.

The statement stays prepared, under a plan that is made once. Each execution is a
transaction of its own and is durable when it returns. The pool and SQLAlchemy are for
everything else; here they would cost more than the statement.
"""

import asyncio
import os
import socket
from typing import Any

from psycopg import AsyncConnection, AsyncRawCursor, Error, InterfaceError, OperationalError

from twinline.language.errors import DatabaseUnavailable, Invalid

_OPTIONS = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "plan_cache_mode": "force_generic_plan",
        "jit": "off",
        "synchronous_commit": "on",
        "lock_timeout": "2s",
        "timezone": "UTC",
    }.items()
)


class Lane:
    """Executes a statement on a connection that is opened when needed.

    A database that does not answer within ``timeout_seconds`` is given up: the socket
    is shut, because cancelling a wait inside the driver can take much longer.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 3.0) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._connection: AsyncConnection[Any] | None = None

    async def values(self, statement: str, parameter: str) -> list[Any]:
        """The first column of every row. ``statement`` has one parameter, ``$1``.

        Raises:
            DatabaseUnavailable: PostgreSQL does not answer; nothing, or all of it, was
                committed.
            Invalid: PostgreSQL refuses what was sent.
        """
        connection = await self._open()
        watchdog = asyncio.get_running_loop().call_later(self._timeout_seconds, _shut, connection)
        try:
            cursor = await connection.execute(statement.encode(), (parameter,), prepare=True)
            return [row[0] for row in await cursor.fetchall()]
        except (OperationalError, InterfaceError) as error:
            await self.close()
            raise DatabaseUnavailable(f"The database does not answer: {error}") from error
        except Error as error:
            raise Invalid(f"The database refuses it: {error}") from error
        finally:
            watchdog.cancel()

    async def close(self) -> None:
        """Close the connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _open(self) -> AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            try:
                self._connection = await AsyncConnection.connect(
                    self._url,
                    autocommit=True,
                    cursor_factory=AsyncRawCursor,
                    options=_OPTIONS,
                    connect_timeout=3,
                )
            except OperationalError as error:
                raise DatabaseUnavailable(f"The database does not answer: {error}") from error
        return self._connection


def _shut(connection: AsyncConnection[Any]) -> None:
    if not connection.closed:
        with socket.socket(fileno=os.dup(connection.fileno())) as shared:
            shared.shutdown(socket.SHUT_RDWR)
