"""Versions that should not go live again."""

from typing import Literal

from pydantic import Field

from twinline.language.records.base import Instant, Reason, Record, Request, example

WithdrawalKind = Literal["retired", "recalled"]


class RetireRequest(Request):
    """What nobody should build on any more, and why."""

    node: str = Field(
        max_length=1000,
        description="A version of a prompt or model, a bundle, or a node of your own.",
        examples=["prompts:/support/answer/7"],
    )
    reason: Reason

    model_config = example(node="prompts:/support/answer/3", reason="replaced by version 7")


class PromptRetirement(Request):
    """Why nobody should build on any version of a prompt, or why everybody may again."""

    reason: Reason

    model_config = example(reason="support moved to another product")


class Withdrawal(Record):
    """A node that should not go live again: ``retired``, or ``recalled`` because it is bad.

    In force until somebody lifts it; what is live already stays live until a deployment
    changes that.
    """

    number: int
    kind: WithdrawalKind
    node: str
    whole: bool = Field(
        default=False, description="Whether all versions of the prompt were retired with it."
    )
    reason: str
    actor: str
    at: Instant
    lifted_by: str | None
    lifted_reason: str | None
    lifted_at: Instant | None
