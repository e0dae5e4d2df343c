"""Models, their versions, and the runs and datasets that made them."""

from typing import Annotated, Literal

from pydantic import Field

from twinline.language.canonical import Digest
from twinline.language.names import FreeName
from twinline.language.records.base import (
    Instant,
    Json,
    Number,
    Reason,
    Record,
    Request,
    example,
)
from twinline.language.records.mirror import ServerName
from twinline.language.refs import DatasetRef, ModelVersionRef, RunRef

ModelSource = Literal["mlflow", "provider"]
WORD_PATTERN = r"^[^\x00-\x1f\x7f-\x9f/]+$"
STARRED_PATTERN = r"^[^\x00-\x1f\x7f-\x9f*]*\*?$"


class DatasetFacts(Request):
    """A dataset that went into a run, as the run logged it."""

    name: FreeName
    digest: Annotated[
        str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f/]+$")
    ]
    source_type: Annotated[str, Field(max_length=100)] = ""
    source: Annotated[str, Field(max_length=10_000)] = ""
    profile: Annotated[Json, Field(default_factory=dict, description="Row counts and the like.")]
    context: Annotated[
        str, Field(max_length=100, description="Its part in the run: training, evaluation ...")
    ] = ""


class RunFacts(Request):
    """The training run that made a model version."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$", max_length=100)]
    name: Annotated[str, Field(max_length=500)] = ""
    experiment: Annotated[str, Field(max_length=500)] = ""
    status: Annotated[str, Field(max_length=50)] = ""
    started_at: Instant | None = None
    ended_at: Instant | None = None
    params: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)
    datasets: tuple[DatasetFacts, ...] = ()


class NewModelVersion(Request):
    """A model version to register by hand, or as it was read from MLflow."""

    name: FreeName
    source: ModelSource = "provider"
    number: Annotated[
        Number | None,
        Field(description="The registry's own version; None takes the next free number."),
    ] = None
    source_uri: Annotated[
        str, Field(min_length=1, max_length=2000, examples=["openai:/gpt-4o-2024-08-06"])
    ]
    pinned: Annotated[
        bool, Field(description="False: the provider may change what answers to this name.")
    ] = True
    params: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    run: RunFacts | None = None

    model_config = example(
        name="gpt-4o", source_uri="openai:/gpt-4o-2024-08-06", params={"temperature": "0.2"}
    )


class Dataset(Record):
    """A dataset, by name and digest."""

    ref: DatasetRef
    name: str
    digest: str
    source_type: str
    source: str
    profile: Json
    created_at: Instant


class Run(Record):
    """An MLflow run, as it was when a model version that it made was read."""

    ref: RunRef
    id: str
    name: str
    experiment: str
    status: str
    started_at: Instant | None
    ended_at: Instant | None
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    datasets: tuple[DatasetRef, ...]
    created_at: Instant


class ModelVersion(Record):
    """A registered model's numbered version: mirrored from MLflow, or declared."""

    ref: ModelVersionRef
    name: str
    number: int
    source: ModelSource
    source_uri: str
    pinned: bool
    digest: Digest
    run: RunRef | None
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    aliases: tuple[str, ...]
    created_at: Instant


class Model(Record):
    """A registered model."""

    name: str
    source: ModelSource
    created_at: Instant
    latest: int = Field(description="The highest version number.")


class NewModelName(Request):
    """Which model version is meant where somebody else says this provider and model.

    ``name`` is a whole name, or ends in ``*`` and stands for all that begin so.
    """

    provider: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            pattern=WORD_PATTERN,
            examples=["openai"],
            description="As the caller says it; `*`: whichever.",
        ),
    ]
    name: Annotated[
        str,
        Field(min_length=1, max_length=300, pattern=STARRED_PATTERN, examples=["gpt-4o*"]),
    ]
    version: ModelVersionRef
    reason: Reason

    model_config = example(
        provider="openai", name="gpt-4o*", version="models:/gpt-4o/1", reason="what we bought"
    )


class ModelName(Record):
    """A name that stands for a model version, and who said so last."""

    provider: str
    name: str
    version: ModelVersionRef
    reason: str
    actor: str
    at: Instant


class MlflowImport(Request):
    """Which MLflow model version to read: by number, by alias, or the newest."""

    name: FreeName
    server: Annotated[ServerName, Field(description="One of those in the settings.")] = "default"
    workspace: Annotated[str, Field(min_length=1, max_length=200)] = "default"
    number: Number | None = None
    alias: Annotated[str | None, Field(min_length=1, max_length=255)] = None
