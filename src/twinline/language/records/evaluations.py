"""Evaluations: what a suite found, and the suites themselves."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, field_validator, model_validator

from twinline.language.names import Environment, Label, Name
from twinline.language.records.base import Count, Instant, Reason, Record, Request, example
from twinline.language.refs import (
    BundleRef,
    DatasetRef,
    EvaluationRef,
    ModelVersionRef,
    PromptVersionRef,
    RunRef,
    SlotRef,
)

CASES_MAX = 10_000
"""How many cases one evaluation can hold."""

EvaluationSubject = BundleRef | PromptVersionRef | ModelVersionRef
SubjectKind = Literal["prompt", "model", "bundle"]
EvaluationVerdict = Literal["passed", "failed"]
PendingState = Literal["waiting", "claimed", "done", "given_up"]

Score = Annotated[float, Field(ge=0, le=1, description="In [0, 1], higher is better.")]
SuiteText = Annotated[str, Field(min_length=1, max_length=200, examples=["golden-questions"])]
SuiteName = Annotated[Label, Field(examples=["golden-questions"])]
"""The name of a suite that is defined: one word, so that it can stand in an address."""


def _prompts(text: str) -> str:
    if text != EVERY_PROMPT:
        TypeAdapter(Name).validate_python(text.removesuffix("/"))
    return text


def _place(text: str) -> str:
    if "@" in text:
        return SlotRef.parse(text).short
    return TypeAdapter(Environment).validate_python(text)


EVERY_PROMPT = "*"
Prompts = Annotated[
    str,
    Field(
        max_length=201,
        examples=["support/answer", "support/"],
        description="A prompt's name, a folder with its `/` at the end, or `*` for every prompt.",
    ),
    AfterValidator(_prompts),
]
Place = Annotated[
    str,
    Field(
        max_length=300,
        examples=["production", "support@production"],
        description="An environment, or a slot as ROUTE@ENVIRONMENT.",
    ),
    AfterValidator(_place),
]


class CaseResult(Request):
    """How one case of a suite went. Cases of the same id are compared with each other."""

    id: Annotated[str, Field(min_length=1, max_length=200, examples=["refund-17"])]
    passed: bool
    score: Score | None = None


class SuiteResult(Request):
    """What running a suite found."""

    passed: Annotated[int, Field(ge=0, le=2**31 - 1, description="Cases that passed.")]
    failed: Annotated[int, Field(ge=0, le=2**31 - 1, description="Cases that failed.")]
    score: Score | None = None
    dataset: DatasetRef | None = Field(default=None, description="What it was scored on.")
    run: RunRef | None = Field(default=None, description="The MLflow run that logged it.")
    evidence: Annotated[
        str, Field(max_length=2000, description="Where the details are, say a URL.")
    ] = ""
    note: Annotated[str, Field(max_length=2000, description="What people should know of it.")] = ""
    cases: Annotated[
        tuple[CaseResult, ...],
        Field(max_length=CASES_MAX, description="Each case once; or none."),
    ] = ()

    @classmethod
    def of(cls, cases: Iterable[CaseResult], **more: Any) -> Self:
        """The result that these cases come to, with the share that passed as its score
        unless ``more`` says another."""
        kept = tuple(cases)
        passed = sum(case.passed for case in kept)
        counted = {"passed": passed, "failed": len(kept) - passed, "cases": kept}
        score = {"score": passed / len(kept)} if kept else {}
        return cls.model_validate({**counted, **score, **more})

    @model_validator(mode="after")
    def _cases_add_up(self) -> "SuiteResult":
        if not self.cases:
            return self
        (id, times), *_ = Counter(case.id for case in self.cases).most_common(1)
        if times > 1:
            raise ValueError(f"the case {id!r} is there {times} times")
        passed = sum(case.passed for case in self.cases)
        failed = len(self.cases) - passed
        if (passed, failed) != (self.passed, self.failed):
            raise ValueError(
                f"of the cases {passed} passed and {failed} failed, "
                f"not {self.passed} and {self.failed}"
            )
        return self


class NewEvaluation(SuiteResult):
    """How a bundle, or one side, scored on a suite."""

    subject: EvaluationSubject
    suite: SuiteText
    threshold: Score | None = Field(
        default=None,
        description="The score it had to reach. A suite that is defined has its own.",
    )

    model_config = example(
        subject=PromptVersionRef.example, suite="golden-questions", passed=48, failed=2, score=0.96
    )


class Evaluation(Record):
    """How a bundle, or one side, scored on a named suite, and when.

    ``verdict`` is ``passed`` when the score reached the threshold or, without a
    threshold, when no case failed.
    """

    ref: EvaluationRef
    subject: EvaluationSubject
    suite: str
    passed: Count
    failed: Count
    score: float | None
    threshold: float | None
    verdict: EvaluationVerdict
    dataset: DatasetRef | None = None
    run: RunRef | None = None
    evidence: str
    note: str = ""
    cases: Count = Field(default=0, description="How many cases are kept one by one.")
    actor: str
    at: Instant


class SuiteComparison(Record):
    """How two subjects did on one suite, by the newest result of each."""

    suite: str
    old: Evaluation | None
    new: Evaluation | None
    difference: float | None = Field(
        description="The new score less the old; None when one is not known."
    )
    turned: EvaluationVerdict | None = Field(
        description="The new verdict where it is another than the old; None where it is not."
    )
    fixed: tuple[str, ...] | None = Field(
        description="Cases that failed and pass now, by id; None: not both results kept cases."
    )
    broken: tuple[str, ...] | None = Field(
        description="Cases that passed and fail now, by id; None as for `fixed`."
    )


class EvaluationComparison(Record):
    """What two versions or bundles scored, suite by suite."""

    old: EvaluationSubject
    new: EvaluationSubject
    suites: tuple[SuiteComparison, ...]


class NewSuite(Request):
    """What a suite is, what it scores, and what it takes to pass."""

    description: Annotated[str, Field(max_length=2000)] = ""
    scores: SubjectKind = Field(
        default="prompt",
        description="What it scores: prompt versions, model versions, or bundles. It stays so.",
    )
    threshold: Score | None = Field(
        default=None, description="The score that passes; None: no case may fail."
    )
    command: Annotated[
        str,
        Field(
            max_length=1000,
            description="How it is run, for people; nothing here runs it.",
            examples=["python score.py"],
        ),
    ] = ""
    attempts_max: Annotated[
        int, Field(ge=1, le=20, description="Runs that may fail before it is given up.")
    ] = 3


class Suite(Record):
    """A named way to score, where it is attached and where it is required."""

    name: str
    description: str
    scores: SubjectKind
    threshold: float | None
    command: str
    attempts_max: int
    actor: str
    at: Instant = Field(description="When it was last defined.")
    prompts: tuple[str, ...] = Field(
        description="New versions of these prompts are evaluated: names, folders, or `*`."
    )
    required_in: tuple[str, ...] = Field(
        description="Environments and slots that deploy only what passes it."
    )


class SuiteAttachment(Request):
    """Prompts whose new versions a suite evaluates."""

    prompts: Prompts


class NewRequirement(Request):
    """Where a suite has to be passed, and why."""

    place: Place
    reason: Reason


class NewWaiver(Request):
    """Let a bundle go live without having passed a suite."""

    suite: SuiteName
    bundle: BundleRef
    place: Place
    reason: Reason


class Waiver(Record):
    """Who let a bundle go live without having passed a suite, where and why."""

    number: int
    suite: str
    bundle: BundleRef
    place: str
    reason: str
    actor: str
    at: Instant


class MissingEvaluation(Record):
    """A suite that a slot requires and a bundle has not passed."""

    suite: str
    bundle: BundleRef
    subject: EvaluationSubject = Field(description="What the suite scores of that bundle.")
    newest: EvaluationRef | None = Field(description="The result that failed; None: never run.")
    command: str = Field(description="How the suite is run.")

    def __str__(self) -> str:
        how = f"failed it ({self.newest})" if self.newest else "was never evaluated by it"
        return f"the suite {self.suite!r}: {self.subject} {how}"


class MissingEvaluations(Record):
    """What a bundle lacks before it can be deployed to a slot."""

    slot: SlotRef
    bundle: BundleRef
    missing: tuple[MissingEvaluation, ...]


class NewPendingEvaluation(Request):
    """Ask for a version or bundle to be evaluated."""

    suite: SuiteName
    subject: EvaluationSubject


class PendingEvaluation(Record):
    """A suite that somebody has to run, and how far that is.

    ``waiting`` for a runner, ``claimed`` by one whose lease holds, ``done``, or
    ``given_up`` after as many attempts as its suite allows.
    """

    number: int
    suite: str
    subject: EvaluationSubject
    state: PendingState
    attempts: Count
    attempts_max: int
    claimed_by: str | None = Field(description="The last runner that claimed it.")
    free_at: Instant = Field(
        description="While claimed: when the lease ends. While waiting: when it may be claimed."
    )
    last_error: str | None = Field(description="Why the last attempt came to nothing.")
    evaluation: EvaluationRef | None
    actor: str
    at: Instant


Token = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{32}$",
        description="Made by the runner for each claim, 32 random hex digits: who shows it holds "
        "the lease, and a claim that is sent again with it is the same claim.",
        examples=["6f1c1f0f5f7e4b0a9c7d2e3b4a5f6071"],
    ),
]
LeaseSeconds = Annotated[
    int, Field(ge=1, le=3600, description="How long nobody else can claim it, unless renewed.")
]


class ClaimRequest(Request):
    """Ask for the oldest pending evaluation that may be run."""

    suites: Annotated[tuple[SuiteName, ...], Field(min_length=1, max_length=100)]
    token: Token
    lease_seconds: LeaseSeconds = 60
    runner: Annotated[
        str, Field(max_length=200, description="Which runner of this key it is.", examples=["ci-3"])
    ] = ""

    @field_validator("suites")
    @classmethod
    def _once_each(cls, suites: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(suites))


class ClaimedEvaluation(Record):
    """What a claim got; None when nothing waits."""

    pending: PendingEvaluation | None


class RenewRequest(Request):
    """Keep a lease."""

    token: Token
    lease_seconds: LeaseSeconds = 60


class ResultReport(SuiteResult):
    """What a runner found, under its lease."""

    token: Token


class FailureReport(Request):
    """Why a runner could not run the suite."""

    token: Token
    error: Annotated[str, Field(min_length=1, max_length=4000)]
