"""Bring a database to this program's schema, or say why that cannot be."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text

import twinline
from twinline.db.session import Database, Reading, named_errors
from twinline.language.errors import DataFolderRefused


def upgrade(database: Database) -> None:
    """Run every migration that this database has not seen.

    Raises:
        DataFolderRefused: the database was written by a newer Twinline.
    """
    refuse_newer(database)
    if current(database) == newest():
        return  # the usual start: what is left is to listen
    command.upgrade(_config(database), "head")


def downgrade(database: Database, revision: str) -> None:
    """Run migrations backwards to ``revision`` (``base`` for none)."""
    command.downgrade(_config(database), revision)


def drift(database: Database) -> str | None:
    """How the database differs from the tables in `schema`; None when it does not."""
    try:
        command.check(_config(database))
    except CommandError as difference:
        return str(difference)
    return None


def current(database: Database) -> str | None:
    """The revision that the database is at; None before the first migration."""
    with named_errors(), database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def server_version(tx: Reading) -> str:
    """The version of PostgreSQL."""
    return tx.value(text("select current_setting('server_version')"))


def newest() -> str | None:
    """The revision that this program wants."""
    return _scripts().get_current_head()


def revisions() -> tuple[str, ...]:
    """All revisions, oldest first."""
    return tuple(script.revision for script in reversed(list(_scripts().walk_revisions())))


def refuse_newer(database: Database) -> None:
    """Raise DataFolderRefused when the database is at a revision that we do not know."""
    found = current(database)
    if found is not None and found not in revisions():
        raise DataFolderRefused(
            f"The database is at schema {found}, which Twinline {twinline.__version__} does not "
            "know: it was written by a newer version. Install that version or a newer one, or "
            "point TWINLINE_HOME (or TWINLINE_DATABASE_URL) at another database."
        )


def _folder() -> Path:
    """The migrations: inside an installed package, or beside ``src`` in a checkout."""
    package = Path(twinline.__file__).parent
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parents[1] / "migrations"


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_folder()))


def _config(database: Database) -> Config:
    config = Config(attributes={"engine": database.engine})
    config.set_main_option("script_location", str(_folder()))
    return config
