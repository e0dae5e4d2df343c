"""What Langfuse's SDKs send and read, as far as it differs from our own records."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictStr

from twinline.language.names import Label, Name
from twinline.language.records import Instant, Json, PromptKind
from twinline.language.records.base import Record, Request
from twinline.language.records.templates import VARIABLE_PATTERN

Tag = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class SentMessage(Request):
    """A message of a chat; the SDKs' own objects say a type that means nothing more."""

    type: Literal["chatmessage", "message"] | None = None
    role: Annotated[StrictStr, Field(min_length=1, max_length=50)]
    content: StrictStr


class SentPlaceholder(Request):
    """The place of the caller's own messages."""

    type: Literal["placeholder"] | None = None
    name: Annotated[StrictStr, Field(pattern=VARIABLE_PATTERN)]


def _given(value: object) -> object:
    """Some SDKs send null for what was not said."""
    return () if value is None else value


class NewPrompt(Request):
    """The first version of a prompt, or its next one."""

    name: Name
    type: PromptKind | None = None
    prompt: (
        Annotated[StrictStr, Field(min_length=1)]
        | Annotated[tuple[SentMessage | SentPlaceholder, ...], Field(min_length=1)]
    )
    config: Annotated[
        Json | None, Field(description="An object; its member `twinline` is ours and left out.")
    ] = None
    labels: Annotated[tuple[Label, ...], BeforeValidator(_given)] = ()
    tags: Annotated[
        tuple[Tag, ...] | None,
        Field(description="Of the prompt; null leaves them as they are.", max_length=100),
    ] = None
    commit_message: Annotated[str | None, Field(alias="commitMessage", max_length=1000)] = None


class NewLabels(Request):
    """Labels to move to a version."""

    new_labels: Annotated[tuple[Label, ...], Field(alias="newLabels", max_length=100)]


class PromptRow(Record):
    """A prompt version in Langfuse's words."""

    name: str
    version: int
    type: PromptKind
    prompt: str | tuple[Json, ...]
    config: Json
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    commit_message: str | None = Field(serialization_alias="commitMessage")

    def aged(self, stale_seconds: float | None) -> "PromptRow":
        """The row, with its age said where it reaches the user's object."""
        ours = {**self.config["twinline"], "stale_seconds": stale_seconds or 0.0}
        return self.model_copy(update={"config": {**self.config, "twinline": ours}})


class PromptMeta(Record):
    """A prompt in a list: all of its versions that fit the filters, together."""

    name: str
    type: PromptKind = Field(description="Of the newest of these versions.")
    versions: tuple[int, ...]
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    last_updated_at: Instant = Field(serialization_alias="lastUpdatedAt")
    last_config: Json = Field(serialization_alias="lastConfig")


class PageMeta(Record):
    """Where in a list a page is."""

    page: int
    limit: int
    total_items: int = Field(serialization_alias="totalItems")
    total_pages: int = Field(serialization_alias="totalPages")


class PromptMetas(Record):
    """A page of prompts."""

    data: tuple[PromptMeta, ...]
    meta: PageMeta


class Organization(Record):
    """Whom a project belongs to."""

    id: str = "twinline"
    name: str = "Twinline"


class Project(Record):
    """The one project that a catalog is to a Langfuse client."""

    id: str = "twinline"
    name: str = "Twinline"
    metadata: Json = Field(default_factory=dict)
    organization: Organization = Organization()


class Projects(Record):
    """The projects of a key."""

    data: tuple[Project, ...] = (Project(),)


class SentEvents(Request):
    """What SDKs before version 3 send of traces; newer ones send scores so."""

    batch: Annotated[tuple[Json, ...], Field(max_length=10_000)]
    metadata: object = None


class EventTaken(Record):
    """An event that was taken."""

    id: str
    status: Literal[201] = 201


class EventRefused(Record):
    """An event that was not taken, and why."""

    id: str
    status: int
    message: str
    error: str


class EventsTaken(Record):
    """What became of each event."""

    successes: tuple[EventTaken, ...]
    errors: tuple[EventRefused, ...]
