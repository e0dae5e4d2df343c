"""Who read which prompt version."""

from datetime import date
from typing import Literal

from pydantic import Field

from twinline.language.records.base import Instant, Record

Door = Literal["rest", "langfuse", "plain"]
"""What a version was read through: the API, or another face of it."""


class PromptAccess(Record):
    """How often somebody read a version by itself, through one door in one day.

    Lists and comparisons are not counted, nor is what an application is served with a
    resolution or a manifest: of that the inferences tell.
    """

    number: int = Field(description="The version.")
    principal: str = Field(description="The owner of the key.")
    door: Door = Field(description="What it was read through.")
    day: date = Field(
        description="In UTC; the first of a month stands for all of the month when that is over "
        "for 90 days."
    )
    count: int = Field(description="How many reads.")
    first_at: Instant
    last_at: Instant


class VersionUse(Record):
    """When a version was used last, and how often in all: read in the registry, or served by a
    bundle that it is in. Applications that resolve do the second and not the first."""

    number: int = Field(description="The version.")
    count: int = Field(description="Reads in the registry, counted as `PromptAccess`.")
    principals: int = Field(description="How many different owners of keys read it.")
    requests: int = Field(description="Recorded requests that it served.")
    last_used_at: Instant | None = Field(
        description="The later of the last read and the last request; None: neither was."
    )
