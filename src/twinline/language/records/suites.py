"""Suites: named ways to score, where they are attached and where they are required."""

from typing import Annotated

from pydantic import AfterValidator, Field, TypeAdapter

from twinline.language.names import Environment, Label, Name
from twinline.language.records.base import Instant, Reason, Record, Request
from twinline.language.records.evaluations import Score, SubjectKind
from twinline.language.refs import SlotRef

SuiteName = Annotated[Label, Field(examples=["golden-questions"])]
"""The name of a suite that is defined: one word, so that it can stand in an address."""


def _prompts(text: str) -> str:
    if text != EVERY_PROMPT:
        TypeAdapter(Name).validate_python(text.removesuffix("/"))
    return text


def _place(text: str) -> str:
    if "@" in text:
        return SlotRef.parse(text).short
    return TypeAdapter(Environment).validate_python(text)


EVERY_PROMPT = "*"
Prompts = Annotated[
    str,
    Field(
        max_length=201,
        examples=["support/answer", "support/"],
        description="A prompt's name, a folder with its `/` at the end, or `*` for every prompt.",
    ),
    AfterValidator(_prompts),
]
Place = Annotated[
    str,
    Field(
        max_length=300,
        examples=["production", "support@production"],
        description="An environment, or a slot as ROUTE@ENVIRONMENT.",
    ),
    AfterValidator(_place),
]


class NewSuite(Request):
    """What a suite is, what it scores, and what it takes to pass."""

    description: Annotated[str, Field(max_length=2000)] = ""
    scores: SubjectKind = Field(
        default="prompt",
        description="What it scores: prompt versions, model versions, or bundles. It stays so.",
    )
    threshold: Score | None = Field(
        default=None, description="The score that passes; None: no case may fail."
    )
    command: Annotated[
        str,
        Field(
            max_length=1000,
            description="How it is run, for people; nothing here runs it.",
            examples=["python score.py"],
        ),
    ] = ""
    attempts_max: Annotated[
        int, Field(ge=1, le=20, description="Runs that may fail before it is given up.")
    ] = 3
    reason: Reason | None = Field(
        default=None, description="Why; for the audit log. A suite that exists changes with one."
    )


class Requirement(Record):
    """Where a suite has to be passed; who said so, and why."""

    place: str
    reason: str
    actor: str
    at: Instant


class Suite(Record):
    """A named way to score, where it is attached and where it is required."""

    name: str
    description: str
    scores: SubjectKind
    threshold: float | None
    command: str
    attempts_max: int
    actor: str
    at: Instant = Field(description="When it was last defined.")
    prompts: tuple[str, ...] = Field(
        description="New versions of these prompts are evaluated: names, folders, or `*`."
    )
    required_in: tuple[Requirement, ...] = Field(
        description="Environments and slots that deploy only what passes it, by name."
    )


class SuiteAttachment(Request):
    """Prompts whose new versions a suite evaluates."""

    prompts: Prompts


class NewRequirement(Request):
    """Where a suite has to be passed, and why."""

    place: Place
    reason: Reason
