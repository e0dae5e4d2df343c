"""A clock for the history of a database that nobody else uses yet."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import text

from twinline.db.session import Database

_PUT_UP = (
    "create table played_clock (at timestamptz not null, since timestamptz not null)",
    "insert into played_clock values (pg_catalog.now(), pg_catalog.clock_timestamp())",
    """create function public.clock_timestamp() returns timestamptz volatile language sql
    as 'select at + (pg_catalog.clock_timestamp() - since) from public.played_clock'""",
    # Functions are looked for in this order; without a word pg_catalog comes first.
    "do $$ begin execute format('alter database %I set search_path = public, pg_catalog', "
    "current_database()); end $$",
)
_TAKE_DOWN = (
    "do $$ begin execute format('alter database %I reset search_path', current_database()); end $$",
    "drop function public.clock_timestamp()",
    "drop table played_clock",
)
_PUT = text("update played_clock set at = :at, since = pg_catalog.clock_timestamp()")


@contextmanager
def played_clock(database: Database) -> Generator[Callable[[datetime], None]]:
    """Let the clock that history is kept by stand where the yielded function puts it, and go
    on from there; until the block ends.

    It holds for connections that are opened within the block.
    """
    _run(database, _PUT_UP)
    try:
        yield lambda at: _put(database, at)
    finally:
        _run(database, _TAKE_DOWN)


def _put(database: Database, at: datetime) -> None:
    with database.writing("clock") as tx:
        tx.run(_PUT, {"at": at})


def _run(database: Database, statements: tuple[str, ...]) -> None:
    with database.writing("clock") as tx:
        for statement in statements:
            tx.run(text(statement))
