"""Runs the migrations: under short timeouts, one runner at a time.

A migration that cannot get its lock within seconds gives up instead of queueing
every request of the running version behind it.
"""

import os

from alembic import context
from sqlalchemy import Connection, create_engine, make_url, text

from twinline.db.schema import metadata

LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "60s"
ONE_RUNNER = 0x7477_696E  # an advisory lock of our own: "twin"


def _engine():
    engine = context.config.attributes.get("engine")
    if engine is not None:
        return engine
    # Called as `alembic ...` by a developer: the same variable as the server reads.
    return create_engine(
        make_url(os.environ["TWINLINE_DATABASE_URL"]).set(drivername="postgresql+psycopg")
    )


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave the ledger's partitions out of comparisons: they are made as days come."""
    return not (kind == "table" and name is not None and name.startswith("ledger_"))


def _run(connection: Connection) -> None:
    connection.execute(text(f"select pg_advisory_lock({ONE_RUNNER})"))
    connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"set statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_name=_ours,
        compare_type=True,
        transaction_per_migration=True,
    )
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("reset lock_timeout"))
        connection.execute(text("reset statement_timeout"))
        connection.execute(text(f"select pg_advisory_unlock({ONE_RUNNER})"))
        connection.commit()


with _engine().connect() as connection:
    _run(connection)
