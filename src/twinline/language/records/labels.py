"""Labels that go from one to another, that are taken off, and that not everybody may move."""

from typing import Annotated

from pydantic import ConfigDict, Field

from twinline.language.names import NAME_PATTERN, Label
from twinline.language.records.base import Instant, Number, Reason, Record, Request

Expected = Annotated[
    int | None,
    Field(
        ge=0,
        le=999_999_999,
        description="The version it must point to now, 0 for none; None skips the check.",
    ),
]


class LabelChange(Request):
    """Move a label to a version."""

    number: Number
    reason: Reason
    expected: Expected = None


class LabelMove(Record):
    """One entry of a label's history."""

    id: int = Field(description="Higher for later moves, of whatever prompt.")
    name: str = Field(description="The prompt's.")
    label: str = Field(description="The label that moved.")
    number: int | None = Field(description="Where it went; None: it was removed.")
    previous: int | None = Field(description="Where it was before; None: nowhere.")
    reason: str = Field(description="Why.")
    actor: str = Field(description="Who moved it.")
    at: Instant


class Promotion(Request):
    """Move a label to the version that another one names now."""

    model_config = ConfigDict(
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        json_schema_extra={
            "examples": [{"from": "staging", "to": "production", "reason": "passed its week"}]
        },
    )

    source: Annotated[
        Label, Field(alias="from", description="The label that names the version, or `latest`.")
    ]
    target: Annotated[Label, Field(alias="to", description="The label to move there.")]
    reason: Reason
    expected: Expected = None


class NewProtection(Request):
    """Keep a label from those who may not move protected ones."""

    domain: Annotated[
        str,
        Field(
            pattern=rf"^({NAME_PATTERN.strip('^$')})?$",
            max_length=200,
            examples=["support"],
            description="The folder of prompts in which it is protected; empty for all prompts.",
        ),
    ] = ""
    reason: Reason


class ProtectedLabel(Record):
    """A label that only who holds the permission ``labels:protected`` may move or remove."""

    label: str = Field(description="The label.")
    domain: str = Field(description="The folder of prompts that it is protected in; empty: all.")
    reason: str = Field(description="Why.")
    actor: str = Field(description="Who protected it.")
    at: Instant
