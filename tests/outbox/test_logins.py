"""An MLflow server that asks for logins: who did what is who logged in, and the mirror does."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.mirror.conftest import Mirror
from tests.outbox.servers import OutboxMlflow, Twinline
from tests.support.mlflow_registry import MlflowRegistry
from tests.support.mlflow_servers import START_SECONDS
from twinline.cli import serving
from twinline.client import Client
from twinline.db.session import Database
from twinline.language.errors import MlflowUnavailable
from twinline.language.records import ModelVersion
from twinline.mirror.remote import MlflowServer
from twinline.settings import Settings

PATIENCE_SECONDS = 60.0
PASSWORDS = {user: f"the password of {user}" for user in ("admin", "ana", "reader")}
WITH_LOGINS = {
    "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORDS["admin"],
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "signs MLflow's own forms",
}


@pytest.fixture
def twinline(database: Database) -> Twinline:
    return Twinline(database)


@pytest.fixture
def mlflow(twinline: Twinline, tmp_path: Path) -> Iterator[OutboxMlflow]:
    """MLflow with the outbox, basic authentication and two users beside the admin."""
    url = f"sqlite:///{tmp_path / 'mlflow.db'}"
    options = ("--app-name", "basic-auth")
    told = twinline.told | WITH_LOGINS
    with OutboxMlflow(tmp_path / "mlflow", url, told=told, options=options) as server:
        server.wait_until_ready(deadline_seconds=START_SECONDS)
        for user in ("ana", "reader"):
            made = {"username": user, "password": PASSWORDS[user]}
            asked(server, "admin", "users/create", made).raise_for_status()
        yield server


def asked(
    mlflow: OutboxMlflow,
    user: str,
    path: str,
    body: dict[str, object],
    *,
    password: str | None = None,
) -> httpx.Response:
    """MLflow's answer to a user whose request also says that it is somebody else's."""
    return httpx.post(
        f"{mlflow.url}/api/2.0/mlflow/{path}",
        json=body,
        auth=(user, password or PASSWORDS[user]),
        headers={"X-Twinline-Actor": "eve"},
        timeout=30,
    )


@pytest.mark.slow
def test_an_mlflow_with_logins_tells_who_and_lets_the_mirror_in(
    mlflow: OutboxMlflow,
    twinline: Twinline,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (
        twinline.up() as client,
        MlflowRegistry(mlflow.url, login=("admin", PASSWORDS["admin"])) as admin,
    ):
        asked(mlflow, "ana", "registered-models/create", {"name": "churn"}).raise_for_status()
        described = {"name": "churn", "key": "team", "value": "b"}
        refused = [
            asked(mlflow, "reader", "registered-models/set-tag", described),
            asked(mlflow, "ana", "registered-models/set-tag", described, password="wrong"),
        ]
        assert [answer.status_code for answer in refused] == [403, 401]
        admin.add("churn", "openai:/gpt-4o")
        admin.put_alias("churn", "champion", 1)
        eventually(lambda: ("registered_model_alias", "admin") in by_whom(client))
        assert by_whom(client)[0] == ("registered_model", "ana")
        assert {actor for _, actor in by_whom(client)} == {"ana", "admin"}

        with pytest.raises(MlflowUnavailable, match="TWINLINE_MLFLOW_USERNAME"):
            Mirror(database, MlflowServer(mlflow.url)).catch_up()
        for name, value in {
            "URL": mlflow.url,
            "USERNAME": "reader",
            "PASSWORD": PASSWORDS["reader"],
        }.items():
            monkeypatch.setenv(f"TWINLINE_MLFLOW_{name}", value)
        mirror = Mirror(database, serving.mirroring(Settings()).server("default"))
        mirror.sweep(full=True)
        version = mirror.version("models:/churn/1")
        assert isinstance(version, ModelVersion)
        assert version.aliases == ("champion",)
        (alias,) = client.mirror.aliases("churn")
        assert (alias.number, alias.actor) == (1, "admin")


def by_whom(client: Client) -> list[tuple[str, str | None]]:
    return [(one.entity, one.actor) for one in client.mlflow_changes.list()]


def eventually(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not happens():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
