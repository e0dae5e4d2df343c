"""What was live when, what changed between two moments, and what did not do as declared."""

from typing import Any, Literal

from pydantic import Field

from twinline.language.records.base import Count, Instant, Json, Record
from twinline.language.records.bundles import Pairing
from twinline.language.records.deployments import Deployment, Slot
from twinline.language.records.evaluations import Evaluation
from twinline.language.records.inferences import Service
from twinline.language.records.kills import Kill
from twinline.language.records.labels import LabelMove
from twinline.language.refs import (
    BundleRef,
    DeploymentRef,
    ModelVersionRef,
    PromptVersionRef,
    RunRef,
    SlotRef,
)

Change = Literal["added", "removed", "changed"]
ChangedSide = Literal["prompt", "model", "parameters", "policy"]
ChangeKind = Literal[
    "deployment",
    "kill",
    "lift",
    "label",
    "alias",
    "version",
    "pairing",
    "evaluation",
    "withdrawal",
]
DivergenceKind = Literal[
    "bundle-not-permitted", "not-yet-live", "no-longer-live", "not-in-the-policy", "not-seen"
]


class LiveAt(Record):
    """What was live in every slot of an environment at one moment."""

    environment: str
    at: Instant
    slots: tuple[Slot, ...] = Field(
        description="By route; those that existed by then. `live` is None where nothing was."
    )
    note: str | None = Field(
        description="When nothing was live then: since when something is. Else None."
    )


class ValueChange(Record):
    """One named value that differs; what was not there is None, and ``change`` says so."""

    name: str
    change: Change
    before: Any
    after: Any


class VersionChange(Record):
    """The version on one side before and after; None before the first deployment."""

    before: PromptVersionRef | ModelVersionRef | None
    after: PromptVersionRef | ModelVersionRef | None


class RuleChange(Record):
    """A rule of a policy that came, went, or does something else now."""

    rule: str
    change: Change
    before: Json | None
    after: Json | None


class ShareChange(Record):
    """An arm that owns another share of its split; None: the split has no such arm."""

    rule: str
    arm: str
    before: float | None = Field(description="In [0, 1].")
    after: float | None = Field(description="In [0, 1].")


class PolicyDifference(Record):
    """What one policy does otherwise than another."""

    rules: tuple[RuleChange, ...]
    shares: tuple[ShareChange, ...]
    others: tuple[ValueChange, ...] = Field(
        description="Other members: `fallback`, `shadow`, `unit`, `attributes`, the order of rules."
    )


class DeploymentDifference(Record):
    """What a deployment changed against the one before it; of the default bundle's sides,
    None means the same."""

    prompt: VersionChange | None
    model: VersionChange | None
    parameters: tuple[ValueChange, ...]
    policy: PolicyDifference
    summary: str = Field(description="The same in a few words.")


class TimelineEntry(Record):
    """A deployment, what it changed, how long it was live, and what it served."""

    deployment: Deployment
    until: Instant | None = Field(description="When the next one came; None: it is live.")
    live_seconds: float | None = Field(description="How long it was live; None: it still is.")
    changed: DeploymentDifference
    service: Service = Field(description="Requests that name this deployment.")


class PromptDifference(Record):
    """The prompt side before and after."""

    before: PromptVersionRef | None
    after: PromptVersionRef | None
    lines: tuple[str, ...] = Field(
        description="A unified diff of the composed templates; of a chat, a line begins with its "
        "role."
    )
    parameters: tuple[ValueChange, ...] = Field(description="Those versioned with the prompt.")


class ModelDifference(Record):
    """The model side before and after, with the runs and datasets that made it."""

    before: ModelVersionRef | None
    after: ModelVersionRef | None
    facts: tuple[ValueChange, ...] = Field(description="`source_uri` and `pinned`.")
    params: tuple[ValueChange, ...] = Field(description="Of the version and its run.")
    metrics: tuple[ValueChange, ...] = Field(description="Of the version and its run.")
    run_before: RunRef | None
    run_after: RunRef | None
    datasets: tuple[ValueChange, ...] = Field(description="Digests, by the dataset's name.")


