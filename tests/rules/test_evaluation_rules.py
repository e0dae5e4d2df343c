"""What a suite takes as a result, what a bundle lacks, how results compare, when to retry."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from twinline.evaluations.rules import Candidate, compare, missing, refuse_nothing, threshold_for
from twinline.language.errors import Invalid
from twinline.language.records import (
    CaseResult,
    Evaluation,
    EvaluationSubject,
    NewEvaluation,
    SubjectKind,
    Suite,
    SuiteResult,
)
from twinline.language.refs import BundleRef, EvaluationRef, ModelVersionRef, PromptVersionRef
from twinline.suites.rules import pause_after

AT = datetime(2026, 7, 1, tzinfo=UTC)
BUNDLE, OTHER = BundleRef("a" * 64), BundleRef("b" * 64)
MODEL, PROMPT = ModelVersionRef("churn", 3), PromptVersionRef("support/answer", 7)
SUBJECTS: dict[SubjectKind, EvaluationSubject] = {
    "bundle": BUNDLE,
    "model": MODEL,
    "prompt": PROMPT,
}
PAIR = Candidate(BUNDLE, MODEL, PROMPT)


def suite(name: str = "golden", scores: SubjectKind = "prompt", threshold: float | None = 0.8):
    return Suite(
        name=name, description="", scores=scores, threshold=threshold, command="python score.py",
        attempts_max=3, actor="ana", at=AT, prompts=(), required_in=(),
    )  # fmt: skip


def result(
    subject: EvaluationSubject = PROMPT, passed: bool = True, score: float | None = None
) -> Evaluation:
    return Evaluation(
        ref=EvaluationRef(41), subject=subject, suite="golden", passed=1, failed=0, score=score,
        threshold=None, verdict="passed" if passed else "failed", evidence="", actor="ana", at=AT,
    )  # fmt: skip


def given(
    subject: EvaluationSubject = PROMPT, score: float | None = 0.9, threshold: float | None = None
) -> NewEvaluation:
    return NewEvaluation(
        subject=subject, suite="golden", passed=1, failed=0, score=score, threshold=threshold
    )


# --- what fits --------------------------------------------------------------------------


@pytest.mark.parametrize("scores", SUBJECTS)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_suite_takes_results_of_what_it_scores(scores: SubjectKind, subject: SubjectKind) -> None:
    if scores == subject:
        assert threshold_for(suite(scores=scores), given(SUBJECTS[subject])) == 0.8
    else:
        with pytest.raises(Invalid, match=f"scores {scores}.*a suite that scores a {subject}"):
            threshold_for(suite(scores=scores), given(SUBJECTS[subject]))


@pytest.mark.parametrize(
    ("its", "sent", "score", "found"),
    [
        pytest.param(0.8, None, 0.9, 0.8, id="its-own"),
        pytest.param(0.8, 0.8, 0.9, 0.8, id="the-same"),
        pytest.param(None, None, None, None, id="none"),
        pytest.param(0.8, 0.7, 0.9, "threshold", id="lower"),
        pytest.param(None, 0.0, 0.9, "threshold", id="one-where-none-is"),
        pytest.param(0.8, None, None, "score", id="no-score"),
    ],
)
def test_the_threshold_is_the_suite_s(
    its: float | None, sent: float | None, score: float | None, found: object
) -> None:
    wanted, new = suite(threshold=its), given(score=score, threshold=sent)
    if isinstance(found, str):
        with pytest.raises(Invalid) as refused:
            threshold_for(wanted, new)
        assert refused.value.fields["field"] == found
    else:
        assert threshold_for(wanted, new) == found


@pytest.mark.parametrize(
    ("counts", "score", "threshold", "refused"),
    [
        pytest.param((0, 0), None, None, True, id="nothing"),
        pytest.param((0, 0), None, 0.5, True, id="nothing-that-reaches-a-threshold"),
        pytest.param((0, 0), 0.9, None, True, id="a-score-that-nothing-measures"),
        pytest.param((0, 0), 0.9, 0.5, False, id="a-score-and-its-threshold"),
        pytest.param((0, 1), None, None, False, id="a-case"),
        pytest.param((1, 0), None, 0.5, False, id="a-case-without-a-score"),
    ],
)
def test_a_result_says_something(
    counts: tuple[int, int], score: float | None, threshold: float | None, refused: bool
) -> None:
    new = given(score=score).model_copy(update={"passed": counts[0], "failed": counts[1]})
    if refused:
        with pytest.raises(Invalid, match="No case of 'golden' was run"):
            refuse_nothing(threshold, new)
    else:
        refuse_nothing(threshold, new)


# --- what is missing --------------------------------------------------------------------


@pytest.mark.parametrize("scores", SUBJECTS)
def test_what_was_never_scored_is_missing(scores: SubjectKind) -> None:
    (lacks,) = missing([suite(scores=scores)], [PAIR], {}, frozenset())
    assert (lacks.subject, lacks.newest, lacks.bundle) == (SUBJECTS[scores], None, BUNDLE)
    assert str(lacks) == f"the suite 'golden': {SUBJECTS[scores]} was never evaluated by it"


@pytest.mark.parametrize(
    ("found", "waived", "lacks"),
    [
        pytest.param(result(score=0.8), None, False, id="passed"),
        pytest.param(result(passed=False), None, True, id="failed"),
        pytest.param(result(passed=False), ("golden", BUNDLE), False, id="failed-let-off"),
        pytest.param(None, ("golden", BUNDLE), False, id="never-let-off"),
        pytest.param(None, ("golden", OTHER), True, id="another-bundle-let-off"),
        pytest.param(None, ("toxic", BUNDLE), True, id="let-off-another-suite"),
    ],
)
def test_what_failed_and_was_not_let_off_is_missing(
    found: Evaluation | None, waived: tuple[str, BundleRef] | None, lacks: bool
) -> None:
    newest = {("golden", PROMPT): found} if found else {}
    let_off = frozenset([waived] if waived else [])
    assert bool(missing([suite()], [PAIR], newest, let_off)) is lacks


def test_each_pair_needs_each_suite() -> None:
    other = Candidate(OTHER, MODEL, PromptVersionRef("support/answer", 8))
    suites = [suite("golden"), suite("models", "model")]
    newest = {("golden", PROMPT): result(score=0.9)}
    found = missing(suites, [PAIR, other], newest, frozenset())
    assert [(one.bundle, one.suite) for one in found] == [
        (BUNDLE, "models"),
        (OTHER, "golden"),
        (OTHER, "models"),
    ]


@pytest.mark.parametrize(
    ("today", "facts", "why"),
    [
        pytest.param(0.8, (9, 1, 0.8, 0.1), None, id="reaches-what-is-wanted-now"),
        pytest.param(0.8, (9, 1, 0.8, 0.9), None, id="failed-by-more-than-is-wanted-now"),
        pytest.param(0.8, (9, 1, 0.7, 0.8), "failed it (evaluations:/41)", id="failed"),
        pytest.param(
            0.8, (3, 7, 0.3, 0.1),
            "passed it by another measure (evaluations:/41: 3 passed, 7 failed, a score of 0.3); "
            "today the score has to reach 0.8",
            id="passed-by-less",
        ),
        pytest.param(
            0.8, (5, 0, None, None),
            "passed it by another measure (evaluations:/41: 5 passed, 0 failed, no score); today "
            "the score has to reach 0.8",
            id="passed-without-a-score",
        ),
        pytest.param(None, (5, 0, None, None), None, id="no-case-failed"),
        pytest.param(
            None, (9, 1, 0.9, 0.5),
            "passed it by another measure (evaluations:/41: 9 passed, 1 failed, a score of 0.9); "
            "today no case may fail, and some have to be run",
            id="some-failed-where-none-may",
        ),
        pytest.param(None, (0, 0, None, None), "failed it (evaluations:/41)", id="nothing-was-run"),
    ],
)  # fmt: skip
def test_a_result_counts_by_what_passes_its_suite_today(
    today: float | None, facts: tuple[int, int, float | None, float | None], why: str | None
) -> None:
    passed, failed, score, threshold = facts
    found = Evaluation.model_validate(
        {
            **result().model_dump(exclude={"verdict"}),
            "passed": passed,
            "failed": failed,
            "score": score,
            "threshold": threshold,
        }
    )
    lacks = missing([suite(threshold=today)], [PAIR], {("golden", PROMPT): found}, frozenset())
    assert [one.why for one in lacks] == ([] if why is None else [why])


def test_what_is_no_object_is_no_evaluation() -> None:
    with pytest.raises(ValidationError, match="object"):
        Evaluation.model_validate_json('"passed"')


# --- comparison -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "difference", "turned"),
    [
        pytest.param(result(score=0.5), result(score=0.75), 0.25, None, id="better"),
        pytest.param(result(score=0.5), result(PROMPT, False, 0.25), -0.25, "failed", id="worse"),
        pytest.param(result(passed=False), result(), None, "passed", id="passes-without-a-score"),
        pytest.param(None, result(score=0.5), None, None, id="new"),
        pytest.param(result(score=0.5, passed=False), None, None, None, id="not-run-again"),
        pytest.param(result(score=0.5), result(score=0.5), 0.0, None, id="the-same"),
    ],
)  # fmt: skip
def test_two_results_of_a_suite_compare(
    old: Evaluation | None, new: Evaluation | None, difference: float | None, turned: str | None
) -> None:
    found = compare("golden", old, new, {"a": True, "b": False, "c": True})
    assert (found.difference, found.turned) == (difference, turned)
    assert (found.fixed, found.broken) == (("a", "c"), ("b",))
    unknown = compare("golden", old, new, None)
    assert (unknown.fixed, unknown.broken) == (None, None)


def test_cases_come_to_a_result() -> None:
    cases = [CaseResult(id=str(n), passed=n != 2) for n in range(4)]
    made = SuiteResult.of(cases, note="by hand")
    assert (made.passed, made.failed, made.score, made.note) == (3, 1, 0.75, "by hand")
    assert SuiteResult.of(cases, score=0.5).score == 0.5
    assert SuiteResult.of([]).score is None


def test_pauses_grow_and_end() -> None:
    seconds = [pause_after(attempts).total_seconds() for attempts in range(1, 21)]
    assert seconds[:4] == [5, 10, 20, 40]
    assert seconds == sorted(seconds)
    assert seconds[-1] == 300
