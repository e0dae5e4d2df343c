"""Evaluations: what a suite found, and how two results compare."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self, cast

from pydantic import AliasChoices, Field, model_validator

from twinline.language.records.base import Count, Instant, Record, Request, example
from twinline.language.refs import (
    BundleRef,
    DatasetRef,
    EvaluationRef,
    ModelVersionRef,
    PromptVersionRef,
    RunRef,
)

CASES_MAX = 10_000
"""How many cases one evaluation can hold."""

EvaluationSubject = BundleRef | PromptVersionRef | ModelVersionRef
SubjectKind = Literal["prompt", "model", "bundle"]
EvaluationVerdict = Literal["passed", "failed"]

_JUDGED = {"threshold", "passed", "failed", "score"}

Score = Annotated[float, Field(ge=0, le=1, description="In [0, 1], higher is better.")]
SuiteText = Annotated[str, Field(min_length=1, max_length=200, examples=["golden-questions"])]


def verdict_by(
    threshold: float | None, passed: int, failed: int, score: float | None
) -> EvaluationVerdict:
    """What a result comes to: the one rule for it.

    With a threshold its score has to reach it. Without one, cases have to have been run,
    and none may have failed.
    """
    if threshold is not None:
        good = score is not None and score >= threshold
    else:
        good = passed > 0 and failed == 0
    return "passed" if good else "failed"


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

    subject: EvaluationSubject = Field(
        validation_alias=AliasChoices("subject", "bundle"),
        description="What was scored. Its former name `bundle`, from when only bundles were, is "
        "taken as well, and deprecated.",
    )
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
    threshold, when cases were run and none failed.
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

    @model_validator(mode="before")
    @classmethod
    def _judged(cls, given: Any) -> Any:
        """What is kept is what was found; the verdict on it is said when it is read."""
        if not isinstance(given, dict):
            return given
        kept = cast("dict[str, Any]", given)
        if "verdict" in kept or not kept.keys() >= _JUDGED:
            return kept
        return {**kept, "verdict": verdict_by(**{name: kept[name] for name in _JUDGED})}


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
