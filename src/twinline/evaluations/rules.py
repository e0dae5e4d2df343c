"""What a suite accepts as a result, what a bundle lacks, and how two results compare."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from twinline.language.errors import Invalid
from twinline.language.records import (
    Evaluation,
    EvaluationSubject,
    MissingEvaluation,
    NewEvaluation,
    SubjectKind,
    Suite,
    SuiteComparison,
)
from twinline.language.records.evaluations import verdict_by
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef


class Candidate(NamedTuple):
    """A pair that may go live, whether or not somebody made it into a bundle yet."""

    bundle: BundleRef
    model: ModelVersionRef
    prompt: PromptVersionRef

    def scored_by(self, suite: Suite) -> EvaluationSubject:
        """What of it a suite scores."""
        match suite.scores:
            case "bundle":
                return self.bundle
            case "model":
                return self.model
            case _:
                return self.prompt


def kind_of(subject: EvaluationSubject) -> SubjectKind:
    """Which kind of subject it is."""
    match subject:
        case BundleRef():
            return "bundle"
        case ModelVersionRef():
            return "model"
        case _:
            return "prompt"


def threshold_for(suite: Suite, new: NewEvaluation) -> float | None:
    """The score that a result of a defined suite has to reach.

    Raises:
        Invalid: the suite scores something else, has another threshold, or wants a score.
    """
    refuse_other_kind(suite, new.subject)
    if new.threshold is not None and new.threshold != suite.threshold:
        wanted = "no threshold" if suite.threshold is None else f"the threshold {suite.threshold}"
        raise Invalid(
            f"The suite {suite.name!r} has {wanted}, not {new.threshold}: leave it out, or have "
            "an admin define the suite anew.",
            field="threshold",
            value=new.threshold,
        )
    if suite.threshold is not None and new.score is None:
        raise Invalid(
            f"The suite {suite.name!r} passes from a score of {suite.threshold} on: send `score`.",
            field="score",
            value=None,
        )
    return suite.threshold


def refuse_nothing(threshold: float | None, new: NewEvaluation) -> None:
    """Refuse a result that says neither what was run nor how it did.

    Raises:
        Invalid: no case was counted, and no score can stand for them.
    """
    if new.passed + new.failed == 0 and (threshold is None or new.score is None):
        raise Invalid(
            f"No case of {new.suite!r} was run for {new.subject}, so that nothing says how it did: "
            "send how many `passed` and `failed`, or a `score` for a suite with a threshold.",
            field="passed",
            value=0,
        )


def refuse_other_kind(suite: Suite, subject: EvaluationSubject) -> None:
    """Refuse a subject of another kind than a suite scores.

    Raises:
        Invalid: it is of another kind.
    """
    if kind_of(subject) != suite.scores:
        what = "bundles" if suite.scores == "bundle" else f"{suite.scores} versions"
        raise Invalid(
            f"The suite {suite.name!r} scores {what}; {subject} is none. Name one, or a suite that "
            f"scores a {kind_of(subject)}.",
            field="subject",
            value=str(subject),
        )


def missing(
    required: Iterable[Suite],
    candidates: Iterable[Candidate],
    newest: Mapping[tuple[str, EvaluationSubject], Evaluation],
    waived: frozenset[tuple[str, BundleRef]],
) -> tuple[MissingEvaluation, ...]:
    """Which required suites these pairs have not passed, by their newest result, and were
    not let off.

    A suite is asked what passes it today: a result from before it was defined, or from when
    its threshold was lower, keeps its verdict and counts only if it reaches what is wanted now.
    """
    suites = tuple(required)
    return tuple(
        MissingEvaluation(
            suite=suite.name,
            bundle=candidate.bundle,
            subject=subject,
            newest=found.ref if found else None,
            why=why,
            command=suite.command,
        )
        for candidate in candidates
        for suite in suites
        for subject in [candidate.scored_by(suite)]
        for found in [newest.get((suite.name, subject))]
        for why in [_why_not(suite, found)]
        if why is not None and (suite.name, candidate.bundle) not in waived
    )


def _why_not(suite: Suite, found: Evaluation | None) -> str | None:
    """Why a result is none that passes a suite as it is today; None when it is one."""
    if found is None:
        return "was never evaluated by it"
    if verdict_by(suite.threshold, found.passed, found.failed, found.score) == "passed":
        return None
    if found.verdict == "failed":
        return f"failed it ({found.ref})"
    if suite.threshold is None:
        wanted = "no case may fail, and some have to be run"
    else:
        wanted = f"the score has to reach {suite.threshold:g}"
    score = "no score" if found.score is None else f"a score of {found.score:g}"
    return (
        f"passed it by another measure ({found.ref}: {found.passed} passed, {found.failed} failed, "
        f"{score}); today {wanted}"
    )


def compare(
    suite: str,
    old: Evaluation | None,
    new: Evaluation | None,
    flips: Mapping[str, bool] | None,
) -> SuiteComparison:
    """How two results of one suite differ; ``flips`` are the cases that went the other way,
    with how they went in the new one, None when they are not known."""
    return SuiteComparison(
        suite=suite,
        old=old,
        new=new,
        difference=_difference(old, new),
        turned=new.verdict if old and new and new.verdict != old.verdict else None,
        fixed=_that(flips, passes=True),
        broken=_that(flips, passes=False),
    )


def _that(flips: Mapping[str, bool] | None, *, passes: bool) -> tuple[str, ...] | None:
    return None if flips is None else tuple(id for id, now in flips.items() if now is passes)


def _difference(old: Evaluation | None, new: Evaluation | None) -> float | None:
    if old is None or new is None or old.score is None or new.score is None:
        return None
    return new.score - old.score


def nearest(one: Evaluation, others: Iterable[Evaluation]) -> Evaluation | None:
    """The first of other results that is of the same subject; else of the same prompt or
    model, or, of a bundle, of any bundle."""
    known = [other for other in others if type(other.subject) is type(one.subject)]
    same = (other for other in known if other.subject == one.subject)
    alike = (other for other in known if _series(other) == _series(one))
    return next(same, None) or next(alike, None)


def _series(one: Evaluation) -> str:
    return "" if isinstance(one.subject, BundleRef) else one.subject.name
