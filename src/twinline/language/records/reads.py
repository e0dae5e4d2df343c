"""Who read which prompt version."""

from datetime import date
from typing import Literal

from pydantic import Field

from twinline.language.records.base import Instant, Record

Door = Literal["rest", "langfuse", "plain"]
"""What a version was read through: the API, or another face of it."""


class PromptAccess(Record):
    """How often somebody read a version through one door in one day."""

    number: int = Field(description="The version.")
    principal: str = Field(description="The owner of the key.")
    door: Door
    day: date = Field(description="In UTC.")
    count: int
    first_at: Instant
    last_at: Instant


class VersionUse(Record):
    """When a version was used last, and how often in all: read in the registry, or served by a
    bundle that it is in. Applications that resolve do the second and not the first."""

    number: int
    count: int = Field(description="Reads in the registry.")
    principals: int = Field(description="How many different owners of keys read it.")
    requests: int = Field(description="Recorded requests that it served.")
    last_used_at: Instant | None = Field(
        description="The later of the last read and the last request; None: neither was."
    )
