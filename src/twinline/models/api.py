"""Models, runs and datasets over HTTP."""

from typing import Annotated

from fastapi import Path, Response

from twinline.access.gate import Cursor, Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.names import FreeName
from twinline.language.records import (
    Dataset,
    Model,
    ModelName,
    ModelVersion,
    NewModelName,
    NewModelVersion,
    Number,
    Page,
    Run,
)
from twinline.language.refs import ModelVersionRef
from twinline.models import actions

router = strict_router("models")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.MODELS)]


@router.post(
    "/models",
    status_code=201,
    response_model=ModelVersion,
    responses={200: {"model": ModelVersion, "description": "The version existed already"}},
)
def register(body: NewModelVersion, tx: Write, once: OnceOnly) -> Response:
    """Register a model version by hand, say for a hosted provider's model.

    The same identity is one version: sending it again answers 200 and takes over
    params, metrics, tags and aliases.
    """

    def act() -> tuple[int, ModelVersion]:
        version, made = actions.register(tx, body)
        return (201 if made else 200), version

    return once(tx, act)


@router.put("/models/names")
def keep_name(body: NewModelName, tx: Write) -> ModelName:
    """Say which model version is meant where traces say this provider and model.

    It counts for spans that come from now on, whenever they began: what was recorded
    before stays as it is.
    """
    return actions.keep_name(tx, body)


@router.get("/models/names")
def list_names(tx: Read) -> Page[ModelName]:
    """All names that stand for model versions, by provider and name."""
    return actions.names(tx)


@router.delete("/models/names/{provider}/{name:path}")
def drop_name(
    provider: Annotated[str, Path(max_length=100, description="As it was entered.")],
    name: Annotated[str, Path(max_length=300, description="As it was entered, with its `*`.")],
    tx: Write,
) -> ModelName:
    """Let a name stand for nothing any more."""
    return actions.drop_name(tx, provider, name)


@router.get("/models")
def list_models(
    tx: Read,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Model]:
    """Models by name."""
    return actions.list_models(tx, cursor=cursor, limit=limit)


@router.get("/models/{name:path}/versions/{number}")
def read_version(name: FreeName, number: Number, tx: Read) -> ModelVersion:
    """One version of a model."""
    return actions.read_version(tx, ModelVersionRef(name, number))


@router.get("/models/{name:path}/versions")
def list_versions(
    name: FreeName, tx: Read, cursor: Cursor = None, limit: Limit = 100
) -> Page[ModelVersion]:
    """All versions of a model, the newest first."""
    return actions.list_versions(tx, name, cursor=cursor, limit=limit)


@router.get("/models/{name:path}")
def read_model(name: FreeName, tx: Read) -> Model:
    """A model and its highest version number."""
    return actions.read_model(tx, name)


@router.get("/runs/{id}")
def read_run(
    id: Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]+$", description="As MLflow says it.")],
    tx: Read,
) -> Run:
    """A run, with the datasets that went into it."""
    return actions.read_run(tx, id)


@router.get("/datasets/{name:path}")
def list_datasets(name: FreeName, tx: Read) -> Page[Dataset]:
    """The datasets of a name, one for each digest."""
    return actions.list_datasets(tx, name)
