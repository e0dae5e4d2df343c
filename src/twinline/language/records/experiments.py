"""Splits as experiments: moving buckets between arms, and comparing what the arms did."""

from typing import Annotated

from pydantic import Field

from twinline.language.names import Label
from twinline.language.records.base import Count, Instant, Reason, Record, Request, example
from twinline.language.records.inferences import Service
from twinline.language.records.requirements import MissingEvaluation
from twinline.language.refs import BundleRef, DeploymentRef, SlotRef

Share = Annotated[float, Field(ge=0, le=1, description="Of the split's units, in [0, 1].")]


class RampWanted(Request):
    """Which arm of a live split should get which share of the units."""

    rule: Annotated[
        Label | None, Field(description="The rule with the split; not needed when it is the only.")
    ] = None
    arm: Label
    share: Share
    donor: Annotated[
        Label | None, Field(description="Take from this arm alone; by default from all others.")
    ] = None


class RampRequest(RampWanted):
    """A ramp to carry out."""

    reason: Reason

    model_config = example(arm="canary", share=0.2, donor="control", reason="errors are level")


class BucketMove(Record):
    """Buckets that go from one arm to another."""

    donor: str
    receiver: str
    buckets: Count
    text: str = Field(examples=["10,000 of 100,000 buckets: control -> canary"])


class ArmShare(Record):
    """An arm and its part of the 100,000 buckets, before and after."""

    arm: str
    bundle: BundleRef
    before: Count
    after: Count


class RampPreview(Record):
    """What a ramp would move: only what must."""

    slot: SlotRef
    live: DeploymentRef
    rule: str
    arms: tuple[ArmShare, ...]
    moves: tuple[BucketMove, ...]
    missing: tuple[MissingEvaluation, ...] = Field(
        default=(),
        description="Required suites that arms have not passed which would get more than they "
        "ever had here. While there are any, the ramp is refused.",
    )


class Interval(Record):
    """An estimate with its 95 % confidence interval."""

    value: float
    low: float
    high: float


class ArmResult(Record):
    """What one arm did, from the exact counts."""

    arm: str
    bundles: tuple[BundleRef, ...]
    share: Share
    units: Count | None = Field(
        description="Distinct units, each counted once however often it came; None: not counted."
    )
    service: Service
    error_rate: Interval | None = Field(description="Wilson score interval.")
    cost_usd: float | None = Field(description="Mean of a request.")
    score: Interval | None = Field(description="Mean, by the normal approximation.")


class ArmDifference(Record):
    """An arm against the control: the arm's value minus the control's."""

    arm: str
    control: str
    error_rate: Interval | None = Field(description="Newcombe's interval.")
    score: Interval | None = Field(description="Welch's interval, normal approximation.")


class RatioCheck(Record):
    """Whether units fell into the arms as the ranges say (chi-squared test).

    A very small p means that something is wrong with the assignment or the recording,
    so that the comparison is not to be trusted.
    """

    since: Instant = Field(description="When the ranges became what they are.")
    expected: dict[str, float]
    observed: dict[str, Count]
    p: float | None = Field(description="None when there are too few units to say.")
    mismatch: bool = Field(description="Whether p is below 0.001.")


class Experiment(Record):
    """A split of a live policy and what its arms did since it has its salt."""

    slot: SlotRef
    rule: str
    salt: str
    deployments: tuple[DeploymentRef, ...]
    since: Instant
    arms: tuple[ArmResult, ...]
    differences: tuple[ArmDifference, ...]
    ratio: RatioCheck | None = Field(
        description="None when the units were not counted: over HTTP they always are."
    )
