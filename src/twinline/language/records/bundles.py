"""Bundles, and what is known about the pair in one."""

from typing import Annotated, Literal

from pydantic import Field

from twinline.language.canonical import Digest
from twinline.language.records.base import Instant, Json, Reason, Record, Request
from twinline.language.records.templates import (
    Example,
    Include,
    PromptKind,
    Syntax,
    Template,
    Variable,
)
from twinline.language.refs import (
    BundleRef,
    ModelAliasRef,
    ModelVersionRef,
    PromptLabelRef,
    PromptVersionRef,
)

BundleKind = Literal["pair", "unresolved"]
PairingStatus = Literal["designed_for", "compatible", "incompatible"]


class NewBundle(Request):
    """A pair to make a bundle of. Labels and aliases are resolved to versions now."""

    model: ModelVersionRef | ModelAliasRef
    prompt: PromptVersionRef | PromptLabelRef
    parameters: Annotated[
        Json, Field(default_factory=dict, description="What the pair is called with.")
    ]


class Bundle(Record):
    """Model version + prompt version + parameters, by the digest of its canonical JSON.

    A bundle of kind ``unresolved`` stands for requests that named a pair we could not
    find: both sides are None and ``words`` holds what was sent.
    """

    ref: BundleRef
    digest: Digest
    kind: BundleKind
    model: ModelVersionRef | None
    prompt: PromptVersionRef | None
    pinned: bool | None = Field(
        default=None,
        description="False: the model's provider may change what answers. None: unresolved.",
    )
    parameters: Json
    words: Json | None
    created_at: Instant


class NewPairing(Request):
    """A statement about a prompt version and a model version."""

    model: ModelVersionRef
    prompt: PromptVersionRef
    status: PairingStatus
    evidence: Annotated[str, Field(max_length=2000)] = ""
    reason: Reason


class Pairing(Record):
    """The newest statement about a pair."""

    model: ModelVersionRef
    prompt: PromptVersionRef
    status: PairingStatus
    evidence: str
    reason: str
    actor: str
    at: Instant


class ServedModel(Record):
    """The model side of a resolved bundle."""

    ref: ModelVersionRef
    uri: str
    pinned: bool
    parameters: Json = Field(description="The bundle's parameters.")


class ServedPrompt(Record):
    """The prompt side of a resolved bundle, with all that it takes to render it."""

    ref: PromptVersionRef
    kind: PromptKind
    template: Template = Field(description="With what it includes in its place.")
    syntax: Syntax = "twinline"
    variables: tuple[Variable, ...]
    examples: tuple[Example, ...] = ()
    includes: tuple[Include, ...] = Field(
        default=(), description="Which versions stand in the template already."
    )
    parameters: Json = Field(description="The parameters versioned with the prompt.")


class ServedBundle(Record):
    """All that an application needs to answer a request with a bundle."""

    ref: BundleRef
    model: ServedModel
    prompt: ServedPrompt
