"""One request after another: the ledger, what came of each, and the counts."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, model_validator

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
Text = Annotated[str, Field(min_length=1, max_length=500)]


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


class NewInference(Measured):
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
    arm: Text | None = None
    rule: Text | None = None
    reason: Text | None = None
    context: Json | None = None
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


class Inference(Record):
    """The record of one request, with what came of it."""

    ref: InferenceRef
    id: UUID
    at: Instant
    slot: SlotRef | None
    deployment: DeploymentRef | None
    bundle: BundleRef
    arm: str | None
    rule: str | None
    reason: str | None
    context_digest: str | None
    context: Json | None
    decision: str | None
    trace_id: str | None
    parent_id: UUID | None
    measured: Measured = Field(description="The newest value of each measure.")


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


class Resolution(Record):
    """The bundle that answers a request, and why it is this one."""

    inference_id: UUID | None = Field(description="None when nothing was recorded.")
    slot: SlotRef
    deployment: DeploymentRef
    bundle: ServedBundle
    arm: str | None
    rule: str | None
    reason: str
    unknown: tuple[str, ...] = Field(
        default=(), description="Attributes that rules asked for in vain."
    )


class Latency(Record):
    """Percentiles in milliseconds, from log-spaced buckets: relative error at most 5 %."""

    p50: float
    p95: float
    p99: float


class Service(Record):
    """What was served: counts from the rollup, exact; latencies within 5 %."""

    requests: Count
    errors: Count
    decision_requests: Count = Field(description="Requests that carry a decision reference.")
    latency_ms: Latency | None
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
