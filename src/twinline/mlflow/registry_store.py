"""The registry stores ``twinline+sqlite`` and ``twinline+postgresql``, which MLflow finds by
their entry points.

MLflow loads every such entry point whenever it looks for a store, also for those who use
another one, so nothing is imported here before it is used.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

SCHEME = "twinline+"
READ_REPLICA = "_MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE"
"""Where ``mlflow server`` keeps what ``--read-replica-backend-store-uri`` says."""


def open_store(store_uri: str) -> "SqlAlchemyStore":
    """MLflow's own SQL store for the URI without ``twinline+``, with the outbox.

    It reads from the environment: ``TWINLINE_URL`` and ``TWINLINE_API_KEY``, where changes are
    told; ``TWINLINE_MLFLOW_SERVER``, this server's name there (``default``); and
    ``TWINLINE_MLFLOW_ACTOR_HEADER``, the header that names who asks (``X-Twinline-Actor``).
    """
    from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES

    from twinline.mlflow.outbox_sender import Destination
    from twinline.mlflow.outbox_store import OutboxStore, WorkspaceOutboxStore

    kind = WorkspaceOutboxStore if MLFLOW_ENABLE_WORKSPACES.get() else OutboxStore
    return kind(
        store_uri.removeprefix(SCHEME),
        read_db_uri=os.environ.get(READ_REPLICA),
        destination=Destination.of(os.environ),
        actor_header=os.environ.get("TWINLINE_MLFLOW_ACTOR_HEADER", "X-Twinline-Actor"),
    )
