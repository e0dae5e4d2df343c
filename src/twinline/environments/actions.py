"""Say that what is live in an environment changed, and at which version it is."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping

from twinline.db.session import Reading, Writing
from twinline.environments import store

TOPIC = "environment"
"""What is announced: the topic and the environment's name."""


class Version(NamedTuple):
    """A state of an environment; versions compare within an epoch."""

    epoch: UUID
    number: int
    changed_at: datetime


def changed(tx: Writing, name: str) -> None:
    """Count a change in an environment, and announce it when it is committed."""
    tx.before_commit(_count, name, turn=(0, name))


def all_changed(tx: Writing) -> None:
    """Count a change in every environment."""
    for name in store.names(tx):
        changed(tx, name)


def find(tx: Reading, name: str) -> Version | None:
    """The version that an environment is at; None when nothing was ever live there."""
    row = store.find(tx, name)
    return _version(row) if row else None


def versions(tx: Reading) -> dict[str, Version]:
    """The version of every environment, by name."""
    return {row["name"]: _version(row) for row in store.all(tx)}


def _count(tx: Writing, changes: list[str]) -> None:
    for name in changes:
        store.add_version(tx, name)
        tx.announce(f"{TOPIC} {name}")


def _version(row: RowMapping) -> Version:
    return Version(row["epoch"], row["version"], row["changed_at"])
