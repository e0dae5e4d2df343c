"""Prompt versions on their way from one place to another, and what became of them."""

from typing import Annotated, Literal

from pydantic import Field

from twinline.language.canonical import Digest
from twinline.language.records.base import Number, Record, Request
from twinline.language.records.prompts import NewPromptVersion, Origin
from twinline.language.records.templates import Include, Template
from twinline.language.refs import PromptVersionRef

ITEMS_MAX = 2000
"""How many items one request may hold."""

ImportOutcome = Literal["created", "same", "refused"]


class PromptItem(Request):
    """A prompt version as it leaves one place and arrives in another."""

    origin: Annotated[Origin, Field(description="Where it comes from, kept with the version.")]
    number: Annotated[
        Number | None,
        Field(description="Its number there; lower ones are made first. None: as they come."),
    ] = None
    version: Annotated[
        NewPromptVersion,
        Field(description="Its content; labels to move to it are moved only if that is asked."),
    ]
    composed: Annotated[
        Template | None,
        Field(
            description="The template with what it includes in its place, for places that know of "
            "no includes; an import takes no notice of it. None: it includes nothing."
        ),
    ] = None
    pins: Annotated[
        tuple[Include, ...],
        Field(
            description="Which versions its includes mean, by their digests. What is not pinned "
            "is looked up when the version is made."
        ),
    ] = ()
    digest: Annotated[
        Digest | None,
        Field(description="What its content must have there; None: that is not checked."),
    ] = None


class Renumbered(Request):
    """A version that has another number here than where it came from, and so perhaps another
    digest: what it is pinned by there is this version here."""

    there: PromptVersionRef
    digest: Annotated[Digest, Field(description="There.")]
    here: PromptVersionRef


class PromptImport(Request):
    """Versions to make, where they are not there yet."""

    items: Annotated[
        tuple[PromptItem, ...],
        Field(
            min_length=1,
            max_length=ITEMS_MAX,
            description="In any order: what is included is made before what includes it.",
        ),
    ]
    labels: Annotated[bool, Field(description="Move the items' labels to their versions.")] = False
    atomic: Annotated[bool, Field(description="Keep nothing when one item is refused.")] = False
    check: Annotated[bool, Field(description="Say what would become of it, keep nothing.")] = False
    renumbered: Annotated[
        tuple[Renumbered, ...],
        Field(
            description="Of what earlier requests of the same import said, what the items' "
            "includes are pinned to, and what those are pinned to."
        ),
    ] = ()


class ImportedItem(Record):
    """What became of one item."""

    place: str = Field(description="Where it comes from.")
    name: str = Field(description="The prompt; empty: it could not be read.")
    outcome: ImportOutcome = Field(
        description="`created`; `same`: its content was a version already; `refused`."
    )
    version: PromptVersionRef | None = Field(
        default=None, description="The version that has its content; None: it was refused."
    )
    digest: Digest | None = Field(default=None, description="Of that version.")
    labels: tuple[str, ...] = Field(default=(), description="The labels that were moved to it.")
    reason: str = Field(default="", description="Why it was refused, or written anew.")


class ImportReport(Record):
    """What became of an import, item by item in the order in which they were given."""

    kept: bool = Field(
        description="False: nothing was, because it was only checked, or because something was "
        "refused and it was to be all or nothing. The items say what would have become of them."
    )
    items: tuple[ImportedItem, ...]
    renumbered: tuple[Renumbered, ...] = Field(
        default=(),
        description="What has another number or digest here, of the items and of what they are "
        "pinned to: for later requests of the same import.",
    )

    def those(self, outcome: ImportOutcome) -> tuple[ImportedItem, ...]:
        """The items with this outcome."""
        return tuple(item for item in self.items if item.outcome == outcome)
