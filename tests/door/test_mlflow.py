"""MLflow at the door: a real server's versions become ours, with their lineage."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support.mlflow_registry import MlflowRegistry
from tests.support.rehearsal import Rehearsal
from tests.support.serving import served
from twinline.app import make_app
from twinline.cli.demo.mlflow_server import MlflowProcess
from twinline.cli.demo.trained import MODEL, TrainedVersion
from twinline.client import Client
from twinline.language.errors import MlflowUnavailable, NotFound
from twinline.language.records import Role
from twinline.mirror.mirroring import Mirroring
from twinline.mirror.remote import MlflowServer

Trained = tuple[MlflowProcess, tuple[TrainedVersion, ...]]


@pytest.fixture
def importing(
    rehearsal: Rehearsal, issue: Callable[[Role], str], mlflow_trained: Trained
) -> Iterator[Client]:
    """A client of a server that reads from the MLflow server of the tests."""
    app = make_app(rehearsal, Mirroring([MlflowServer(mlflow_trained[0].url)]))
    with served(app) as url, Client(url, issue(Role.AUTHOR)) as client:
        yield client


def test_a_version_comes_with_its_run_datasets_metrics_and_aliases(
    importing: Client, mlflow_trained: Trained
) -> None:
    trained = mlflow_trained[1][1]
    made = importing.models.import_from_mlflow(MODEL, alias="champion")
    assert (made.number, made.source, made.pinned) == (trained.number, "mlflow", True)
    assert made.metrics["accuracy"] == pytest.approx(trained.accuracy)
    assert made.aliases == ("champion",)
    assert made.run is not None
    assert made.run.id == trained.run_id
    run = importing.models.run(trained.run_id)
    assert len(run.datasets) == 2
    (dataset,) = importing.models.datasets(run.datasets[0].name)
    assert dataset.profile["num_rows"] > 100


def test_reading_it_again_is_the_same_version(importing: Client) -> None:
    first = importing.models.import_from_mlflow(MODEL, number=1)
    assert importing.models.import_from_mlflow(MODEL, number=1) == first
    assert len(list(importing.models.versions(MODEL))) == 1


def test_what_was_made_again_under_its_name_is_told_apart(
    importing: Client, mlflow_trained: Trained
) -> None:
    """Also where no mirror looked in between."""
    with MlflowRegistry(mlflow_trained[0].url) as registry:
        for number, source in enumerate(("s3://models/a", "s3://models/b"), 1):
            registry.make("again")
            registry.add("again", source)
            made = importing.models.import_from_mlflow("again", number=1)
            assert made.source_uri == source
            assert made.name == ("again" if number == 1 else "again/recreated-2")
            assert importing.models.import_from_mlflow("again", number=1) == made
            if number == 1:
                registry.drop("again")
        registry.rename("again", "again-renamed")
        registry.make("again", versions=1)
    assert importing.models.import_from_mlflow("again").name == "again/recreated-3"
    assert importing.models.get("again", 1).source_uri == "s3://models/a"
    found = [one for one in importing.mirror.drift() if one.name == "again"]
    assert [(one.kind, one.catalog_name) for one in reversed(found)] == [
        ("recreated", "again"),
        ("renamed", "again/recreated-2"),
    ]


def test_a_dataset_s_lineage_reaches_the_models_that_learned_from_it(importing: Client) -> None:
    for number in (1, 2):
        importing.models.import_from_mlflow(MODEL, number=number)
    run = importing.models.get(MODEL, 1).run
    assert run is not None
    shared = set(importing.models.run(run.id).datasets)
    other = importing.models.get(MODEL, 2).run
    assert other is not None
    (held_out,) = shared & set(importing.models.run(other.id).datasets)
    found = importing.lineage.walk(held_out, direction="downstream")
    reached = {node.ref for node in found.nodes if node.kind == "model"}
    assert reached == {f"models:/{MODEL}/1", f"models:/{MODEL}/2"}


def test_what_mlflow_does_not_have_is_not_found_and_nothing_is_kept(importing: Client) -> None:
    with pytest.raises(NotFound, match="ticket-triag"):
        importing.models.import_from_mlflow("ticket-triag")
    assert list(importing.models.list()) == []


def test_an_mlflow_that_does_not_answer_is_named(
    rehearsal: Rehearsal, issue: Callable[[Role], str]
) -> None:
    app = make_app(rehearsal, Mirroring([MlflowServer("http://127.0.0.1:1")]))
    with served(app) as url, Client(url, issue(Role.AUTHOR)) as client:
        with pytest.raises(MlflowUnavailable, match=r"127\.0\.0\.1:1"):
            client.models.import_from_mlflow("churn")
        assert httpx.get(f"{url}/readyz").status_code == 200
        client.prompts.create("p", "what needs no MLflow goes on")
