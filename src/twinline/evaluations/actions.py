"""Record, read and compare evaluations."""

from collections.abc import Collection
from datetime import datetime

from twinline.access.actions import audit
from twinline.db.session import Reading, Writing
from twinline.evaluations import rules, store, subjects
from twinline.evaluations.rules import Candidate
from twinline.language import cursors
from twinline.language.errors import Invalid, NotFound
from twinline.language.records import (
    CaseResult,
    Evaluation,
    EvaluationComparison,
    EvaluationSubject,
    NewEvaluation,
    NewPendingEvaluation,
    Page,
    PendingEvaluation,
    ResultReport,
    SuiteComparison,
)
from twinline.language.refs import BundleRef, EvaluationRef
from twinline.suites import actions as suites
from twinline.suites import pending

EARLIER = 100
"""Results that are looked through for the one before."""


def record(tx: Writing, new: NewEvaluation) -> Evaluation:
    """Append a result; it is the one that counts for its suite and subject from now on.

    Raises:
        NotFound: there is no such subject.
        Invalid: it does not fit its suite, which is a defined one; or nothing was found.
    """
    subject = subjects.find(tx, new.subject)
    suite = suites.find(tx, new.suite)
    threshold = rules.threshold_for(suite, new) if suite else new.threshold
    rules.refuse_nothing(threshold, new)
    result = read(tx, store.add(tx, subject, new, threshold))
    audit(tx, "evaluation.record", str(subject), after=result.model_dump(mode="json"))
    return result


def ask(tx: Writing, new: NewPendingEvaluation) -> tuple[PendingEvaluation, bool]:
    """Let a subject wait for a runner of a suite, and whether it did not already.

    Raises:
        NotFound: there is no such suite or subject.
        Invalid: the suite scores something else.
    """
    subject = subjects.find(tx, new.subject)
    rules.refuse_other_kind(suites.read(tx, new.suite), subject)
    return pending.ask(tx, new.suite, subject)


def report(tx: Writing, number: int, found: ResultReport) -> tuple[Evaluation, bool]:
    """Record what a runner found under its lease, and whether this is the first time.

    The same report again is answered with the result that it made.

    Raises:
        NotFound: there is no such pending evaluation.
        LeaseLost: another runner has, or had, it since.
        Invalid: the result does not fit the suite.
    """
    held = pending.hold(tx, number, found.token)
    if held.evaluation is not None:
        return read(tx, held.evaluation), False
    given = {name: getattr(found, name) for name in type(found).model_fields if name != "token"}
    result = record(tx, NewEvaluation(subject=held.subject, suite=held.suite, **given))
    pending.finish(tx, number, result.ref)
    return result, True


def read(tx: Reading, ref: EvaluationRef) -> Evaluation:
    """One result.

    Raises:
        NotFound: there is none of this number.
    """
    found = store.find(tx, ref)
    if found is None:
        raise NotFound(
            f"There is no evaluation {ref}; `twinline evaluate list` shows them.",
            kind="evaluation",
            name=str(ref),
        )
    return found


def list_evaluations(
    tx: Reading, subject: str | None, suite: str | None, *, cursor: str | None, limit: int
) -> Page[Evaluation]:
    """Results, of a subject or a suite or all, the newest first.

    Raises:
        NotFound: there is no such subject.
    """
    meant = subjects.read(tx, subject) if subject is not None else None
    listing = f"evaluations of {meant or 'everything'} by {suite or 'every suite'}"
    before = cursors.decode(listing, cursor, int)
    items = store.page(tx, subject=meant, suite=suite, before=before, limit=limit)
    return cursors.page(listing, items, limit, lambda last: last.ref.number)


def cases(
    tx: Reading, ref: EvaluationRef, *, failed: bool, cursor: str | None, limit: int
) -> Page[CaseResult]:
    """The cases of a result by id, or only those that failed.

    Raises:
        NotFound: there is no such result.
    """
    read(tx, ref)
    listing = f"{'failed ' if failed else ''}cases of {ref}"
    after = cursors.decode(listing, cursor, str)
    items = store.cases(tx, ref, after=after, failed=failed, limit=limit)
    return cursors.page(listing, items, limit, lambda last: last.id)


def newest_of(tx: Reading, subject: str) -> Page[Evaluation]:
    """The newest result of each suite for a bundle or version.

    Raises:
        NotFound: there is no such subject.
    """
    return Page(items=store.newest(tx, [subjects.read(tx, subject)]))


def newest(tx: Reading, ref: BundleRef) -> Page[Evaluation]:
    """The newest result of each suite for a bundle.

    Raises:
        NotFound: there is no such bundle.
    """
    return Page(items=store.newest(tx, [subjects.find(tx, ref)]))


def never_evaluated(tx: Reading, pairs: Collection[Candidate]) -> frozenset[BundleRef]:
    """Those of these pairs of which nothing was ever evaluated: not the bundle, nor a side."""
    subjects_of = {pair.bundle: {pair.bundle, pair.model, pair.prompt} for pair in pairs}
    every = {subject for found in subjects_of.values() for subject in found}
    known = {one.subject for one in store.newest(tx, every)}
    return frozenset(bundle for bundle, found in subjects_of.items() if not found & known)


def newest_of_all(tx: Reading, subjects: Collection[EvaluationSubject]) -> tuple[Evaluation, ...]:
    """The newest result of each suite for each of these bundles and versions: of the first of
    them first, by suite, then of the next."""
    place = {subject: at for at, subject in enumerate(subjects)}
    return tuple(sorted(store.newest(tx, subjects), key=lambda one: place[one.subject]))


def compare(tx: Reading, old: str, new: str) -> EvaluationComparison:
    """How two versions or bundles did on every suite that scored one of them.

    Raises:
        NotFound: there is no such subject.
    """
    subject, other = subjects.read(tx, old), subjects.read(tx, new)
    before = {one.suite: one for one in store.newest(tx, [subject])}
    after = {one.suite: one for one in store.newest(tx, [other])}
    names = sorted(before.keys() | after.keys())
    return EvaluationComparison(
        old=subject,
        new=other,
        suites=tuple(_compared(tx, name, before.get(name), after.get(name)) for name in names),
    )


def previous(tx: Reading, one: Evaluation) -> Evaluation | None:
    """The result of the same suite before this one: of the same subject if there is one, else
    of another version of the same prompt or model, else of another bundle if it is of one.
    The 100 before it are looked at."""
    earlier = store.page(tx, subject=None, suite=one.suite, before=one.ref.number, limit=EARLIER)
    return rules.nearest(one, earlier)


def compare_results(tx: Reading, old: Evaluation, new: Evaluation) -> SuiteComparison:
    """How a result of a suite did against another, with the cases that went the other way.

    Raises:
        Invalid: they are of two suites.
    """
    if old.suite != new.suite:
        raise Invalid(
            f"{old.ref} is of the suite {old.suite!r} and {new.ref} of {new.suite!r}: their cases "
            "are not the same. Take two results of one suite.",
            field="against",
            value=str(old.ref),
        )
    return _compared(tx, new.suite, old, new)


def between(
    tx: Reading, refs: Collection[BundleRef], since: datetime, until: datetime, limit: int
) -> tuple[Evaluation, ...]:
    """Results for these bundles after ``since`` and up to ``until``, the newest first."""
    return store.between(tx, refs, since, until, limit)


def _compared(
    tx: Reading, name: str, old: Evaluation | None, new: Evaluation | None
) -> SuiteComparison:
    flips = None
    if old and new and old.cases and new.cases:
        flips = store.flips(tx, old.ref, new.ref)
    return rules.compare(name, old, new, flips)
