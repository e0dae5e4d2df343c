"""What plain clients send and read."""

from typing import Annotated

from pydantic import Field, StrictStr, model_validator

from twinline.language.names import SEMANTIC_PATTERN, Label, Name
from twinline.language.records import Instant, Number, Reason
from twinline.language.records.base import Record, Request

VERSION_PATTERN = rf"^([1-9][0-9]{{0,8}}|{SEMANTIC_PATTERN.strip('^$')})$"
Version = Annotated[str, Field(pattern=VERSION_PATTERN, max_length=100, examples=["1.2.0"])]
"""A number, or a semantic version that somebody gave."""
Content = Annotated[StrictStr, Field(min_length=1, examples=["Answer {{question}} briefly."])]


class NewPlainPrompt(Request):
    """The first version of a prompt, or its next one."""

    name: Name
    version: Annotated[
        Version | Number | None,
        Field(description="A semantic version to find it by; a number must be the next one."),
    ] = None
    system_prompt: Content | None = Field(
        default=None, description="The text; may hold `{{variables}}`."
    )
    content: Annotated[Content | None, Field(description="The same by another name.")] = None
    description: Annotated[str | None, Field(max_length=1000, description="Of the prompt.")] = None

    @model_validator(mode="after")
    def _one_text(self) -> "NewPlainPrompt":
        if (self.system_prompt is None) == (self.content is None):
            raise ValueError("give either `system_prompt` or `content`")
        return self

    @property
    def text(self) -> str:
        """The text, by whichever name it was sent."""
        return self.system_prompt or self.content or ""


class PlainPromotion(Request):
    """Where a version goes, and why."""

    environment: Label
    reason: Reason


class PlainPrompt(Record):
    """A prompt version with its one text; None in lists where it is a chat or jinja2."""

    id: str = Field(description="Names the version, as in `.../promote`.")
    name: str = Field(description="With its folders.")
    version: str = Field(description="Its semantic version, or its number where it has none.")
    number: int = Field(description="From 1, in the order in which they were made.")
    system_prompt: str | None = Field(description="With what it includes; null: it is no one text.")
    content: str | None = Field(description="The same as `system_prompt`.")
    description: str = Field(description="Of the prompt, for people.")
    environments: tuple[str, ...] = Field(description="Labels on it that are no versions.")
    author: str = Field(description="The owner of the key that made it.")
    created_at: Instant


class PlainMove(Record):
    """One promotion."""

    environment: str = Field(description="The label that moved.")
    version: int | None = Field(description="A number; null where the label was taken off.")
    previous: int | None = Field(description="The number before; null: there was none.")
    reason: str = Field(description="Why.")
    actor: str = Field(description="Who promoted it.")
    at: Instant
