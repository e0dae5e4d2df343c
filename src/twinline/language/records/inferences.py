"""One request after another: the ledger, what came of each, and the counts."""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, model_validator

from twinline.language.canonical import Digest
from twinline.language.records.base import (
    Count,
    Instant,
    Json,
    Number,
    Record,
    Request,
    example,
)
from twinline.language.records.bundles import ServedBundle
from twinline.language.refs import BundleRef, DeploymentRef, InferenceRef, SlotRef

Status = Literal["ok", "error"]
InferenceRole = Literal["served", "shadow"]
Text = Annotated[str, Field(min_length=1, max_length=500)]


UnitHash = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{16}$",
        description="Of the unit under the split's salt: who it was cannot be told from it.",
    ),
]
ServedFrom = Literal["server", "stream", "file", "bootstrap", "default"]


class Routing(Record):
    """How a policy came to the bundle of an inference. None means not known."""

    arm: Text | None = None
    rule: Text | None = None
    reason: Text | None = None
    role: InferenceRole = Field(
        default="served", description="`shadow`: it ran beside the one that was served."
    )
    assigned: BundleRef | None = Field(
        default=None, description="What was chosen, when a fallback was served instead of it."
    )
    experiment: Text | None = Field(default=None, description="The salt of the split.")
    unit: UnitHash | None = None
    served_from: ServedFrom | None = Field(
        default=None, description="Where the policy was read that it was resolved by."
    )
    stale_seconds: Annotated[
        float | None, Field(ge=0, description="How long since that was known to be current.")
    ] = None
    manifest_version: Annotated[int | None, Field(ge=0, le=2**62)] = None


class Measured(Record):
    """What came of a request. None means not known (yet), never zero."""

    status: Status | None = None
    latency_ms: Annotated[float | None, Field(ge=0, le=86_400_000)] = None
    input_tokens: Annotated[int | None, Field(ge=0, le=2_000_000_000)] = None
    output_tokens: Annotated[int | None, Field(ge=0, le=2_000_000_000)] = None
    cost_usd: Annotated[float | None, Field(ge=0, le=1_000_000)] = None
    score: Annotated[
        float | None, Field(ge=0, le=1, description="In [0, 1], higher is better.")
    ] = None


class NewOutcome(Measured):
    """An outcome that arrives after its inference.

    Several may arrive; the newest value that is not None counts, for each measure.
    Sending the same ``id`` again changes nothing.
    """

    id: UUID | None = Field(default=None, description="A UUIDv7 of the caller's; None makes one.")
    source: Annotated[str, Field(max_length=100, examples=["judge"])] = ""

    model_config = ConfigDict(extra="forbid") | example(status="ok", score=0.9, source="judge")

    @model_validator(mode="after")
    def _says_something(self) -> "NewOutcome":
        if all(getattr(self, name) is None for name in Measured.model_fields):
            raise ValueError("an outcome holds at least one measure")
        return self


class Outcome(Measured):
    """An outcome as it was kept; ``number`` counts an inference's outcomes from 1."""

    id: UUID
    inference: InferenceRef
    number: int
    source: str
    at: Instant


class NewInference(Measured, Routing):
    """The record of one request.

    Name the pair by ``bundle``, or by ``model`` and ``prompt`` in the words that you
    have. What cannot be resolved is kept as unresolved, never dropped.
    """

    id: UUID | None = Field(default=None, description="A UUIDv7 of the caller's; None makes one.")
    slot: SlotRef | None = None
    deployment: Number | None = None
    bundle: Annotated[Text | None, Field(examples=["bundles:/9f86d081884c"])] = None
    model: Annotated[Text | None, Field(examples=["models:/churn/3"])] = None
    prompt: Annotated[Text | None, Field(examples=["prompts:/support/answer/7"])] = None
    context: Json | None = None
    context_digest: Annotated[
        Digest | None, Field(description="Instead of the context, or beside it.")
    ] = None
    keep_context: bool = Field(
        default=False, description="Keep the context itself; by default only its digest is kept."
    )
    decision: Annotated[Text | None, Field(examples=["loan-4711"])] = None
    trace_id: Text | None = None
    parent_id: UUID | None = None

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _names_a_pair(self) -> "NewInference":
        named = (self.bundle is not None, self.model is not None or self.prompt is not None)
        if named not in ((True, False), (False, True)):
            raise ValueError("name the pair by `bundle`, or by `model` and `prompt`")
        if self.deployment is not None and self.slot is None:
            raise ValueError("`deployment` needs `slot`")
        return self


class InferenceBatch(Request):
    """Inferences to record together; each is judged on its own."""

    model_config = example(
        inferences=[
            {
                "slot": SlotRef.example,
                "bundle": BundleRef.example,
                "decision": "loan-4711",
                "status": "ok",
                "latency_ms": 820.5,
                "score": 0.9,
            },
            {"model": "gpt-4o", "prompt": "prompts:/support/answer@production"},
        ]
    )

    inferences: Annotated[
        tuple[Annotated[NewInference | JsonValue, Field(union_mode="left_to_right")], ...],
        Field(
            min_length=1,
            max_length=10_000,
            description="An item that is no inference is refused alone, not the batch.",
        ),
    ]


