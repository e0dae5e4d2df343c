"""A mirror of the tests' MLflow server, in a database of the test's own."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import text

from tests.support.mlflow_registry import MlflowRegistry
from twinline.db.session import Database
from twinline.language.records import MirrorDrift, ModelVersion, PromptVersion
from twinline.language.refs import ModelVersionRef, PromptVersionRef, parse_ref
from twinline.mirror import actions
from twinline.mirror.remote import MlflowServer
from twinline.mirror.sweeping import Cadence
from twinline.mirror.worker import Worker
from twinline.models import actions as models
from twinline.prompts import actions as prompts

NEVER = 10.0**9


class Mirror:
    """A mirror that works when it is told to, step by step."""

    def __init__(self, database: Database, server: MlflowServer) -> None:
        self.database = database
        self.server = server
        self.worker = Worker(database, server, Cadence(fast_seconds=NEVER, full_seconds=NEVER))

    def catch_up(self) -> None:
        """Work until nothing is left to do."""
        while self.worker.step():
            pass

    def sweep(self, *, full: bool = False) -> None:
        """Sweep once and work off what that found."""
        self.want_sweep(full=full)
        self.catch_up()

    def want_sweep(self, *, full: bool = False) -> None:
        column = "full_sweep_at" if full else "sweep_at"
        with self.database.writing("test") as tx:
            tx.run(text(f"update mirror_place set {column} = clock_timestamp()"))

    def age(self) -> None:
        """All that moved until now did so long ago."""
        with self.database.writing("test") as tx:
            tx.run(text("update mirror_place set watermark_ms = watermark_ms + 3600000"))

    def version(self, ref: str) -> ModelVersion | PromptVersion:
        parsed = parse_ref(ref)
        with self.database.reading() as tx:
            if isinstance(parsed, ModelVersionRef):
                return models.read_version(tx, parsed)
            assert isinstance(parsed, PromptVersionRef)
            return prompts.read_version(tx, parsed)

    def drift(self, name: str) -> list[MirrorDrift]:
        """What was found of names that begin so, the oldest first."""
        with self.database.reading() as tx:
            found = actions.list_drift(tx, cursor=None, limit=500).items
        return [one for one in reversed(found) if one.name.startswith(name)]

    def value(self, query: str, **values: object) -> object:
        with self.database.reading() as tx:
            return tx.value(text(query), values)

    def retired(self, ref: str) -> bool:
        query = (
            "select count(*) from withdrawal join node on node.id = node_id"
            " where ref = :ref and withdrawal.kind = 'retired' and lifted_at is null"
        )
        return self.value(query, ref=ref) == 1


@pytest.fixture
def registry(mlflow_trained) -> Iterator[MlflowRegistry]:
    with MlflowRegistry(mlflow_trained[0].url) as made:
        yield made


@pytest.fixture
def mirror(database: Database, mlflow_trained) -> Mirror:
    return Mirror(database, MlflowServer(mlflow_trained[0].url))


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"n{uuid4().hex[:10]}"
