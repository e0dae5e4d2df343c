"""Where MLflow keeps what the catalog knows as a model."""

from typing import NamedTuple

DEFAULT = "default"
"""The server that ``TWINLINE_MLFLOW_URL`` names."""


class Registered(NamedTuple):
    """A registered model of an MLflow server."""

    server: str
    name: str


def registered(model: str) -> Registered:
    """Where a model that came from MLflow is registered, by its name in the catalog."""
    return Registered(DEFAULT, model)
