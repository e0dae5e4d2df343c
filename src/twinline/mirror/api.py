"""The mirror of MLflow over HTTP."""

from typing import Annotated

from fastapi import Query, Request, Response

from twinline.access.gate import Caller, Cursor, Limit, caller, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.names import FreeName
from twinline.language.records import (
    MirrorAlias,
    MirrorDrift,
    MirrorKind,
    MirrorStatus,
    MirrorTag,
    MlflowImport,
    ModelVersion,
    Page,
    SyncRequest,
)
from twinline.mirror import actions
from twinline.mirror.catching import Catching
from twinline.mirror.mirroring import Mirroring
from twinline.mirror.naming import Place

router = strict_router("mlflow", prefix="/mlflow")
Importer = Annotated[Caller, caller(Permission.MODELS)]
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.MODELS)]
CatalogName = Annotated[
    FreeName, Query(description="Its name in the catalog, as churn, eu/churn, mlflow/answer.")
]
Kind = Annotated[MirrorKind, Query(description="What it is.")]


@router.post(
    "/models",
    status_code=201,
    response_model=ModelVersion,
    responses={200: {"model": ModelVersion, "description": "The version was known already"}},
)
def import_version(body: MlflowImport, request: Request, by: Importer) -> Response:
    """Read a model version from an MLflow server, with its run and datasets.

    The name in the catalog is the mirror's: the model's own in the default workspace of the
    default server, with the server and the workspace before it elsewhere. Reading it again
    takes over what MLflow says now about params, metrics, tags and aliases. What was made
    again in MLflow gets a name of its own; another source or run under the same number of
    the same name is refused.
    """
    place = Place(body.server, body.workspace)
    server = mirroring(request).server_of(place)
    found = server.found(body)
    catching = Catching(by.database, server, read_seconds=None)
    catching.end_what_is_gone(place, found.model.name, found.model, "sweep")
    with by.writing() as tx:
        version, made = actions.keep_found(tx, place, found)
    return Response(version.model_dump_json(), 201 if made else 200, media_type="application/json")


@router.get("/status")
def status(request: Request, tx: Read) -> MirrorStatus:
    """How far the mirror is behind each MLflow server, what waits, and what is in its way."""
    return mirroring(request).status(tx)


@router.get("/drift")
def list_drift(tx: Read, cursor: Cursor = None, limit: Limit = 100) -> Page[MirrorDrift]:
    """What MLflow no longer has as the catalog knows it: versions and names that were
    deleted, renamed, made again or tampered with, the newest finding first."""
    return actions.list_drift(tx, cursor=cursor, limit=limit)


@router.get("/history/aliases")
def list_aliases(
    name: CatalogName, tx: Read, kind: Kind = "model", cursor: Cursor = None, limit: Limit = 100
) -> Page[MirrorAlias]:
    """Where the aliases of a mirrored model or prompt were in MLflow, from when until when and
    by whom, the newest first."""
    return actions.list_aliases(tx, name, kind, cursor=cursor, limit=limit)


@router.get("/history/tags")
def list_tags(
    name: CatalogName, tx: Read, kind: Kind = "model", cursor: Cursor = None, limit: Limit = 100
) -> Page[MirrorTag]:
    """What the tags of a mirrored model or prompt and of its versions were in MLflow, from when
    until when and by whom, the newest first."""
    return actions.list_tags(tx, name, kind, cursor=cursor, limit=limit)


@router.post("/sync", status_code=202)
def sync(request: Request, tx: Write, body: SyncRequest) -> MirrorStatus:
    """Sweep MLflow now; ``GET /mlflow/status`` shows how far that is."""
    actions.ask_sync(tx, mirroring(request).places, body)
    return mirroring(request).status(tx)


def mirroring(request: Request) -> Mirroring:
    """The mirror of this process."""
    return request.app.state.mirroring
