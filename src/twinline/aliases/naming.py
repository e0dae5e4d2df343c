"""Where MLflow keeps what the catalog knows as a model."""

from typing import NamedTuple

from twinline.language.mlflow_names import model_in_mlflow
from twinline.mirror.naming import DEFAULT, Place


class Registered(NamedTuple):
    """A registered model of an MLflow server."""

    place: Place
    name: str


def registered(model: str) -> Registered:
    """Where a model that came from MLflow is registered, by its name in the catalog; see
    `twinline.mirror.naming.catalog_name`."""
    folders, name = model_in_mlflow(model)
    server, workspace, *_ = *folders, *[DEFAULT] * 2
    return Registered(Place(server, workspace), name)
