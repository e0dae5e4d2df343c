"""Prompts and their versions."""

from collections import Counter
from typing import Annotated

from pydantic import Field, model_validator

from twinline.language.canonical import Digest
from twinline.language.names import LATEST, Label, Name
from twinline.language.records.base import Instant, Json, Record, Request
from twinline.language.records.templates import (
    Declaration,
    Example,
    Include,
    Note,
    PromptKind,
    Syntax,
    Template,
    Variable,
)
from twinline.language.refs import PromptVersionRef


class NewPromptVersion(Request):
    """The first version of a prompt, or its next one."""

    name: Name
    template: Annotated[
        Template,
        Field(
            examples=["Answer {{ question }} in one sentence."],
            description="A text or the messages of a chat, of up to 1,000,000 bytes, with "
            "up to 1,000 variables. It may include up to 100 texts: `{{> folder/name@3 }}` or "
            "`{{> folder/name@label }}`.",
        ),
    ]
    syntax: Annotated[
        Syntax,
        Field(description="How it is read. Includes are for `twinline` alone."),
    ] = "twinline"
    variables: Annotated[
        tuple[Declaration, ...],
        Field(description="What the variables are for, and which values they take."),
    ] = ()
    examples: Annotated[
        tuple[Example, ...], Field(description="Good conversations, versioned with the text.")
    ] = ()
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

    @model_validator(mode="after")
    def _each_variable_once(self) -> "NewPromptVersion":
        counted = Counter(variable.name for variable in self.variables)
        twice = [name for name, times in counted.items() if times > 1]
        if twice:
            raise ValueError(f"variables declared more than once: {', '.join(twice)}")
        return self

    @property
    def kind(self) -> PromptKind:
        """``text`` or ``chat``, as the template's shape says."""
        return "text" if isinstance(self.template, str) else "chat"


class Origin(Request):
    """Where a version was imported from, as that place says it; nothing of it was proven."""

    place: Annotated[
        str,
        Field(
            min_length=1,
            max_length=1000,
            description="A file, a commit, an address: whatever finds it again.",
            examples=["support/answer/3.md"],
        ),
    ]
    author: Annotated[str, Field(max_length=500, description="Empty: it is not said.")] = ""
    at: Annotated[
        Instant | None, Field(description="When it was made there; None: it is not said.")
    ] = None
    tags: Annotated[
        Json, Field(default_factory=dict, description="The tags of this version there.")
    ]


class PromptVersion(Record):
    """One immutable, numbered entry of a prompt. Numbers are never used again."""

    ref: PromptVersionRef
    name: str = Field(description="The prompt's.")
    number: int = Field(description="From 1, in the order in which they were made.")
    kind: PromptKind = Field(description="A text, or the messages of a chat.")
    template: Template = Field(description="As it was written.")
    composed: Template | None = Field(
        default=None,
        description="The template with what it includes in its place; None: it includes nothing.",
    )
    syntax: Syntax = Field(default="twinline", description="How the template is read.")
    variables: tuple[Variable, ...] = Field(description="Of the composed template.")
    examples: tuple[Example, ...] = Field(
        default=(), description="Good conversations, versioned with the text."
    )
    includes: tuple[Include, ...] = Field(
        default=(), description="What stands in it, as it was pinned."
    )
    parameters: Json = Field(description="Versioned with the text: temperature, tools ...")
    digest: Digest
    notes: tuple[Note, ...] = Field(default=(), description="As found when it was made.")
    message: str = Field(description="What changed, as in a commit message.")
    author: str = Field(description="The owner of the key that made it.")
    created_at: Instant
    origin: Origin | None = Field(
        default=None, description="Where it was imported from; None: it was made here."
    )
    labels: tuple[str, ...] = Field(default=(), description="Labels that name it now.")
    retired_at: Instant | None = Field(
        default=None, description="Since when nobody should build on it; None: it is not retired."
    )
    recalled_at: Instant | None = Field(
        default=None,
        description="Since when it is declared bad; None: it is not, though what it came from "
        "may be.",
    )

    @property
    def whole(self) -> Template:
        """What is rendered: the template with what it includes in its place."""
        return self.composed or self.template


class PromptCheck(Record):
    """What would become of a prompt version, were it made now."""

    digest: Digest
    existing: PromptVersionRef | None = Field(
        description="The version that has this content already; None: a new one would be made."
    )
    kind: PromptKind = Field(description="A text, or the messages of a chat.")
    composed: Template | None = Field(
        description="With what it includes; None: it includes nothing."
    )
    variables: tuple[Variable, ...] = Field(description="Of the composed template.")
    includes: tuple[Include, ...] = Field(description="What would be pinned.")
    notes: tuple[Note, ...] = Field(description="What may not be meant.")


class Prompt(Record):
    """A named series of templates."""

    name: str = Field(description="With its folders.")
    domain: str = Field(default="", description="Its folders: of `support/answer`, `support`.")
    description: str = Field(description="What it is for, for people.")
    tags: Json = Field(description="Names, and values of whatever type.")
    created_at: Instant
    latest: int = Field(description="The highest version number.")
    labels: dict[str, int] = Field(description="Where each label points now.")
    retired: bool = Field(default=False, description="Whether every version of it is retired.")
