"""Read model versions from MLflow, over HTTP."""

from typing import Annotated

from fastapi import Request, Response

from twinline.access.gate import Caller, caller, strict_router
from twinline.access.rules import Permission
from twinline.language.errors import MlflowUnavailable
from twinline.language.records import MlflowImport, ModelVersion
from twinline.mirror.remote import MlflowServer
from twinline.models import actions as models

router = strict_router("mlflow", prefix="/mlflow")
Importer = Annotated[Caller, caller(Permission.MODELS)]


@router.post(
    "/models",
    status_code=201,
    response_model=ModelVersion,
    responses={200: {"model": ModelVersion, "description": "The version was known already"}},
)
def import_version(body: MlflowImport, request: Request, by: Importer) -> Response:
    """Read a model version from the MLflow server, with its run and datasets.

    Reading it again takes over what MLflow says now about params, metrics, tags and
    aliases; another source or run under the same number is refused.
    """
    read = _server(request).model_version(body)
    with by.writing() as tx:
        version, made = models.register(tx, read)
    return Response(version.model_dump_json(), 201 if made else 200, media_type="application/json")


def _server(request: Request) -> MlflowServer:
    server: MlflowServer | None = request.app.state.mlflow
    if server is None:
        raise MlflowUnavailable(
            "No MLflow server is configured: set TWINLINE_MLFLOW_URL and restart."
        )
    return server
