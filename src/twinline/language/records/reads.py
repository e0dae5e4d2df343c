"""Who read which prompt version."""

from datetime import date
from typing import Literal

from pydantic import Field

from twinline.language.records.base import Instant, Record

Door = Literal["rest", "langfuse", "plain", "client"]
"""What a version was read through: the API, another face of it, or a client's own report."""


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
    """When a version was read last, and how often in all."""

    number: int
    count: int
    principals: int = Field(description="How many different owners of keys read it.")
    last_used_at: Instant | None = Field(description="None: nobody read it yet.")
