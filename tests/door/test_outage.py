"""A database that is away is said at once, and what needs none goes on."""

import time

import httpx
from sqlalchemy import text

from tests.support.serving import served
from twinline.app import make_app
from twinline.db.session import Database, connect


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


def test_an_mlflow_that_is_away_is_said_and_the_rest_goes_on(
    http: httpx.Client,
) -> None:
    answer = http.post("/mlflow/models", json={"name": "churn"})
    assert answer.status_code == 503
    assert "TWINLINE_MLFLOW_URL" in answer.json()["detail"]
    assert http.get("/slots").status_code == 200
