"""What differs between two prompt versions, to the word."""

from typing import Literal

from pydantic import Field

from twinline.language.records.base import Record
from twinline.language.records.prompts import PromptKind
from twinline.language.records.timelines import ValueChange
from twinline.language.refs import PromptVersionRef

PartOp = Literal["equal", "delete", "insert"]
LineOp = Literal["equal", "change", "delete", "insert"]


class DiffPart(Record):
    """A piece of a line that is in both texts, in the old one alone, or in the new one alone."""

    op: PartOp = Field(description="Where the piece is.")
    text: str = Field(description="The piece, with its line end.")


class DiffLine(Record):
    """A line of either text, or one of each that are alike: then its parts say what changed.

    What is not inserted is the old line, what is not deleted the new one, with their line
    ends. Of a run of more than 20,000 lines all are told as one.
    """

    op: LineOp = Field(description="What became of the line.")
    old: int | None = Field(description="Its number in the old text, from 1; None: not there.")
    new: int | None = Field(description="Its number in the new text, from 1; None: not there.")
    parts: tuple[DiffPart, ...] = Field(description="The line's pieces, in order.")


class Hunk(Record):
    """Lines that follow each other and are all the same in both texts, or all not."""

    op: Literal["equal", "change"] = Field(description="Whether the lines are in both texts.")
    lines: tuple[DiffLine, ...] = Field(description="In order.")
    left_out: int = Field(
        default=0, description="Equal lines before these that `context` left out."
    )
    note: str | None = Field(
        default=None,
        description="Why changed lines are not compared word by word, if they are not.",
    )


class TextDiff(Record):
    """Two texts, hunk by hunk."""

    hunks: tuple[Hunk, ...] = Field(description="Equal and changed ones in turn.")


class MessageDiff(Record):
    """A message of either prompt, or one of each that belong together.

    A text is one message without a role; the content of a placeholder is its name.
    """

    op: LineOp = Field(description="What became of the message.")
    old: int | None = Field(description="Its place in the old prompt, from 1; None: not there.")
    new: int | None = Field(description="Its place in the new prompt, from 1; None: not there.")
    old_role: str | None = Field(description="None: a text, or not there.")
    new_role: str | None = Field(description="None: a text, or not there.")
    content: TextDiff = Field(description="What was said, line by line.")


class Renamed(Record):
    """A variable that stands under another name where it stood."""

    before: str = Field(description="The name that went.")
    after: str = Field(description="The name that came.")


class VariablesDiff(Record):
    """Variables that only one version has, and what is said otherwise of those in both."""

    added: tuple[str, ...] = Field(description="Names.")
    removed: tuple[str, ...] = Field(description="Names.")
    renamed: tuple[Renamed, ...] = Field(description="Neither added nor removed.")
    changed: tuple[ValueChange, ...] = Field(
        description="What is declared of a variable otherwise, as `/question/type`."
    )


class Invisible(Record):
    """A character in a deleted or inserted part that nobody sees."""

    side: Literal["old", "new"] = Field(description="The version that it is in.")
    message: int = Field(description="The message's place on that side, from 1.")
    line: int = Field(description="The line in that message, from 1.")
    code: str = Field(examples=["U+202E"], description="The code point.")
    name: str = Field(examples=["RIGHT-TO-LEFT OVERRIDE"], description="Its name in Unicode.")


class IncludeChange(Record):
    """An include that means another version, or that one side alone has."""

    written: str = Field(
        description="As the template says it.", examples=["support/tone@production"]
    )
    before: PromptVersionRef | None = Field(description="What it meant; None: not included so.")
    after: PromptVersionRef | None = Field(description="What it means; None: not included so.")


class PromptDiff(Record):
    """What differs between two prompt versions, of one prompt or of two."""

    old: PromptVersionRef
    new: PromptVersionRef
    old_kind: PromptKind = Field(description="Of the old version.")
    new_kind: PromptKind = Field(description="Of the new one.")
    identical: bool = Field(description="Whether there is no difference at all in what follows.")
    messages: tuple[MessageDiff, ...] = Field(
        description="Of the templates as they were written, unless `composed`."
    )
    composed: bool = Field(
        description="Whether `messages` are those of the composed templates, because the same "
        "was written and only what it includes is another."
    )
    includes: tuple[IncludeChange, ...] = Field(description="Those that mean another version.")
    parameters: tuple[ValueChange, ...] = Field(
        description="Paths (RFC 6901) at which the parameters differ, as `/tools/0/name`."
    )
    variables: VariablesDiff = Field(description="Of the composed templates.")
    others: tuple[ValueChange, ...] = Field(
        description="Paths at which `syntax` and `examples` differ, as `/examples/0/variables`."
    )
    invisible: tuple[Invisible, ...] = Field(
        description="The first 100 invisible characters in what was deleted or inserted."
    )
    summary: str = Field(description="The same in a few words.")
