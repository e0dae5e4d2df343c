"""Look at a policy before it goes live, and at what it does with a context."""

from typing import Annotated, Literal

from pydantic import Field

from twinline.language.records.base import Instant, Json, Record, Request, example
from twinline.language.refs import BundleRef, DeploymentRef, SlotRef

FindingKind = Literal[
    "unknown-attribute", "wrong-type", "unreachable-rule", "never-true", "unknown-disables"
]


class Finding(Record):
    """Something in a policy that is probably not meant."""

    kind: FindingKind
    path: str = Field(description="Where in the document.", examples=["rules.2.when"])
    rule: str | None
    detail: str


class PolicyCheck(Request):
    """A policy to look over."""

    policy: Json

    model_config = example(
        policy={"schema": "routing-policy/1", "default": {"bundle": BundleRef.example}}
    )


class PolicyVerdict(Record):
    """What was found in a policy that has the right form and names bundles that may serve."""

    digest: str
    bundles: tuple[BundleRef, ...]
    findings: tuple[Finding, ...]


class ExplainRequest(Request):
    """A context to try on a policy; nothing is recorded."""

    context: Annotated[Json, Field(default_factory=dict, examples=[{"tenant": "bank-a"}])]
    policy: Annotated[
        Json | None, Field(description="Instead of the one that is live in the slot.")
    ] = None
    at: Annotated[Instant | None, Field(description="As if it were then; default: now.")] = None

    model_config = example(context={"tenant": "bank-a", "user": {"id": "u-42"}})


class RuleTrace(Record):
    """What one rule came to."""

    id: str
    in_force: bool = Field(description="Whether its schedule is open.")
    truth: bool | None = Field(description="None is UNKNOWN: an attribute is not there.")
    fired: bool


class PolicyExplanation(Record):
    """Which rule decides for a context, and why."""

    slot: SlotRef
    deployment: DeploymentRef | None = Field(description="None: another policy was tried.")
    rules: tuple[RuleTrace, ...] = Field(description="Up to and with the one that fired.")
    reason: str
    rule: str | None
    arm: str | None
    unit: str | None = Field(description="Who was put into a bucket.")
    bucket: int | None
    unknown: tuple[str, ...]
    assigned: BundleRef
    bundle: BundleRef | None = Field(description="None when nothing may be served.")
    shadow: tuple[BundleRef, ...]
