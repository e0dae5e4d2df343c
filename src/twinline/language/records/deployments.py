"""Slots, deployments, and the one-sided way back."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from twinline.language.canonical import Digest
from twinline.language.records.base import (
    Count,
    Instant,
    Json,
    Reason,
    Record,
    Request,
    example,
)
from twinline.language.records.bundles import PairingStatus
from twinline.language.records.evaluations import Evaluation
from twinline.language.records.inferences import Service
from twinline.language.records.requirements import MissingEvaluation
from twinline.language.refs import (
    BundleRef,
    DeploymentRef,
    ModelVersionRef,
    PromptVersionRef,
    SlotRef,
)

DeploymentKind = Literal["deploy", "rollback", "recall", "guard"]
Side = Literal["prompt", "model", "both"]
Verdict = Literal["proven", "evaluated", "untested", "blocked"]


class NewDeployment(Request):
    """What should be live in a slot: one bundle, or a policy document."""

    bundle: BundleRef | None = None
    policy: Annotated[
        Json | None, Field(description="A routing policy, schema `routing-policy/1`.")
    ] = None
    reason: Reason

    model_config = example(bundle=BundleRef.example, reason="the fuller reply, as reviewed")

    @model_validator(mode="after")
    def _one_of_both(self) -> "NewDeployment":
        if (self.bundle is None) == (self.policy is None):
            raise ValueError("give either bundle or policy")
        return self


class Deployment(Record):
    """One immutable, numbered entry in a slot's history."""

    ref: DeploymentRef
    slot: SlotRef
    number: int
    kind: DeploymentKind
    policy: Json
    digest: Digest = Field(description="Of the policy document.")
    bundle: BundleRef = Field(description="The policy's default bundle.")
    model: ModelVersionRef = Field(description="The model side of that bundle.")
    prompt: PromptVersionRef = Field(description="The prompt side of that bundle.")
    undoes: int | None = Field(
        description="For a rollback: the deployment that had brought in what it takes out."
    )
    actor: str
    reason: str
    at: Instant


class Slot(Record):
    """A route in an environment, and what is live there (None before the first deployment)."""

    ref: SlotRef
    route: str
    environment: str
    created_at: Instant
    live: Deployment | None


class RollbackRequest(Request):
    """Which side goes back, and why."""

    side: Side
    to: PromptVersionRef | ModelVersionRef | None = Field(
        default=None, description="Name the version outright instead of taking the previous one."
    )
    reason: Reason
    accept_untested: bool = Field(
        default=False, description="Go on although the resulting pair has no evidence."
    )

    model_config = example(side="prompt", reason="answers in the wrong language since Tuesday")

    @model_validator(mode="after")
    def _to_fits_the_side(self) -> "RollbackRequest":
        match self.side, self.to:
            case (_, None) | ("prompt", PromptVersionRef()) | ("model", ModelVersionRef()):
                return self
            case _:
                raise ValueError("`to` names a version of the side that goes back")


class SkippedVersion(Record):
    """A version that a way back passed over, and why."""

    version: PromptVersionRef | ModelVersionRef
    why: str


class SideChange(Record):
    """What a rollback takes out on one side and puts back."""

    side: Literal["prompt", "model"]
    taken_out: PromptVersionRef | ModelVersionRef
    put_back: PromptVersionRef | ModelVersionRef
    undoes: int = Field(description="The deployment that had brought `taken_out` in.")
    skipped: tuple[SkippedVersion, ...] = Field(
        default=(), description="Nearer versions that cannot come back."
    )
    was_live: bool = Field(
        default=True,
        description="Whether the slot was ever at `put_back`, not only with an arm of a split. "
        "What it was not at has to pass what the slot requires, as for a deployment.",
    )


class PairPreflight(Record):
    """One pair that a rollback would make live, and all that is known about it."""

    bundle: BundleRef
    replaces: BundleRef
    model: ModelVersionRef
    prompt: PromptVersionRef
    parameters: Json
    served_here: Service = Field(description="What this bundle did in this slot before.")
    evaluations: tuple[Evaluation, ...]
    missing: tuple[MissingEvaluation, ...] = Field(
        default=(),
        description="Required suites that it has not passed. They hold up what was never live "
        "here, and nothing that only goes back.",
    )
    pairing: PairingStatus | None
    verdict: Verdict
    why: str = Field(description="The verdict in words.")


class RollbackPreview(Record):
    """What a rollback would do, before anybody does it."""

    slot: SlotRef
    side: Side
    live: Deployment = Field(description="Send its number as `If-Match` to roll back.")
    changes: tuple[SideChange, ...]
    pairs: tuple[PairPreflight, ...]
    verdict: Verdict = Field(description="The worst verdict of the pairs.")
    requests_last_hour: Count = Field(description="How much traffic it moves.")
