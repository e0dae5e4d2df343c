"""Evaluations as the client offers them: results, comparisons, and the work of a runner."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from uuid import uuid4

from twinline.client.http import Http
from twinline.client.runner import Runner, Score, Told
from twinline.language.records import (
    CaseResult,
    ClaimedEvaluation,
    ClaimRequest,
    Evaluation,
    EvaluationComparison,
    EvaluationSubject,
    FailureReport,
    MissingEvaluations,
    NewEvaluation,
    NewPendingEvaluation,
    NewWaiver,
    PendingEvaluation,
    PendingState,
    RenewRequest,
    ResultReport,
    SuiteResult,
    Waiver,
)
from twinline.language.refs import BundleRef, EvaluationRef

Subject = EvaluationSubject | str


class Evaluations:
    """How versions and bundles scored, and who runs what is to be scored."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def record(self, new: NewEvaluation, *, key: str | None = None) -> Evaluation:
        """Keep how a version or bundle scored on a suite; the newest result counts.

        Raises:
            NotFound: there is no such version or bundle.
            Invalid: it does not fit its suite, which is a defined one.
        """
        return self._http.write(Evaluation, "POST", "/evaluations", new, key=key)

    def get(self, ref: EvaluationRef | int) -> Evaluation:
        """One result."""
        return self._http.get(Evaluation, f"/evaluations/{_number(ref)}")

    def cases(self, ref: EvaluationRef | int, *, failed: bool = False) -> Iterator[CaseResult]:
        """The cases of a result by id, or only those that failed."""
        path = f"/evaluations/{_number(ref)}/cases"
        return self._http.pages(CaseResult, path, {"failed": failed, "limit": 500})

    def list(
        self, subject: Subject | None = None, *, suite: str | None = None
    ) -> Iterator[Evaluation]:
        """Results, of a subject or of a suite or all, the newest first."""
        return self._http.pages(Evaluation, "/evaluations", {"subject": subject, "suite": suite})

    def newest(self, subject: Subject) -> Iterator[Evaluation]:
        """The newest result of each suite for a version or bundle."""
        return self._http.pages(Evaluation, "/evaluations/newest", {"subject": subject})

    def compare(self, old: Subject, new: Subject) -> EvaluationComparison:
        """How two versions or bundles did, suite by suite, and which cases went the other
        way. Labels and aliases are looked up."""
        query = {"old": old, "new": new}
        return self._http.get(EvaluationComparison, "/evaluations/compare", query)

    def missing(self, slot: str, bundle: BundleRef | str) -> MissingEvaluations:
        """Which suites a bundle has to pass before it can be deployed to a slot."""
        query = {"slot": slot, "bundle": bundle}
        return self._http.get(MissingEvaluations, "/evaluations/missing", query)

    def waive(self, suite: str, bundle: BundleRef | str, place: str, *, reason: str) -> Waiver:
        """Let a bundle be deployed to an environment or slot without having passed a suite.

        Raises:
            NotFound: there is no such suite or bundle.
        """
        ref = bundle if isinstance(bundle, BundleRef) else BundleRef.parse(bundle)
        new = NewWaiver(suite=suite, bundle=ref, place=place, reason=reason)
        return self._http.write(Waiver, "POST", "/evaluations/waivers", new)

    def waivers(self) -> Iterator[Waiver]:
        """Who let what go live without having passed what; the newest first."""
        return self._http.pages(Waiver, "/evaluations/waivers")

    def ask(self, suite: str, subject: Subject, *, key: str | None = None) -> PendingEvaluation:
        """Ask for a version or bundle to be evaluated; what waits already is not asked twice.

        Raises:
            NotFound: there is no such suite or subject.
            Invalid: the suite scores something else.
        """
        new = NewPendingEvaluation.model_validate({"suite": suite, "subject": subject})
        return self._http.write(PendingEvaluation, "POST", "/evaluations/pending", new, key=key)

    def pending(
        self, suite: str | None = None, *, states: Sequence[PendingState] | None = None
    ) -> Iterator[PendingEvaluation]:
        """What waits for a runner, runs, is done or was given up; the newest first."""
        query = {"suite": suite, "state": states and list(states)}
        return self._http.pages(PendingEvaluation, "/evaluations/pending", query)

    def get_pending(self, number: int) -> PendingEvaluation:
        """How far a pending evaluation is."""
        return self._http.get(PendingEvaluation, f"/evaluations/pending/{number}")

    def claim(
        self,
        suites: str | Iterable[str],
        *,
        lease_seconds: int = 60,
        runner: str = "",
        token: str | None = None,
    ) -> tuple[PendingEvaluation, str] | None:
        """Lease the oldest that waits, with the token that holds the lease; None when
        nothing waits. `work` does this and all that follows."""
        wanted = ClaimRequest(
            suites=(suites,) if isinstance(suites, str) else tuple(suites),
            token=token or uuid4().hex,
            lease_seconds=lease_seconds,
            runner=runner,
        )
        body = wanted.model_dump_json().encode()
        found = self._http.post_json(ClaimedEvaluation, "/evaluations/claims", body).pending
        return (found, wanted.token) if found else None

    def renew(self, number: int, token: str, *, lease_seconds: int = 60) -> PendingEvaluation:
        """Keep a lease.

        Raises:
            LeaseLost: it is another's by now, or done.
        """
        body = RenewRequest(token=token, lease_seconds=lease_seconds).model_dump_json().encode()
        return self._http.post_json(PendingEvaluation, f"{_pending(number)}/renew", body)

    def report(self, number: int, token: str, found: SuiteResult) -> Evaluation:
        """Record what was found under a lease; once, however often it is sent.

        Raises:
            LeaseLost: it is another's by now.
            Invalid: the result does not fit the suite.
        """
        given = {name: getattr(found, name) for name in SuiteResult.model_fields}
        body = ResultReport(token=token, **given).model_dump_json().encode()
        return self._http.post_json(Evaluation, f"{_pending(number)}/report", body)

    def fail(self, number: int, token: str, error: str) -> PendingEvaluation:
        """Give a lease up, and say why.

        Raises:
            LeaseLost: it is another's by now.
        """
        body = FailureReport(token=token, error=error).model_dump_json().encode()
        return self._http.post_json(PendingEvaluation, f"{_pending(number)}/fail", body)

    def work(
        self,
        suites: str | Iterable[str],
        score: Score,
        *,
        lease_seconds: int = 60,
        poll_seconds: float = 2.0,
        runner: str | None = None,
        stop: threading.Event | None = None,
        until_empty: bool = False,
        told: Callable[[Told], None] = lambda _told: None,
    ) -> int:
        """Run suites, one pending evaluation after the other, until told to stop::

            def score(pending):
                version = client.prompts.get(pending.subject.name, version=pending.subject.number)
                return SuiteResult.of(run_my_cases(version.template))

            client.evaluations.work("golden-questions", score)

        While ``score`` runs, a thread keeps the lease. What it raises is reported, and the
        evaluation tried again later, by whoever comes. A lease that is lost all the same
        (the machine slept, say) means that somebody else runs it: what was found is dropped.
        When the server is away, the work waits for it.

        Args:
            suites: what this runner can run.
            score: takes a `PendingEvaluation`, answers with a `SuiteResult`.
            lease_seconds: how long a runner that died holds up its evaluation.
            poll_seconds: how often to ask again when nothing waits.
            runner: which runner of this key it is; default: host and process.
            stop: set it to end after the evaluation that is being run.
            until_empty: end as soon as nothing waits.
            told: hears what happens, from the thread that works.

        Returns:
            How many evaluations it took.
        """
        return Runner(
            self,
            (suites,) if isinstance(suites, str) else tuple(suites),
            score,
            lease_seconds=lease_seconds,
            poll_seconds=poll_seconds,
            name=runner,
            stop=stop or threading.Event(),
            told=told,
        ).work(until_empty=until_empty)


def _number(ref: EvaluationRef | int) -> int:
    return ref if isinstance(ref, int) else ref.number


def _pending(number: int) -> str:
    return f"/evaluations/pending/{number}"
