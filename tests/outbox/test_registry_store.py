"""What MLflow gets when it asks for a ``twinline+...`` store."""

import pytest
from mlflow.exceptions import MlflowException
from mlflow.server.constants import READ_REPLICA_BACKEND_STORE_URI_ENV_VAR
from mlflow.utils.workspace_context import WorkspaceContext
from sqlalchemy import make_url

from tests.outbox.conftest import DatabaseUrl
from twinline.mlflow.outbox_sender import Destination
from twinline.mlflow.outbox_store import OutboxStore, WorkspaceOutboxStore, _senders
from twinline.mlflow.registry_store import READ_REPLICA, open_store

on_sqlite = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)


@on_sqlite
def test_a_store_of_mlflow_s_own_kind_over_the_same_database(mlflow_url: DatabaseUrl) -> None:
    url = mlflow_url()
    store = open_store(f"twinline+{url}")
    assert type(store) is OutboxStore
    assert (store.db_uri, store.read_engine, store.supports_workspaces) == (url, None, False)


@on_sqlite
def test_where_workspaces_are_on_changes_name_theirs(
    mlflow_url: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    store = open_store(f"twinline+{mlflow_url()}")
    assert type(store) is WorkspaceOutboxStore
    assert store.supports_workspaces
    with WorkspaceContext("team-a"):
        store.create_registered_model("churn")
    outbox, _ = _senders[store.db_uri]
    (change,) = outbox.after(0, rows_max=10, bytes_max=1 << 20)
    assert '"workspace":"team-a"' in change.content


@on_sqlite
def test_a_read_replica_is_read_from(
    mlflow_url: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert READ_REPLICA == READ_REPLICA_BACKEND_STORE_URI_ENV_VAR
    replica = mlflow_url()
    monkeypatch.setenv(READ_REPLICA, replica)
    store = open_store(f"twinline+{mlflow_url()}")
    store.create_registered_model("churn")
    assert store.read_engine.url == make_url(replica)
    assert store.search_registered_models() == []


@pytest.mark.parametrize("url", ["mysql://u@127.0.0.1:1/x", "mssql+pyodbc://x"])
def test_a_database_that_the_outbox_does_not_know_is_named_with_the_remedy(url: str) -> None:
    with pytest.raises(MlflowException, match=r"postgresql and sqlite, not 'm.*`twinline\+`"):
        open_store(f"twinline+{url}")


def test_where_changes_are_told_is_what_the_environment_says() -> None:
    said = {"TWINLINE_URL": "http://x", "TWINLINE_API_KEY": "k"}
    assert Destination.of(said) == Destination("http://x", "k", "default")
    named = Destination.of({**said, "TWINLINE_MLFLOW_SERVER": "west"})
    assert named is not None
    assert named.server == "west"
