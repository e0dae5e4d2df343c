"""The rows of MLflow's registry that are watched: what they are, as they are in the database,
and what became of one as a change that can be told."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from mlflow.store.db.base_sql_model import Base
from mlflow.store.model_registry.dbmodels.models import (
    SqlModelVersion,
    SqlModelVersionTag,
    SqlRegisteredModel,
    SqlRegisteredModelAlias,
    SqlRegisteredModelTag,
)
from sqlalchemy import Connection, Select, Table, select, tuple_

from twinline.mlflow.outbox import Outbox

Change = dict[str, Any]
Row = Mapping[str, Any]
Identity = tuple[Any, ...]
_AT_ONCE = 500


@dataclass(frozen=True)
class Kind:
    """A kind of row: its name, its table, and its key within a workspace."""

    entity: str
    table: Table
    key: tuple[str, ...]

    def key_of(self, row: Row) -> dict[str, Any]:
        """Where a row is, within its workspace."""
        return {column: row[column] for column in self.key}


KINDS: dict[type, Kind] = {
    model: Kind(entity, Base.metadata.tables[model.__tablename__], key)
    for model, entity, key in (
        (SqlRegisteredModel, "registered_model", ("name",)),
        (SqlRegisteredModelTag, "registered_model_tag", ("name", "key")),
        (SqlModelVersion, "model_version", ("name", "version")),
        (SqlModelVersionTag, "model_version_tag", ("name", "version", "key")),
        (SqlRegisteredModelAlias, "registered_model_alias", ("name", "alias")),
    )
}
"""Parents come before their children."""

TABLES = {kind.table for kind in KINDS.values()}
MODEL, ALIAS = KINDS[SqlRegisteredModel], KINDS[SqlRegisteredModelAlias]

Everything = dict[tuple[Any, ...], tuple[Kind, dict[str, Any]]]
_PLACES = {kind.entity: place for place, kind in enumerate(KINDS.values())}
_unspeakable = re.compile("[\x00\ud800-\udfff]")


def inserted(kind: Kind, row: Row) -> Change:
    """The change that made a row."""
    return _change(kind, "insert", row, None, _values(row))


def updated(kind: Kind, before: Row, after: Row) -> Change | None:
    """The change that made one row of another; None when they are the same."""
    names = [name for name in before if before[name] != after[name]]
    if not names:
        return None
    was, now = ({name: row[name] for name in names} for row in (before, after))
    return _change(kind, "update", before, was, now)


def deleted(kind: Kind, row: Row) -> Change:
    """The change that took a row away."""
    return _change(kind, "delete", row, _values(row), None)


def in_order(changes: Iterable[Change | None], direction: int = 1) -> list[Change]:
    """Parents before their children, or (-1) after them; without what is none."""
    known = [change for change in changes if change is not None]
    return sorted(known, key=lambda change: direction * _PLACES[change["entity"]])


def locked(
    connection: Connection, kind: Kind, identities: Iterable[Identity], *, wholly: bool
) -> dict[Identity, Row]:
    """Rows by their primary keys, as they are now and will stay until we change them.

    A session knows a row as it was when it was read, and somebody else may have changed it
    since. ``wholly`` keeps others from adding children, too. They are locked in the order of
    their keys, so that two who lock the same do not wait for each other.
    """
    key = list(kind.table.primary_key.columns)
    wanted, rows = iter(sorted(identities)), dict[Identity, Row]()
    while some := list(islice(wanted, _AT_ONCE)):
        query = (
            select(kind.table)
            .where(tuple_(*key).in_(some))
            .order_by(*key)
            .with_for_update(key_share=not wholly)
        )
        for row in _rows(connection, query):
            rows[tuple(row[column.name] for column in key)] = row
    return rows


def of_model(connection: Connection, kind: Kind, workspace: str, name: str) -> list[dict[str, Any]]:
    """The rows of a kind that belong to a registered model."""
    column = kind.table.c
    belongs = (column.workspace == workspace, column.name == name)
    return _rows(connection, select(kind.table).where(*belongs))


def carried_along(
    connection: Connection, renamed: Change, flushed: Iterable[Change]
) -> Iterator[Change]:
    """What a rename of a model changed by the database's own doing: the names in rows that the
    session did not write itself."""
    old, new = renamed["before"]["name"], renamed["after"]["name"]
    written = [(one["entity"], one["key"]) for one in flushed]
    for kind in KINDS.values():
        if kind is not MODEL:
            for row in of_model(connection, kind, renamed["workspace"], new):
                change = updated(kind, row | {"name": old}, row)
                if change and (kind.entity, change["key"]) not in written:
                    yield change


def is_rename(change: Change) -> bool:
    """Whether it gave a registered model another name."""
    of_a_model = (change["entity"], change["action"]) == (MODEL.entity, "update")
    return of_a_model and "name" in change["after"]


def everything(connection: Connection) -> Everything:
    """Every row that is watched."""
    return {
        (kind.entity, row["workspace"], *kind.key_of(row).values()): (kind, row)
        for kind in KINDS.values()
        for row in _rows(connection, select(kind.table))
    }


def differences(before: Everything, after: Everything) -> Iterator[Change]:
    """What became of every row, children first where rows went and parents first where they
    came; a row that moved went and came."""
    for identity, (kind, row) in reversed(before.items()):
        if identity not in after:
            yield deleted(kind, row)
    for identity, (kind, row) in after.items():
        if identity not in before:
            yield inserted(kind, row)
        elif change := updated(kind, before[identity][1], row):
            yield change


def still(connection: Connection, outbox: Outbox) -> None:
    """Let nobody else change the registry until this transaction ends."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(kind.table.name for kind in KINDS.values())
        connection.exec_driver_sql(f"lock table {names} in share row exclusive mode")
    else:
        outbox.hold(connection)


def plain(value: Any) -> Any:
    """Without what SQLite keeps but no JSON reader of ours takes: NUL and lone surrogates."""
    return _unspeakable.sub("\ufffd", value) if isinstance(value, str) else value


def _change(kind: Kind, action: str, row: Row, before: Row | None, after: Row | None) -> Change:
    return {
        "workspace": row["workspace"],
        "entity": kind.entity,
        "action": action,
        "key": {name: plain(value) for name, value in kind.key_of(row).items()},
        "before": before and {name: plain(value) for name, value in before.items()},
        "after": after and {name: plain(value) for name, value in after.items()},
    }


def _values(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "workspace"}


def _rows(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]