class Standing(Record):
    """What was live at one end of a span of time, and how it did."""

    deployment: Deployment
    service: Service = Field(
        description="Requests that name this deployment. When one deployment was live at both "
        "ends, those up to the hour of `since` against those from that hour on."
    )
    error_rate: float | None = Field(description="Errors per request; None of no requests.")
    cost_per_request: float | None = Field(description="In USD; None of no requests.")


class RankedChange(Record):
    """Something that changed, with how much of the traffic it moved as far as that is
    declared."""

    kind: ChangeKind
    what: str = Field(description="In words.")
    side: ChangedSide
    at: Instant
    who: str | None = Field(description="None: nobody kept it.")
    why: str
    before: str | None
    after: str | None
    share: float | None = Field(
        description="The part of the traffic, in [0, 1], that was given another version; None: it "
        "hangs on the contexts of the requests."
    )
    reaches: bool = Field(
        description="Whether requests were served otherwise by it. A label move reaches none: "
        "policies name versions."
    )


class Changes(Record):
    """Everything that changed in and around a slot between two moments.

    ``ranked`` holds it all in the order in which it is worth looking at.
    """

    slot: SlotRef
    since: Instant
    until: Instant
    before: Standing | None = Field(description="None: nothing was live at `since`.")
    after: Standing | None = Field(description="None: nothing was live at `until`.")
    prompt: PromptDifference | None = Field(description="Net; None: the same version.")
    model: ModelDifference | None = Field(description="Net; None: the same version.")
    parameters: tuple[ValueChange, ...]
    policy: PolicyDifference
    deployments: tuple[Deployment, ...] = Field(description="The newest first.")
    labels: tuple[LabelMove, ...]
    kills: tuple[Kill, ...] = Field(description="Thrown or lifted in between.")
    evaluations: tuple[Evaluation, ...]
    pairings: tuple[Pairing, ...]
    ranked: tuple[RankedChange, ...]
    left_out: str | None = Field(description="What was more than is shown; None: nothing.")


class Suspect(Record):
    """The nearest change of one kind on one side before a moment."""

    change: RankedChange
    seconds_before: float
    service_before: Service | None = Field(
        description="Under the deployment before; for what is no deployment None."
    )
    service_after: Service | None = Field(description="Under this deployment.")


class Blame(Record):
    """What changed last before a moment, on each side; what reaches requests comes first."""

    slot: SlotRef
    at: Instant
    live: Deployment
    suspects: tuple[Suspect, ...]
    looked_back: Count = Field(description="Deployments that were looked at.")
    left_out: str | None = Field(description="What was not looked at; None: nothing.")


class Divergence(Record):
    """Requests that were not served as declared, counted by slot, deployment and bundle."""

    kind: DivergenceKind
    slot: SlotRef
    deployment: DeploymentRef | None = Field(
        description="The one that they name; for `not-seen` the live one."
    )
    bundle: BundleRef | None
    requests: Count
    first_at: Instant | None
    last_at: Instant | None = Field(description="For `not-seen`: the last request of all.")
    off_seconds: float | None = Field(
        description="How far the farthest was outside of its deployment's time, or for how long "
        "the slot was not seen."
    )
    detail: str


class Divergences(Record):
    """Where what was observed is not what was declared, since a moment.

    Only served requests count, not shadow runs. One request can diverge in two ways.
    """

    environment: str | None
    since: Instant
    until: Instant
    grace_seconds: float
    hours: float
    counts: dict[DivergenceKind, int] = Field(
        description="Requests of each kind (`not-seen`: slots), with those left out."
    )
    items: tuple[Divergence, ...] = Field(description="Those with most requests first.")
    left_out: Count = Field(description="Items beyond `limit`.")
