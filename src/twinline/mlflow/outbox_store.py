"""MLflow's own registry stores, whose every write leaves its changes in the outbox."""

import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore
from sqlalchemy.orm import Session

from twinline.mlflow.outbox import DIALECTS, Outbox
from twinline.mlflow.outbox_actor import current_actor
from twinline.mlflow.outbox_recorder import Recorder
from twinline.mlflow.outbox_sender import Destination, Sender

ManagedSessions = Callable[..., AbstractContextManager[Session]]

_senders: dict[str, tuple[Outbox, Sender]] = {}
_making = threading.Lock()


class _WithOutbox:
    """Put before a store of MLflow, listens to the sessions of that store and to no others.

    Args:
        db_uri: the database, as for the store itself.
        read_db_uri: a read replica, as for the store itself.
        destination: where changes are told; None lets them wait.
        actor_header: the header that names who asks, when nobody is authenticated.
    """

    def __init__(
        self,
        db_uri: str,
        read_db_uri: str | None = None,
        *,
        destination: Destination | None,
        actor_header: str,
    ) -> None:
        _refuse_other_dialects(db_uri)
        super().__init__(db_uri, read_db_uri=read_db_uri)  # pyright: ignore[reportCallIssue] -- a store is next in line
        outbox, sender = _outbox_of(db_uri, destination)
        actor = partial(current_actor, actor_header)
        self.ManagedSessionMaker = _recorded(self.ManagedSessionMaker, outbox, actor, sender.wake)


class OutboxStore(_WithOutbox, SqlAlchemyStore):
    """MLflow's SQL registry store with the outbox."""


class WorkspaceOutboxStore(_WithOutbox, WorkspaceAwareSqlAlchemyStore):
    """MLflow's SQL registry store for several workspaces with the outbox."""


def _refuse_other_dialects(db_uri: str) -> None:
    dialect = db_uri.partition(":")[0].partition("+")[0]
    if dialect not in DIALECTS:
        raise MlflowException(
            f"Twinline's outbox knows {' and '.join(sorted(DIALECTS))}, not {dialect!r}: use "
            "`twinline+` with one of them, or the registry store without it.",
            error_code=INVALID_PARAMETER_VALUE,
        )


def _outbox_of(db_uri: str, destination: Destination | None) -> tuple[Outbox, Sender]:
    """One for each database and process, however many stores there are."""
    with _making:
        if db_uri not in _senders:
            outbox = Outbox(db_uri)
            outbox.make()
            _senders[db_uri] = outbox, Sender(outbox, destination)
        return _senders[db_uri]


def _recorded(
    managed: ManagedSessions,
    outbox: Outbox,
    actor: Callable[[], str | None],
    on_commit: Callable[[], None],
) -> ManagedSessions:
    """Sessions as MLflow makes them; those that may write are listened to."""

    @contextmanager
    def sessions(read_only: bool = True, **more: Any) -> Generator[Session]:
        with managed(read_only=read_only, **more) as session:
            if not read_only:
                Recorder(session, outbox, actor, on_commit)
            yield session

    return sessions
