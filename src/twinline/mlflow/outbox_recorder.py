"""What a session of MLflow's registry store changes, row by row, and when it is written down."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import InstanceState, ORMExecuteState, Session, SessionTransaction

from twinline.language.records.mlflow_changes import ACTOR_CHARACTERS_MAX
from twinline.mlflow import outbox_rows as rows
from twinline.mlflow.outbox import Outbox
from twinline.mlflow.outbox_rows import ALIAS, KINDS, MODEL, TABLES, Change, Row


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
        self._were: dict[InstanceState[Any], Row] = {}
        self._aliases: list[Row] = []
        self._changes: list[Change] = []
        self._savepoints: dict[SessionTransaction, int] = {}
        self._written = False
        for name, heard in (
            ("before_flush", self._before_flush),
            ("after_flush", self._after_flush),
            ("do_orm_execute", self._on_execute),
            ("after_transaction_create", self._after_begin),
            ("before_commit", self._before_commit),
            ("after_commit", self._after_commit),
            ("after_soft_rollback", self._after_rollback),
        ):
            event.listen(session, name, heard)

    def _before_flush(self, session: Session, *_: object) -> None:
        """Read what is about to change as it really is, which may be other than what the
        session read before, and lock it."""
        self._were, self._aliases = {}, []
        leaving = {inspect(one) for one in session.deleted}
        changing = leaving | {inspect(one) for one in session.dirty if session.is_modified(one)}
        if not changing:
            return
        connection = session.connection()
        self._outbox.hold(connection)
        for model, kind in KINDS.items():
            known = {state.identity: state for state in changing if state.class_ is model}
            wholly = not leaving.isdisjoint(known.values())
            for identity, row in rows.locked(connection, kind, known, wholly=wholly).items():
                self._were[known[identity]] = row
                if kind is MODEL and known[identity] in leaving:
                    self._aliases += rows.of_model(connection, ALIAS, row["workspace"], row["name"])

    def _after_flush(self, session: Session, _context: object) -> None:
        flushed = [
            *rows.in_order(rows.inserted(*_is(one)) for one in session.new if _watched(one)),
            *rows.in_order(self._updated(one) for one in session.dirty if _watched(one)),
            *rows.in_order(self._deleted(session), -1),
        ]
        self._changes += flushed
        for renamed in filter(rows.is_rename, flushed):
            self._changes += rows.carried_along(session.connection(), renamed, flushed)

    def _updated(self, one: Any) -> Change | None:
        """What a flush changed in a row; None when it is what it was."""
        state, (kind, row) = inspect(one), _is(one)
        histories = {name: state.attrs[name].history for name in row}
        written = {name: old for name, old in histories.items() if old.has_changes()}
        loaded = {name: old.deleted[0] for name, old in written.items() if old.deleted}
        was = self._were.get(state) or row | loaded
        return rows.updated(kind, was, {**was, **{name: row[name] for name in written}})

    def _deleted(self, session: Session) -> Iterator[Change]:
        """What a flush took away, with the aliases that the database took along by itself; what
        somebody else had taken away before is theirs to tell."""
        known = [inspect(one) for one in session.deleted if _watched(one)]
        went = [(KINDS[state.class_], self._were[state]) for state in known if state in self._were]
        unknown = [row for row in self._aliases if (ALIAS, row) not in went]
        for kind, row in (*went, *((ALIAS, row) for row in unknown)):
            yield rows.deleted(kind, row)

    def _on_execute(self, state: ORMExecuteState) -> Any:
        """A statement that changes rows without the session knowing them: look before and
        after."""
        if getattr(state.statement, "table", None) not in TABLES:
            return None
        state.session.flush()
        connection = state.session.connection()
        rows.still(connection, self._outbox)
        before = rows.everything(connection)
        result = state.invoke_statement()
        self._changes += rows.differences(before, rows.everything(connection))
        return result

    def _after_begin(self, _session: Session, transaction: SessionTransaction) -> None:
        if transaction.nested:
            self._savepoints[transaction] = len(self._changes)

    def _before_commit(self, session: Session) -> None:
        if session.in_nested_transaction():
            return
        session.flush()
        if self._changes:
            said = {"actor": self._known_actor()}
            contents = [change | said for change in self._changes]
            self._outbox.append(session.connection(), time.time_ns() // 1_000_000, contents)
            self._written = True

    def _known_actor(self) -> str | None:
        """On whose behalf, as Twinline will take it: it refuses what is longer."""
        actor = self._actor()
        return actor and rows.plain(actor[:ACTOR_CHARACTERS_MAX])

    def _after_commit(self, _session: Session) -> None:
        if self._written:
            self._forget(0)
            self._on_commit()

    def _after_rollback(self, _session: Session, transaction: SessionTransaction) -> None:
        self._forget(self._savepoints.pop(transaction, 0) if transaction.nested else 0)

    def _forget(self, mark: int) -> None:
        del self._changes[mark:]
        self._written = False


def _watched(one: object) -> bool:
    return type(one) in KINDS


def _is(one: Any) -> tuple[rows.Kind, dict[str, Any]]:
    """The kind of a row that a session holds, and its values."""
    names = [attribute.key for attribute in inspect(one).mapper.column_attrs]
    return KINDS[type(one)], {name: getattr(one, name) for name in names}
