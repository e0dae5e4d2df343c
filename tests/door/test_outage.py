"""A database that is away is said at once, and what needs none goes on."""

import time
from collections.abc import Generator
from contextlib import contextmanager

import httpx
from sqlalchemy import text

from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.db.session import Database, Writing, connect
from twinline.language.errors import DatabaseUnavailable
from twinline.language.records import NewKey, Role


def test_an_endpoint_says_within_seconds_that_the_database_is_away(database: Database) -> None:
    app = make_app(database)
    with served(app) as url:
        app.state.database = connect("postgresql://nobody@127.0.0.1:1/none")
        begun = time.monotonic()
        answer = httpx.get(f"{url}/api/v1/slots", headers={"X-API-Key": "twl_x"}, timeout=20)
        assert time.monotonic() - begun < 5
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["type"] == "urn:twinline:problem:database-unavailable"
        assert httpx.get(f"{url}/healthz").status_code == 200
        ready = httpx.get(f"{url}/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert "does not answer" in ready.json()["checks"]["database"]


def test_an_overloaded_database_refuses_instead_of_queueing(database: Database) -> None:
    small = connect(
        database.engine.url.render_as_string(hide_password=False), pool_size=1, wait_seconds=0.2
    )
    app = make_app(database)
    with served(app) as url:
        app.state.database = small
        with small.reading():
            answer = httpx.get(f"{url}/api/v1/slots", headers={"X-API-Key": "twl_x"})
        assert answer.status_code == 503
        assert "busy" in answer.json()["detail"]
    small.close()


def test_what_would_lose_confirmed_writes_is_not_ready(database: Database) -> None:
    with database.writing("test") as tx:
        name = tx.value(text("select current_database()"))
        tx.run(text(f"alter database {name} set synchronous_commit = off"))
    careless = connect(database.engine.url.render_as_string(hide_password=False))
    app = make_app(database)
    with served(app) as url:
        assert httpx.get(f"{url}/readyz").status_code == 200
        app.state.database = careless
        ready = httpx.get(f"{url}/readyz")
        assert ready.status_code == 503
        assert "synchronous_commit off" in ready.json()["checks"]["durability"]
    careless.close()


class Unlucky(Database):
    """Fails at the very end of a transaction, as when the disk is full at the commit."""

    @contextmanager
    def writing(self, actor: str) -> Generator[Writing]:
        with super().writing(actor) as tx:
            yield tx
            raise DatabaseUnavailable("The commit failed.")


def test_a_write_whose_commit_fails_is_never_answered_with_success(database: Database) -> None:
    with database.writing("test") as tx:
        key = access.issue_key(tx, NewKey(owner="ana", role=Role.ADMIN)).key
    app = make_app(database)
    body = {"name": "p", "template": "x"}
    with served(app) as url, httpx.Client(headers={"X-API-Key": key}) as http:
        app.state.database = Unlucky(database.engine)
        assert http.post(f"{url}/api/v1/prompts", json=body).status_code == 503
        app.state.database = database
        assert http.get(f"{url}/api/v1/prompts").json()["items"] == []
        assert http.post(f"{url}/api/v1/prompts", json=body).status_code == 201


def test_an_mlflow_that_is_away_is_said_and_the_rest_goes_on(
    http: httpx.Client,
) -> None:
    answer = http.post("/mlflow/models", json={"name": "churn"})
    assert answer.status_code == 503
    assert "TWINLINE_MLFLOW_URL" in answer.json()["detail"]
    assert http.get("/slots").status_code == 200
