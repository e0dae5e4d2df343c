"""A real MLflow on loopback with the demo's two model versions, once for all tests."""

import warnings
from collections.abc import Iterator

import pytest

from tests.support.mlflow_registry import MlflowRegistry
from twinline.cli.demo.mlflow_server import MlflowProcess

TELLING = {
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_CACHE_TTL": "1",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": "dGhpcyBrZXkgaXMgbm9uZSBvZiBhbnlib2R5J3MgISE=",
}
"""What lets MLflow send webhooks to loopback, and notice new ones within a second."""


@pytest.fixture(scope="session")
def mlflow_trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple]:
    """The running ``MlflowProcess`` and the ``TrainedVersion``s that it holds."""
    folder = tmp_path_factory.mktemp("mlflow")
    with MlflowProcess(folder, also=TELLING) as server:
        with warnings.catch_warnings(action="ignore"):  # MLflow's own, at import
            from twinline.cli.demo.training import train
        server.wait_until_ready()
        yield server, train(server.url, folder)


@pytest.fixture(scope="session")
def mlflow_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowRegistry]:
    """The empty registry of a running MLflow; each test takes model names of its own."""
    with MlflowProcess(tmp_path_factory.mktemp("mlflow-registry")) as server:
        server.wait_until_ready()
        with MlflowRegistry(server.url) as registry:
            yield registry
