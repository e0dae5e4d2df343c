"""A real MLflow, a Twinline server that read a model from it, and applications with hooks."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.cli.demo.mlflow_server import MlflowProcess
from twinline.client import Client
from twinline.db.session import Database
from twinline.language.records import Bundle, Inference, NewKey, Role
from twinline.mirror.mirroring import Mirroring
from twinline.mirror.remote import MlflowServer
from twinline.mlflow import tracing

with warnings.catch_warnings(action="ignore"):  # MLflow's own, at import
    import mlflow

    from twinline.cli.demo.trained import MODEL, TrainedVersion

ROUTE, PROMPT = "triage", "support/triage"
TEMPLATE = "Which team should answer {{ question }}?"


@dataclass
class Stage:
    """A catalog where version 1 of MLflow's model and a prompt are live at ``triage@production``.

    Attributes:
        url: the Twinline server's.
        mlflow: the MLflow server that the model is in.
        admin: a client that may do everything.
        bundle: what is live.
    """

    url: str
    mlflow: MlflowProcess
    trained: tuple[TrainedVersion, ...]
    admin: Client
    key: str
    bundle: Bundle
    open: ExitStack = field(default_factory=ExitStack)

    def application(self, folder: Path, **more: object) -> Client:
        """A client as an application has it."""
        made = Client(str(more.pop("url", self.url)), self.key, folder=folder)
        self.open.callback(made.close)
        return made

    def inference(self, id: str) -> Inference:
        return self.admin.inferences.get(UUID(id))

    def release(self, slot: str, prompt: str, template: object = TEMPLATE) -> Bundle:
        """A bundle of the model and another prompt, made live in a slot of its own."""
        version = self.admin.prompts.create(prompt, template)  # pyright: ignore[reportArgumentType] -- any template
        bundle = self.admin.bundles.pair(f"models:/{MODEL}/1", version.ref)
        known = {one.ref.short: one.live for one in self.admin.slots.list()}
        live = known.get(slot)
        self.admin.slots.deploy(
            slot, bundle.ref, reason="a test", expected=live.number if live else 0
        )
        return bundle


@pytest.fixture(scope="session")
def stage(
    lasting_database: Database,
    mlflow_trained: tuple[MlflowProcess, tuple[TrainedVersion, ...]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    """One for all tests of hooks: each has its own application and asks for its own ids."""
    mlflow, trained = mlflow_trained
    with lasting_database.writing("test") as tx:
        admin_key = access.issue_key(tx, NewKey(owner="ana", role=Role.ADMIN)).key
        key = access.issue_key(tx, NewKey(owner="app", role=Role.SERVICE)).key
    folder = tmp_path_factory.mktemp("admin")
    with (
        served(make_app(lasting_database, Mirroring([MlflowServer(mlflow.url)]))) as url,
        Client(url, admin_key, folder=folder) as admin,
    ):
        admin.models.import_from_mlflow(MODEL, number=1)
        made = Stage(url, mlflow, trained, admin, key, bundle=None)  # pyright: ignore[reportArgumentType] -- made next
        made.bundle = made.release(f"{ROUTE}@production", PROMPT)
        with made.open:
            yield made


@pytest.fixture
def application(stage: Stage, tmp_path: Path) -> Client:
    return stage.application(tmp_path / "application")


@pytest.fixture
def shipped(stage: Stage, application: Client) -> Callable[[str], Inference]:
    """An inference as the catalog has it, once the application has shipped what it spooled."""

    def found(id: str) -> Inference:
        assert application.flush()
        return stage.inference(id)

    return found


@pytest.fixture
def traces(stage: Stage) -> Callable[[Inference], Any]:
    """The MLflow trace of an inference, from the server."""

    def found(kept: Inference) -> Any:
        mlflow.flush_trace_async_logging()
        trace = mlflow.get_trace(f"tr-{kept.trace_id}")
        assert trace is not None, kept.trace_id
        return trace

    return found


@pytest.fixture
def complaints(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What hooks warned of in this test."""
    tracing._warn_once.cache_clear()
    return lambda: [one.getMessage() for one in caplog.records if one.name == "twinline.mlflow"]


@pytest.fixture(autouse=True)
def _nothing_ails(
    request: pytest.FixtureRequest, complaints: Callable[[], list[str]]
) -> Iterator[None]:
    """What ails tracing is hidden from programs, and must not be from tests."""
    yield
    if request.node.get_closest_marker("ails") is None:
        assert complaints() == []
