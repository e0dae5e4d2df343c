"""Prompts and their versions."""

from typing import Annotated, Literal

from pydantic import Field, StrictStr, model_validator

from twinline.language.canonical import Digest
from twinline.language.names import LATEST, Label, Name
from twinline.language.records.base import Instant, Json, Number, Reason, Record, Request
from twinline.language.refs import PromptVersionRef

PromptKind = Literal["text", "chat"]
VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.]*$"


class Message(Request):
    """One message of a chat template; its content may hold ``{{ variables }}``."""

    role: Annotated[StrictStr, Field(min_length=1, max_length=50, examples=["system"])]
    content: StrictStr


class Placeholder(Request):
    """The place in a chat template where the caller's own messages go."""

    type: Literal["placeholder"]
    name: Annotated[StrictStr, Field(pattern=VARIABLE_PATTERN, examples=["history"])]


Template = (
    Annotated[StrictStr, Field(min_length=1)]
    | Annotated[tuple[Message | Placeholder, ...], Field(min_length=1)]
)
"""A text, or the messages of a chat in order."""


class Variable(Record):
    """A variable that a template uses."""

    name: Annotated[str, Field(pattern=VARIABLE_PATTERN)]


class NewPromptVersion(Request):
    """The first version of a prompt, or its next one."""

    name: Name
    template: Annotated[
        Template,
        Field(examples=["Answer {{ question }} in one sentence."]),
    ]
    parameters: Annotated[
        Json,
        Field(
            default_factory=dict,
            description="Versioned with the text: temperature, tools, a response schema ...",
            examples=[{"temperature": 0.2}],
        ),
    ]
    message: Annotated[
        str, Field(max_length=1000, description="What changed, as in a commit message.")
    ] = ""
    description: Annotated[
        str | None, Field(max_length=1000, description="Of the prompt; None leaves it as it is.")
    ] = None
    tags: Annotated[
        Json | None, Field(description="Of the prompt; None leaves them as they are.")
    ] = None
    labels: Annotated[tuple[Label, ...], Field(description="Labels to move to this version.")] = ()
    derived_from: PromptVersionRef | None = Field(
        default=None, description="The version that it was written from, of this or another prompt."
    )

    @model_validator(mode="after")
    def _latest_is_ours(self) -> "NewPromptVersion":
        if LATEST in self.labels:
            raise ValueError(f"the label {LATEST!r} is kept by the system")
        return self

    @property
    def kind(self) -> PromptKind:
        """``text`` or ``chat``, as the template's shape says."""
        return "text" if isinstance(self.template, str) else "chat"


class PromptVersion(Record):
    """One immutable, numbered entry of a prompt. Numbers are never used again."""

    ref: PromptVersionRef
    name: str
    number: int
    kind: PromptKind
    template: Template
    variables: tuple[Variable, ...]
    parameters: Json
    digest: Digest
    message: str
    author: str
    created_at: Instant
    labels: tuple[str, ...] = Field(default=(), description="Labels that name it now.")


class Prompt(Record):
    """A named series of templates."""

    name: str
    description: str
    tags: Json
    created_at: Instant
    latest: int = Field(description="The highest version number.")
    labels: dict[str, int] = Field(description="Where each label points now.")


class LabelChange(Request):
    """Move a label to a version."""

    number: Number
    reason: Reason
    expected: Annotated[
        int | None,
        Field(
            ge=0,
            le=999_999_999,
            description="The version it must point to now, 0 for none; None skips the check.",
        ),
    ] = None


class LabelMove(Record):
    """One entry of a label's history."""

    id: int = Field(description="Higher for later moves, of whatever prompt.")
    name: str
    label: str
    number: int | None = Field(description="Where it went; None: it was removed.")
    previous: int | None = Field(description="Where it was before; None: nowhere.")
    reason: str
    actor: str
    at: Instant
