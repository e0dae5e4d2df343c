"""What a session of MLflow's registry store changes, row by row, and when it is written down."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlflow.store.db.base_sql_model import Base
from mlflow.store.model_registry.dbmodels.models import (
    SqlModelVersion,
    SqlModelVersionTag,
    SqlRegisteredModel,
    SqlRegisteredModelAlias,
    SqlRegisteredModelTag,
)
from sqlalchemy import Connection, Select, Table, event, inspect, select
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction

from twinline.mlflow.outbox import Outbox

Change = dict[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Kind:
    """A kind of row that is watched: its name, its table, and its key within a workspace."""

    entity: str
    table: Table
    key: tuple[str, ...]

    def key_of(self, row: Row) -> dict[str, Any]:
        return {column: row[column] for column in self.key}


_KINDS = {
    model: _Kind(entity, Base.metadata.tables[model.__tablename__], key)
    for model, entity, key in (
        (SqlRegisteredModel, "registered_model", ("name",)),
        (SqlRegisteredModelTag, "registered_model_tag", ("name", "key")),
        (SqlModelVersion, "model_version", ("name", "version")),
        (SqlModelVersionTag, "model_version_tag", ("name", "version", "key")),
        (SqlRegisteredModelAlias, "registered_model_alias", ("name", "alias")),
    )
}
"""Parents come before their children."""

Rows = dict[tuple[Any, ...], tuple[_Kind, dict[str, Any]]]
_PLACES = {kind.entity: place for place, kind in enumerate(_KINDS.values())}
_TABLES = {kind.table for kind in _KINDS.values()}
_unspeakable = re.compile("[\x00\ud800-\udfff]")


class Recorder:
    """Collects what one session changes, and writes it to the outbox as the last thing before
    the session commits, so that either both are kept or neither.

    Args:
        session: the session, before its first statement.
        outbox: where changes are written.
        actor: says on whose behalf.
        on_commit: called when changes have been committed.
    """

    def __init__(
        self,
        session: Session,
        outbox: Outbox,
        actor: Callable[[], str | None],
        on_commit: Callable[[], None],
    ) -> None:
        self._outbox = outbox
        self._actor = actor
        self._on_commit = on_commit
        self._changes: list[Change] = []
        self._savepoints: dict[SessionTransaction, int] = {}
        self._written = False
        for name, heard in (
            ("after_flush", self._after_flush),
            ("do_orm_execute", self._on_execute),
            ("after_transaction_create", self._after_begin),
            ("before_commit", self._before_commit),
            ("after_commit", self._after_commit),
            ("after_soft_rollback", self._after_rollback),
        ):
            event.listen(session, name, heard)

    def _after_flush(self, session: Session, _context: object) -> None:
        flushed = [
            *_in_order(_inserted(one) for one in session.new if type(one) in _KINDS),
            *_in_order(_updated(one) for one in session.dirty if type(one) in _KINDS),
            *_in_order((_deleted(one) for one in session.deleted if type(one) in _KINDS), -1),
        ]
        self._changes += flushed
        for renamed in filter(_is_rename, flushed):
            self._changes += _carried_along(session.connection(), renamed, flushed)

    def _on_execute(self, state: ORMExecuteState) -> Any:
        """A statement that changes rows without the session knowing them: look before and
        after."""
        if getattr(state.statement, "table", None) not in _TABLES:
            return None
        state.session.flush()
        before = _everything(state.session.connection())
        result = state.invoke_statement()
        self._changes += _differences(before, _everything(state.session.connection()))
        return result

    def _after_begin(self, _session: Session, transaction: SessionTransaction) -> None:
        if transaction.nested:
            self._savepoints[transaction] = len(self._changes)

    def _before_commit(self, session: Session) -> None:
        if session.in_nested_transaction():
            return
        session.flush()
        if self._changes:
            said = {"actor": _plain(self._actor())}
            contents = [change | said for change in self._changes]
            self._outbox.append(session.connection(), time.time_ns() // 1_000_000, contents)
            self._written = True

    def _after_commit(self, _session: Session) -> None:
        if self._written:
            self._forget(0)
            self._on_commit()

    def _after_rollback(self, _session: Session, transaction: SessionTransaction) -> None:
        self._forget(self._savepoints.pop(transaction, 0) if transaction.nested else 0)

    def _forget(self, mark: int) -> None:
        del self._changes[mark:]
        self._written = False


def _inserted(one: Any) -> Change:
    kind, row = _KINDS[type(one)], _row(one)
    return _change(kind, "insert", row, None, _values(row))


def _deleted(one: Any) -> Change:
    kind, row = _KINDS[type(one)], _row(one)
    return _change(kind, "delete", row, _values(row), None)


def _updated(one: Any) -> Change | None:
    """What a flush changed in a row; None when it is what it was."""
    state = inspect(one)
    before: dict[str, Any] = {}
    for attribute in state.mapper.column_attrs:
        old = state.attrs[attribute.key].history.deleted
        if old:
            before[attribute.key] = old[0]
    row = _row(one)
    changed = {name: old for name, old in before.items() if old != row[name]}
    if not changed:
        return None
    after = {name: row[name] for name in changed}
    return _change(_KINDS[type(one)], "update", row | changed, changed, after)


def _is_rename(change: Change) -> bool:
    """Whether it gave a registered model another name."""
    of_a_model = (change["entity"], change["action"]) == ("registered_model", "update")
    return of_a_model and "name" in change["after"]


def _carried_along(
    connection: Connection, renamed: Change, flushed: Iterable[Change]
) -> Iterator[Change]:
    """The rows whose name the database changed together with that of their model."""
    old, new = renamed["before"]["name"], renamed["after"]["name"]
    known = [(one["entity"], one["key"]) for one in flushed]
    for kind in _KINDS.values():
        if kind.entity != renamed["entity"]:
            of_it = (kind.table.c.workspace == renamed["workspace"], kind.table.c.name == new)
            for found in _rows(connection, select(kind.table).where(*of_it)):
                row = found | {"name": old}
                if (kind.entity, kind.key_of(row)) not in known:
                    yield _change(kind, "update", row, {"name": old}, {"name": new})


def _rows(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _everything(connection: Connection) -> Rows:
    """Every row that is watched, by its identity."""
    return {
        (kind.entity, row["workspace"], *kind.key_of(row).values()): (kind, row)
        for kind in _KINDS.values()
        for row in _rows(connection, select(kind.table))
    }


def _differences(before: Rows, after: Rows) -> Iterator[Change]:
    for identity, (kind, row) in reversed(before.items()):
        if identity not in after:
            yield _change(kind, "delete", row, _values(row), None)
    for identity, (kind, row) in after.items():
        if identity not in before:
            yield _change(kind, "insert", row, None, _values(row))
            continue
        old = before[identity][1]
        changed = [name for name in row if row[name] != old[name]]
        if changed:
            was, now = ({name: one[name] for name in changed} for one in (old, row))
            yield _change(kind, "update", row, was, now)


def _change(kind: _Kind, action: str, row: Row, before: Row | None, after: Row | None) -> Change:
    return {
        "workspace": row["workspace"],
        "entity": kind.entity,
        "action": action,
        "key": {name: _plain(value) for name, value in kind.key_of(row).items()},
        "before": before and {name: _plain(value) for name, value in before.items()},
        "after": after and {name: _plain(value) for name, value in after.items()},
    }


def _in_order(changes: Iterable[Change | None], direction: int = 1) -> list[Change]:
    """Parents before their children, or after them."""
    known = [change for change in changes if change is not None]
    return sorted(known, key=lambda change: direction * _PLACES[change["entity"]])


def _row(one: Any) -> dict[str, Any]:
    return {
        attribute.key: getattr(one, attribute.key) for attribute in inspect(one).mapper.column_attrs
    }


def _values(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "workspace"}


def _plain(value: Any) -> Any:
    """Without what SQLite keeps but no JSON reader of ours takes: NUL and lone surrogates."""
    return _unspeakable.sub("\ufffd", value) if isinstance(value, str) else value
