"""Recalls: what a bad version reached, and the way to be rid of it everywhere."""

from typing import Literal

from pydantic import Field

from twinline.language.canonical import Digest
from twinline.language.records.base import Count, Instant, Reason, Record, Request, example
from twinline.language.records.deployments import PairPreflight, Side, SideChange, Verdict
from twinline.language.refs import BundleRef, DeploymentRef, SlotRef

WhenUnsafe = Literal["refuse", "leave", "fallback", "kill"]
Deed = Literal["changed", "fallback", "killed", "left"]


class NewRecall(Request):
    """What is bad, and why."""

    node: str = Field(
        max_length=1000,
        description="A version of a prompt or model (a label or alias stands for what it names "
        "now), a run, a dataset, a bundle, or a node of your own.",
        examples=["datasets:/tickets/5e1f"],
    )
    reason: Reason

    model_config = example(node="datasets:/tickets/5e1f", reason="holds other customers' data")


class ExecuteRecall(Request):
    """Which plan is to be carried out, and how far it may go."""

    reason: Reason
    plan: Digest = Field(description="The digest of the plan that you looked at.")
    accept_untested: bool = Field(
        default=False, description="Go on although resulting pairs have no evidence."
    )
    unsafe: WhenUnsafe = Field(
        default="refuse",
        description="What happens to slots without a safe way back: `refuse` the whole "
        "execution, `leave` them as they are, deploy the first safe `fallback` of their policy "
        "in place of what is bad, or `kill` them.",
    )

    model_config = example(reason="as agreed in the incident", plan="9f86d081884c7d65" * 4)


class LedgerMark(Record):
    """A moment of the ledger: what transactions had brought in that were over by then.

    Covered is what arrived with a transaction below ``none_from`` that was not
    ``still_open``, or with the one that took the mark.
    """

    none_from: int
    still_open: tuple[int, ...]
    own: int


class BundleCount(Record):
    """What a bundle had served, by what was known when each request was recorded."""

    bundle: BundleRef
    requests: Count
    errors: Count
    decision_requests: Count = Field(description="Requests that carry a decision reference.")
    cost_usd: float
    first_at: Instant
    last_at: Instant


class LiveUse(Record):
    """A slot whose live policy names something bad, and where in the policy."""

    slot: SlotRef
    deployment: DeploymentRef
    places: tuple[str, ...]


class RecallCounts(Record):
    """What everything downstream of a node had served by the moment of its recall."""

    counts: tuple[BundleCount, ...] = Field(description="Of the bundles that served anything.")
    requests: Count
    errors: Count
    decision_requests: Count
    cost_usd: float
    first_at: Instant | None
    last_at: Instant | None


class ImpactReport(RecallCounts):
    """What was downstream of a node at the moment of its recall. It never changes."""

    form: Literal["recall-report/1"]
    node: str
    at: Instant
    mark: LedgerMark
    bundles: tuple[BundleRef, ...]
    deployments: tuple[DeploymentRef, ...]
    fed: tuple[SlotRef | DeploymentRef, ...] = Field(
        default=(),
        description="Slots and deployments that people say it feeds: all that they served counts.",
    )
    live: tuple[LiveUse, ...]


class RecallOutcome(Record):
    """What an execution did about one slot."""

    slot: SlotRef
    did: Deed
    deployment: DeploymentRef | None = Field(description="The deployment that was appended.")
    kill: int | None = Field(description="The kill switch that stops the slot.")
    why: str


class RecallExecution(Record):
    """One time that a recall's plan was carried out."""

    by: str
    at: Instant
    reason: str
    plan: Digest
    unsafe: WhenUnsafe
    slots: tuple[RecallOutcome, ...]


class Recall(Record):
    """A node that is bad, everywhere, until somebody lifts that."""

    number: int
    node: str
    reason: str
    actor: str
    at: Instant
    lifted_by: str | None
    lifted_reason: str | None
    lifted_at: Instant | None
    bundles: Count = Field(description="Bundles downstream of it when it was recalled.")
    requests: Count = Field(description="Requests that those had served by then.")
    report_digest: Digest = Field(description="SHA-256 of the report's canonical JSON.")
    executed_by: str | None
    executed_at: Instant | None = Field(description="The last time; None: never.")


class RecallDetails(Recall):
    """A recall with its report, what was done about it, and where it is live all the same."""

    report: ImpactReport
    execution: tuple[RecallExecution, ...]
    still_live: tuple[LiveUse, ...] = Field(description="Now, in whatever way it got there.")


class SlotPlan(Record):
    """How one slot gets rid of what is bad."""

    slot: SlotRef
    live: DeploymentRef
    places: tuple[str, ...] = Field(description="Where in the live policy something is bad.")
    side: Side
    changes: tuple[SideChange, ...]
    pairs: tuple[PairPreflight, ...]
    verdict: Verdict = Field(description="The worst verdict of the pairs.")
    undoes: int = Field(description="The deployment that had brought the bad version in.")
    requests_last_hour: Count = Field(description="How much traffic it moves.")


class UnsafeSlot(Record):
    """A slot that has no safe way back, and why."""

    slot: SlotRef
    live: DeploymentRef
    places: tuple[str, ...]
    bad: tuple[BundleRef, ...]
    why: str
    undoes: int
    fallback: BundleRef | None = Field(description="What `fallback` would serve instead.")
    killed: bool = Field(description="Whether the slot is stopped already.")


class RecallPlan(Record):
    """All that an execution would do; nothing of it is done yet."""

    recall: int
    node: str
    slots: tuple[SlotPlan, ...]
    unsafe: tuple[UnsafeSlot, ...]
    digest: Digest = Field(
        description="Over every change that would be made, not over the evidence for it."
    )


class RecallVerdict(Record):
    """Whether a recall's report says today what it said then."""

    recall: int
    report_digest: Digest = Field(description="As it was kept.")
    recomputed: Digest = Field(description="With the facts counted anew, up to the same mark.")
    same: bool = Field(description="Whether the report as it is kept has both digests.")
    arrived_later: Count = Field(
        description="Requests of the report's bundles that arrived after the recall."
    )
