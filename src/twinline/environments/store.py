"""Environments, in SQL."""

from collections.abc import Sequence

from sqlalchemy import RowMapping, func, select
from sqlalchemy.dialects.postgresql import insert

from twinline.db.schema import environment
from twinline.db.session import Reading, Writing


def add_version(tx: Writing, name: str) -> None:
    """Raise the version of an environment by one; the row is ours until the commit."""
    first = insert(environment).values(name=name, version=1, changed_at=func.clock_timestamp())
    tx.run(
        first.on_conflict_do_update(
            index_elements=["name"],
            set_={"version": environment.c.version + 1, "changed_at": func.clock_timestamp()},
        )
    )


def find(tx: Reading, name: str) -> RowMapping | None:
    """An environment with its version."""
    return tx.row(select(environment).where(environment.c.name == name))


def all(tx: Reading) -> Sequence[RowMapping]:
    """Every environment, by name."""
    return tx.rows(select(environment).order_by(environment.c.name))


def names(tx: Reading) -> list[str]:
    """The names of all environments."""
    return tx.values(select(environment.c.name))
