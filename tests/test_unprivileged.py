"""What a migration needs, an owner of a database has who is no superuser."""

import pytest
from sqlalchemy import create_engine, make_url, text

from twinline.db import migrations
from twinline.db.session import connect


@pytest.fixture
def owned(postgres: str) -> str:
    """The URL of a database for a role that owns it and may do nothing else."""
    engine = create_engine(make_url(postgres), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("create role plain login"))
        connection.execute(text("create database plain owner plain"))
    engine.dispose()
    url = make_url(postgres).set(username="plain", password=None, database="plain")
    return url.render_as_string(hide_password=False)


def test_who_owns_a_database_can_migrate_it_up_and_down(owned: str) -> None:
    database = connect(owned)
    try:
        migrations.upgrade(database)
        with database.reading() as tx:
            assert tx.value(text("select not usesuper from pg_user where usename = current_user"))
            assert tx.value(text("select extname from pg_extension where extname = 'pg_trgm'"))
        migrations.downgrade(database, "base")
        with database.reading() as tx:
            assert not tx.values(text("select 1 from pg_extension where extname = 'pg_trgm'"))
    finally:
        database.close()
