"""What happened in an MLflow registry, change by change, as its outbox tells it."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from twinline.language.records.base import Count, Instant, Json, Record, Request
from twinline.language.records.mirror import ServerName

MlflowEntity = Literal[
    "registered_model",
    "registered_model_tag",
    "registered_model_alias",
    "model_version",
    "model_version_tag",
    "outbox",
]
"""A table of MLflow's registry, in the singular. A prompt is a registered model, its template a
tag of the version. ``outbox`` is the outbox itself, when it lost changes."""

MlflowAction = Literal["insert", "update", "delete", "lost"]

ACTOR_CHARACTERS_MAX = 500
"""What is kept of an actor; MLflow takes a header of any length for one."""

OutboxSequence = Annotated[
    int,
    Field(
        ge=1,
        lt=2**62,
        description="Its place in the outbox: 1, 2, 3 ..., in the order of MLflow's commits.",
    ),
]
_Key = Annotated[
    Json,
    Field(
        description="The row's primary key in MLflow but for the workspace, as it was before the "
        "change: `name`, and `version`, `alias` or `key`."
    ),
]
_Before = Annotated[
    Json | None, Field(description="Old values: of what an update changed, or the whole row.")
]
_After = Annotated[
    Json | None, Field(description="New values: of what an update changed, or the whole row.")
]
_Actor = Annotated[
    str | None,
    Field(
        max_length=ACTOR_CHARACTERS_MAX,
        description="Whom MLflow's request named; None: MLflow was not told.",
    ),
]


class ReportedChange(Request):
    """One row of MLflow's registry that was inserted, updated or deleted."""

    sequence: OutboxSequence
    at: Annotated[
        int,
        Field(
            ge=0,
            lt=2**47,
            description="When, on the clock of the MLflow process: milliseconds since 1970.",
        ),
    ]
    workspace: Annotated[str, Field(max_length=63)]
    entity: MlflowEntity
    action: Literal["insert", "update", "delete"]
    key: _Key
    before: _Before = None
    after: _After = None
    actor: _Actor = None


class ChangeReport(Request):
    """Changes in a row, as one outbox sends them."""

    outbox: Annotated[UUID, Field(description="Which outbox it is: one for each MLflow database.")]
    changes: Annotated[tuple[ReportedChange, ...], Field(min_length=1, max_length=1000)]
    lost: Annotated[
        Count,
        Field(description="How many changes just before the first the outbox no longer has."),
    ] = 0


class ChangesTaken(Record):
    """How far the catalog knows an outbox."""

    through: OutboxSequence


class MlflowChange(Record):
    """One change in an MLflow registry, as it was reported."""

    number: int = Field(description="Its place among all changes that were reported here.")
    server: ServerName
    outbox: UUID
    sequence: OutboxSequence
    at: Instant
    workspace: str
    entity: MlflowEntity
    action: MlflowAction
    name: str | None = Field(description="The registered model; None for the outbox itself.")
    new_name: str | None = Field(description="What a rename made of the name.")
    key: _Key
    before: _Before
    after: _After
    actor: _Actor
    reported_by: str = Field(description="The owner of the API key that told it.")
    received_at: Instant
