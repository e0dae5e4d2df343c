"""Pending evaluations: what waits for a runner, and what runners say of it."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from twinline.language.records.base import Count, Instant, Record, Request
from twinline.language.records.evaluations import EvaluationSubject, SuiteResult
from twinline.language.records.suites import SuiteName
from twinline.language.refs import EvaluationRef

PendingState = Literal["waiting", "claimed", "done", "given_up"]


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
