"""What every record and every request is, and the pages that lists come in."""

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the moment is outside the years 1 to 9999 in UTC") from error


Instant = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    Field(description="A moment with its time zone; answered in UTC."),
]
"""A moment with its time zone; kept and answered in UTC."""

Json = dict[str, Any]
"""A JSON object whose members are the caller's own."""

Reason = Annotated[
    str,
    Field(
        min_length=3,
        max_length=1000,
        examples=["answers in the wrong language since Tuesday"],
        description="Why; kept in the history and in the audit log.",
    ),
]
Number = Annotated[
    int, Field(ge=1, le=999_999_999, examples=[7], description="The number, from 1.")
]
"""A version's or a deployment's number, as far as a reference can say it."""

Count = Annotated[int, Field(ge=0)]


def example(**members: Any) -> ConfigDict:
    """The configuration that shows these members as an example in the OpenAPI."""
    return ConfigDict(json_schema_extra={"examples": [members]})


class _Value(BaseModel):
    """What is answered has all its members, also those that may be left out when it is sent
    or read: the schema of an answer says so."""

    model_config = ConfigDict(
        frozen=True, allow_inf_nan=False, json_schema_serialization_defaults_required=True
    )


class Record(_Value):
    """A frozen value: what the domain decides on, the API answers and the client returns.

    Unknown members are ignored, so that a client understands a newer server.
    """

    model_config = ConfigDict(extra="ignore")


class Request(_Value):
    """A frozen value that somebody sends us: unknown members are refused."""

    model_config = ConfigDict(extra="forbid")


Item = TypeVar("Item")


class Page(Record, Generic[Item]):
    """One page of a list. ``next`` is the cursor of the following page, None at the end."""

    items: tuple[Item, ...] = Field(description="In the order that the list says.")
    next: str | None = Field(
        default=None, description="The cursor of the following page; None: there is none."
    )