class LedgerSince(Request):
    """Since when the ledger is to take inferences."""

    since: Annotated[date, Field(examples=["2026-01-31"], description="A day in UTC.")]


class LedgerDays(Record):
    """Days that the ledger was opened for."""

    opened: tuple[date, ...]
    missing: Count = Field(description="Days still to open: ask again.")


class TracesTaken(Record):
    """What became of spans that were sent."""

    rejected: Count
    why: str = Field(description="Of those that were rejected; else empty.")


class Recorded(Record):
    """What became of one item of a batch."""

    id: UUID | None
    result: Literal["recorded", "duplicate", "unresolved", "refused"]
    detail: str | None = Field(default=None, description="For a refused item: why.")


class BatchResult(Record):
    """Item by item, in the order of the batch."""

    items: tuple[Recorded, ...]
    recorded: Count
    duplicates: Count
    unresolved: Count
    refused: Count


class Inference(Routing):
    """The record of one request, with what came of it."""

    ref: InferenceRef
    id: UUID
    at: Instant
    slot: SlotRef | None
    deployment: DeploymentRef | None
    bundle: BundleRef
    context_digest: str | None
    context: Json | None
    decision: str | None
    trace_id: str | None
    parent_id: UUID | None
    measured: Measured = Field(description="The newest value of each measure.")


class Arrivals(Record):
    """Inferences that arrived since some moment, the oldest id first."""

    items: tuple[Inference, ...]
    next: str = Field(description="The cursor to ask on with; also when nothing arrived.")
    more: bool = Field(description="Whether more is here already: ask on at once.")


class ResolveRequest(Request):
    """Ask which bundle should answer a request."""

    route: Annotated[str, Field(min_length=1, max_length=200, examples=["support-answer"])]
    environment: Annotated[str, Field(min_length=1, max_length=50, examples=["production"])]
    context: Annotated[Json, Field(default_factory=dict, examples=[{"tenant": "bank-a"}])]
    record: bool = Field(True, description="Record the inference before the answer leaves.")
    inference_id: UUID | None = Field(default=None, description="A UUIDv7; None makes one.")
    keep_context: bool = False
    decision: Text | None = None
    trace_id: Text | None = None
    parent_id: UUID | None = None


class ShadowRun(Record):
    """A bundle to run beside the one that is served."""

    inference_id: UUID | None = Field(description="Of its own record; None: nothing recorded.")
    bundle: ServedBundle


class Resolution(Record):
    """The bundle that answers a request, and why it is this one."""

    inference_id: UUID | None = Field(description="None when nothing was recorded.")
    bucket: Annotated[
        int | None, Field(ge=0, lt=100_000, description="Of the unit, when a split decided.")
    ]
    unknown: tuple[str, ...] = Field(
        default=(), description="Attributes that rules asked for in vain."
    )
    shadow: tuple[ShadowRun, ...] = ()
    stale_seconds: float | None = Field(
        description="How long since the policy was known to be current; None: cannot be told."
    )
    slot: SlotRef
    deployment: DeploymentRef
    bundle: ServedBundle
    assigned: BundleRef | None = Field(
        description="What was chosen, when it is withdrawn and a fallback is served."
    )
    arm: str | None
    rule: str | None
    reason: str = Field(examples=["default", "rule", "split", "unit-missing"])
    experiment: str | None = Field(description="The salt of the split.")
    manifest_version: int | None
    served_from: ServedFrom


class Latency(Record):
    """Percentiles in milliseconds, from log-spaced buckets: relative error at most 5 %."""

    p50: float
    p95: float
    p99: float


class Tally(Record):
    """What was served, counted from the rollups: exact."""

    requests: Count
    errors: Count
    decision_requests: Count = Field(description="Requests that carry a decision reference.")
    input_tokens: Count
    output_tokens: Count
    cost_usd: float
    scored: Count = Field(description="Requests that have a score.")
    score: float | None = Field(description="Mean of the scores, in [0, 1], higher is better.")
    first_at: Instant | None
    last_at: Instant | None

    @property
    def error_rate(self) -> float | None:
        """Errors per request, None when nothing was served."""
        return self.errors / self.requests if self.requests else None


class Service(Tally):
    """What was served, with latencies within 5 %."""

    latency_ms: Latency | None


class RequestFilter(Request):
    """Which requests are meant. None: whichever."""

    environment: str | None = None
    slot: SlotRef | None = None
    begin: Instant | None = Field(default=None, description="From this moment on.")
    end: Instant | None = Field(default=None, description="Up to, not including, this moment.")
    status: Status | None = None
    score_min: Annotated[float | None, Field(ge=0, le=1)] = None
    score_max: Annotated[float | None, Field(ge=0, le=1)] = None

    @property
    def by_measure(self) -> bool:
        """Whether it asks for what came of requests, which the rollups do not hold."""
        return self != self.whatever_came()

    def whatever_came(self) -> Self:
        """The same, without asking for what came of requests."""
        return self.model_copy(update={"status": None, "score_min": None, "score_max": None})


class AffectedDecision(Record):
    """A decision, and how many of the requests that are meant carry it."""

    decision: str
    requests: Count
    first_at: Instant
    last_at: Instant
