"""Databases for MLflow, of both kinds that the outbox knows."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.outbox.stores import let_go, make_tables
from twinline.mlflow import outbox_store
from twinline.mlflow.outbox import Outbox

DatabaseUrl = Callable[[], str]
_numbers = itertools.count(1)
_TEMPLATE = "template_mlflow"


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def template_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A database with MLflow's tables and nothing in them, of one kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('mlflow') / _TEMPLATE}.db"
        make_tables(url)
        yield url
        return
    postgres = request.getfixturevalue("postgres")
    _administer(postgres, f"create database {_TEMPLATE}")
    url = _beside(postgres, _TEMPLATE)
    make_tables(url)
    yield url
    _administer(postgres, f"drop database {_TEMPLATE} with (force)")


@pytest.fixture
def mlflow_url(template_url: str, tmp_path: Path) -> Iterator[DatabaseUrl]:
    """Makes databases with MLflow's tables."""
    made: list[str] = []

    def make() -> str:
        name = f"mlflow_{next(_numbers)}"
        if template_url.startswith("sqlite"):
            shutil.copy(template_url.removeprefix("sqlite:///"), tmp_path / f"{name}.db")
            return f"sqlite:///{tmp_path / name}.db"
        _administer(template_url, f"create database {name} template {_TEMPLATE}")
        made.append(name)
        return _beside(template_url, name)

    yield make
    for _, sender in outbox_store._senders.values():
        sender.close()
    outbox_store._senders.clear()
    let_go()
    for name in made:
        _administer(template_url, f"drop database {name} with (force)")


@pytest.fixture
def outbox(mlflow_url: DatabaseUrl) -> Iterator[Outbox]:
    """An outbox in a database of its own."""
    made = Outbox(mlflow_url())
    made.make()
    yield made
    made.close()


def _beside(url: str, name: str) -> str:
    """The URL of another database of the same server, as MLflow takes it."""
    named = make_url(url).set(drivername="postgresql", database=name)
    return named.render_as_string(hide_password=False)


def _administer(url: str, statement: str) -> None:
    engine = create_engine(make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
