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

    type: Literal["chatmessage", "message"] | None = Field(
        default=None, description="Means nothing more."
    )
    role: Annotated[
        StrictStr,
        Field(
            min_length=1,
            max_length=50,
            description="`system`, `user`, `assistant` or what the model knows.",
        ),
    ]
    content: StrictStr = Field(description="May hold `{{ variables }}`.")


class SentPlaceholder(Request):
    """The place of the caller's own messages."""

    type: Literal["placeholder"] | None = Field(
        default=None, description="Tells it from a message."
    )
    name: Annotated[
        StrictStr, Field(pattern=VARIABLE_PATTERN, description="What the messages are passed as.")
    ]


def _given(value: object) -> object:
    """Some SDKs send null for what was not said."""
    return () if value is None else value


class NewPrompt(Request):
    """The first version of a prompt, or its next one."""

    name: Name
    type: PromptKind | None = Field(default=None, description="None: as `prompt` says.")
    prompt: (
        Annotated[StrictStr, Field(min_length=1)]
        | Annotated[tuple[SentMessage | SentPlaceholder, ...], Field(min_length=1)]
    ) = Field(description="A text, or the messages of a chat.")
    config: Annotated[
        Json | None, Field(description="An object; its member `twinline` is ours and left out.")
    ] = None
    labels: Annotated[
        tuple[Label, ...],
        BeforeValidator(_given),
        Field(description="To move to this version; `latest` is left out."),
    ] = ()
    tags: Annotated[
        tuple[Tag, ...] | None,
        Field(description="Of the prompt; null leaves them as they are.", max_length=100),
    ] = None
    commit_message: Annotated[
        str | None, Field(alias="commitMessage", max_length=1000, description="What changed.")
    ] = None


class NewLabels(Request):
    """Labels to move to a version."""

    new_labels: Annotated[
        tuple[Label, ...],
        Field(
            alias="newLabels",
            max_length=100,
            description="To move to this version; it keeps those that it has.",
        ),
    ]


class PromptRow(Record):
    """A prompt version in Langfuse's words."""

    name: str = Field(description="With its folders.")
    version: int = Field(description="The number.")
    type: PromptKind = Field(description="A text, or the messages of a chat.")
    prompt: str | tuple[Json, ...] = Field(description="With what it includes.")
    config: Json = Field(description="The parameters, and what is ours in `twinline`.")
    labels: tuple[str, ...] = Field(description="On this version, `latest` among them.")
    tags: tuple[str, ...] = Field(description="Of the prompt, as `team=a` where one has a value.")
    commit_message: str | None = Field(
        serialization_alias="commitMessage", description="None: nothing was said."
    )

    def aged(self, stale_seconds: float | None) -> "PromptRow":
        """The row, with its age said where it reaches the user's object."""
        ours = {**self.config["twinline"], "stale_seconds": stale_seconds or 0.0}
        return self.model_copy(update={"config": {**self.config, "twinline": ours}})


class PromptMeta(Record):
    """A prompt in a list: all of its versions that fit the filters, together."""

    name: str = Field(description="With its folders.")
    type: PromptKind = Field(description="Of the newest of these versions.")
    versions: tuple[int, ...] = Field(description="Their numbers.")
    labels: tuple[str, ...] = Field(description="On these versions.")
    tags: tuple[str, ...] = Field(description="Of the prompt, as `team=a` where one has a value.")
    last_updated_at: Instant = Field(serialization_alias="lastUpdatedAt")
    last_config: Json = Field(
        serialization_alias="lastConfig", description="Of the newest of these versions."
    )


class PageMeta(Record):
    """Where in a list a page is."""

    page: int = Field(description="From 1.")
    limit: int = Field(description="Items on a page.")
    total_items: int = Field(serialization_alias="totalItems", description="On all pages.")
    total_pages: int = Field(serialization_alias="totalPages", description="Of this limit.")


class PromptMetas(Record):
    """A page of prompts."""

    data: tuple[PromptMeta, ...] = Field(description="By name.")
    meta: PageMeta = Field(description="Where this page is.")


class Organization(Record):
    """Whom a project belongs to."""

    id: str = Field(default="twinline", description="Always the same.")
    name: str = Field(default="Twinline", description="Always the same.")


class Project(Record):
    """The one project that a catalog is to a Langfuse client."""

    id: str = Field(default="twinline", description="Always the same.")
    name: str = Field(default="Twinline", description="Always the same.")
    metadata: Json = Field(default_factory=dict, description="Always empty.")
    organization: Organization = Field(default=Organization(), description="Always the same.")


class Projects(Record):
    """The projects of a key."""

    data: tuple[Project, ...] = Field(default=(Project(),), description="The one that there is.")


class SentEvents(Request):
    """What SDKs before version 3 send of traces; newer ones send scores so."""

    batch: Annotated[tuple[Json, ...], Field(max_length=10_000, description="In whatever order.")]
    metadata: object = Field(default=None, description="Of the SDK; not looked at.")


class EventTaken(Record):
    """An event that was taken."""

    id: str = Field(description="The event's.")
    status: Literal[201] = Field(default=201, description="As of a request of its own.")


class EventRefused(Record):
    """An event that was not taken, and why."""

    id: str = Field(description="The event's.")
    status: int = Field(description="As of a request of its own.")
    message: str = Field(description="What is wrong with it.")
    error: str = Field(description="What kind of mistake it is.")


class EventsTaken(Record):
    """What became of each event."""

    successes: tuple[EventTaken, ...] = Field(description="Recorded, or acknowledged and let go.")
    errors: tuple[EventRefused, ...] = Field(description="Not taken.")
