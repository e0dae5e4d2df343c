"""Prompts within prompts: what a version includes, who includes it, and who is behind."""

from pydantic import Field

from twinline.language.records.base import Count, Reason, Record, Request
from twinline.language.refs import PromptVersionRef


class Inclusion(Record):
    """A version that another one includes, or that includes it."""

    version: PromptVersionRef
    via: PromptVersionRef = Field(
        description="The version next to it on the way: which includes it, or which it includes."
    )
    depth: Count = Field(description="1: directly; 2: by way of one version between ...")
    labels: tuple[str, ...] = Field(description="Labels that name it now, `latest` among them.")


class OutdatedInclude(Record):
    """A version in use, the newest or a labelled one, with an older version of a prompt in it.

    At depth 1 it includes an older version itself; deeper, it includes one that does.
    """

    version: PromptVersionRef
    labels: tuple[str, ...] = Field(description="Labels that name it now, `latest` among them.")
    written: str = Field(description="As its template says the include.")
    pinned: PromptVersionRef
    newest: PromptVersionRef = Field(
        description="Of the prompt that is pinned; what is withdrawn is passed over."
    )
    depth: Count = Field(
        description="1: it includes an older version itself; more: by way of others."
    )
    follows: bool = Field(
        description="Whether an update changes it now, as far as its includes say. False: it "
        "names a label, which has not moved on from what is pinned; or its prompt's newest version "
        "gets no new one, and one made of this would be `latest`."
    )


class IncludersUpdate(Request):
    """Why those that include a prompt get new versions with its newest one."""

    reason: Reason


class UpdatedIncluder(Record):
    """A version, and the one that has newer includes in it."""

    before: PromptVersionRef
    after: PromptVersionRef
    made: bool = Field(description="False: that content was a version already.")


class IncludersUpdated(Record):
    """The versions that an update made, in the order in which they were made."""

    items: tuple[UpdatedIncluder, ...] = Field(description="A version and its successor each.")
    left: tuple[PromptVersionRef, ...] = Field(
        default=(),
        description="Labelled versions that were not updated: their prompt's newest version gets "
        "no new one, and one made of these would be `latest`.",
    )
