"""PostgreSQL for the tests: one real server, and a database or a rehearsal for each test."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, make_url, text

from tests.support.rehearsal import Rehearsal
from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app, serve
from twinline.client import Client
from twinline.db import migrations
from twinline.db.embedded import Cluster, find_binaries
from twinline.db.session import Database, connect
from twinline.inferences import actions as inferences
from twinline.language.records import NewKey, Role

os.environ.pop("COLUMNS", None)  # the width of whose terminal runs the tests

pytest_plugins = ["tests.mlflow_fixtures"]

settings.register_profile(
    "twinline", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("twinline")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server of our own; the binaries are those that CI chose, if it did."""
    chosen = os.environ.get("TWINLINE_TEST_POSTGRES_BIN")
    binaries = find_binaries(Path(chosen) if chosen else None)
    options = {"max_connections": "200"}
    home = tmp_path_factory.mktemp("postgres")
    with Cluster(home, binaries, options=options, single_owner=True) as cluster:
        yield cluster.url


@pytest.fixture(scope="session")
def template(postgres: str) -> str:
    """The name of a database at our schema, with the ledger's days, to make others from."""
    name = "template_twinline"
    _administer(postgres, f"create database {name}")
    database = connect(_named(postgres, name))
    migrations.upgrade(database)
    with database.writing("test") as tx:
        inferences.keep_days(tx)
    database.close()
    return name


@pytest.fixture
def empty_database(postgres: str) -> Iterator[Database]:
    """A database without any table."""
    yield from _fresh(postgres, "template1")


@pytest.fixture
def database(postgres: str, template: str) -> Iterator[Database]:
    """A database of the test's own, for tests that need real commits."""
    yield from _fresh(postgres, template)


@pytest.fixture(scope="module")
def shared_database(postgres: str, template: str) -> Iterator[Database]:
    """A database of the file's own, for tests that only read what is in it."""
    yield from _fresh(postgres, template)


@pytest.fixture(scope="session")
def lasting_database(postgres: str, template: str) -> Iterator[Database]:
    """A database that keeps what is committed, for tests that share it."""
    yield from _fresh(postgres, template)


@pytest.fixture(scope="session")
def stage(postgres: str, template: str) -> Iterator[Database]:
    yield from _fresh(postgres, template)


@pytest.fixture
def rehearsal(stage: Database) -> Iterator[Rehearsal]:
    """A database whose changes are gone after the test."""
    with stage.engine.connect() as connection:
        outer = connection.begin()
        yield Rehearsal(connection)
        outer.rollback()


@pytest.fixture(scope="session")
def _app_url(stage: Database) -> Iterator[tuple[str, Callable[[Database], None]]]:
    app = make_app(stage)
    with served(app) as url:
        yield url, lambda database: serve(app, database)


@pytest.fixture
def url(_app_url: tuple[str, Callable[[Database], None]], rehearsal: Rehearsal) -> str:
    """A server over the test's rehearsal."""
    found, over = _app_url
    over(rehearsal)
    return found


@pytest.fixture
def issue(rehearsal: Rehearsal) -> Callable[[Role], str]:
    """Makes a key of a role; its owner is called like the role."""

    def made(role: Role) -> str:
        with rehearsal.writing("test") as tx:
            return access.issue_key(tx, NewKey(owner=role.value, role=role)).key

    return made


@pytest.fixture
def key(issue: Callable[[Role], str]) -> str:
    """An admin's key."""
    return issue(Role.ADMIN)


@pytest.fixture
def client(url: str, key: str) -> Iterator[Client]:
    """Our client, with an admin's key."""
    with Client(url, key) as made:
        yield made


@pytest.fixture
def http(url: str, key: str) -> Iterator[httpx.Client]:
    """A plain HTTP client at the API, with an admin's key."""
    headers = {"X-API-Key": key}
    with httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=30) as made:
        yield made


def _fresh(postgres: str, template: str) -> Iterator[Database]:
    name = f"test_{next(_numbers)}"
    _administer(postgres, f"create database {name} template {template}")
    database = connect(_named(postgres, name), pool_size=60, wait_seconds=30)
    yield database
    database.close()
    _administer(postgres, f"drop database {name} with (force)")


def _named(postgres: str, name: str) -> str:
    return make_url(postgres).set(database=name).render_as_string(hide_password=False)


def _administer(postgres: str, statement: str) -> None:
    engine = create_engine(make_url(postgres), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
