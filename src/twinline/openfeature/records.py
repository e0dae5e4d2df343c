"""What OFREP 0.3.0 calls an answer; said in the OpenAPI, and put together by ``rules``."""

from typing import Literal

from pydantic import ConfigDict, Field

from twinline.language.records import ServedBundle
from twinline.language.records.base import Record
from twinline.openfeature.rules import Reason

Metadata = dict[str, str | int | float | bool]


class _Answer(Record):
    """What has nothing to say is left out, as OFREP has it."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)


class EvaluatedFlag(_Answer):
    """The bundle that a flag stands for now, and why it is this one."""

    key: str = Field(description="The route.")
    value: ServedBundle | None = Field(default=None, description="Left out where it is disabled.")
    variant: str = Field(description="The arm, the rule, or `default`.")
    reason: Reason
    metadata: Metadata = Field(description="The inference, deployment, rule, bucket and the like.")


class RefusedFlag(_Answer):
    """Why a flag, or all of them, have no value."""

    key: str | None = Field(default=None, description="The route; left out where it is all.")
    error_code: Literal["FLAG_NOT_FOUND", "PARSE_ERROR", "INVALID_CONTEXT", "GENERAL"] = Field(
        alias="errorCode"
    )
    error_details: str = Field(alias="errorDetails", description="What to do about it.")
    metadata: Metadata | None = Field(default=None, description="How old the answer is.")


class EvaluatedFlags(_Answer):
    """Every route of an environment."""

    flags: tuple[EvaluatedFlag | RefusedFlag, ...] = Field(description="By their keys.")
    metadata: Metadata = Field(description="The manifest that they were read from.")
