"""Let subjects wait for their evaluation, and lease them to runners."""

from collections.abc import Collection

from twinline.access.actions import audit
from twinline.db.session import Reading, Writing
from twinline.language import cursors
from twinline.language.errors import LeaseLost, NotFound
from twinline.language.records import (
    ClaimRequest,
    EvaluationSubject,
    FailureReport,
    Page,
    PendingEvaluation,
    PendingState,
    RenewRequest,
)
from twinline.language.refs import EvaluationRef, PromptVersionRef
from twinline.suites import actions, queue, rules, store


def evaluate_new(tx: Writing, prompt: str, versions: Collection[PromptVersionRef]) -> None:
    """Let versions that were just made wait for each suite that is attached to their prompt."""
    suites = store.attached_to(tx, prompt) if versions else []
    for version in versions:
        for name in suites:
            _add(tx, name, version)


def ask(tx: Writing, name: str, subject: EvaluationSubject) -> tuple[PendingEvaluation, bool]:
    """Let an existing subject wait for a suite, and whether it did not already.

    Raises:
        NotFound: there is no such suite.
    """
    store.lock(tx, name)
    actions.read(tx, name)
    waiting = queue.unfinished(tx, name, subject)
    return (waiting, False) if waiting else (_add(tx, name, subject), True)


def read(tx: Reading, number: int) -> PendingEvaluation:
    """A pending evaluation.

    Raises:
        NotFound: there is none of this number.
    """
    found = queue.find(tx, number)
    if found is None:
        raise NotFound(
            f"There is no pending evaluation {number}; `twinline evaluate pending` lists them.",
            kind="pending evaluation",
            name=str(number),
        )
    return found


def list_pending(
    tx: Reading,
    name: str | None,
    states: Collection[PendingState] | None,
    *,
    cursor: str | None,
    limit: int,
) -> Page[PendingEvaluation]:
    """Pending evaluations, the newest first.

    Raises:
        NotFound: there is no such suite.
    """
    if name is not None:
        actions.read(tx, name)
    listing = f"pending evaluations of {name or 'every suite'} {sorted(states or ())}"
    before = cursors.decode(listing, cursor, int)
    items = queue.page(tx, name=name, states=states, before=before, limit=limit)
    return cursors.page(listing, items, limit, lambda last: last.number)


def claim(tx: Writing, wanted: ClaimRequest) -> PendingEvaluation | None:
    """Lease the oldest that waits for one of these suites; None when nothing does.

    The same token gets the same one again.

    Raises:
        NotFound: there is no such suite.
    """
    for name in wanted.suites:
        actions.read(tx, name)
    number = queue.under(tx, wanted.token)
    if number is not None:
        return read(tx, number)
    runner = f"{tx.actor} ({wanted.runner})" if wanted.runner else tx.actor
    number = queue.claim(tx, wanted, runner)
    if number is None:
        return None
    claimed = read(tx, number)
    audit(tx, "evaluation.claim", str(claimed.subject), after=_essence(claimed))
    return claimed


def renew(tx: Writing, number: int, wanted: RenewRequest) -> PendingEvaluation:
    """Keep a lease, also one that ran out and that nobody took.

    Raises:
        NotFound: there is no such pending evaluation.
        LeaseLost: it is another's, or done.
    """
    _refuse_done(hold(tx, number, wanted.token))
    queue.renew(tx, number, wanted.lease_seconds)
    return read(tx, number)


def fail(tx: Writing, number: int, failure: FailureReport) -> PendingEvaluation:
    """Give a lease up, and say why; the next attempt may begin after a pause.

    Raises:
        NotFound: there is no such pending evaluation.
        LeaseLost: it is another's, or done.
    """
    found = hold(tx, number, failure.token)
    _refuse_done(found)
    queue.fail(tx, number, failure.error, rules.pause_after(found.attempts))
    after = read(tx, number)
    audit(tx, "evaluation.fail", str(after.subject), why=failure.error, after=_essence(after))
    return after


def hold(tx: Writing, number: int, token: str) -> PendingEvaluation:
    """What is leased to this token; nobody else can claim it until the transaction ends.

    Raises:
        NotFound: there is no such pending evaluation.
        LeaseLost: it is another's.
    """
    found = read(tx, number)
    if not queue.hold(tx, number, token):
        raise LeaseLost(
            f"The lease of pending evaluation {number} ran out or was given up, and this token "
            "holds it no more. Drop what was run, and claim the next.",
            number=number,
            state=found.state,
        )
    return read(tx, number)


def finish(tx: Writing, number: int, result: EvaluationRef) -> None:
    """It is done, with this result, under the lock of `hold`."""
    queue.finish(tx, number, result)


def _refuse_done(found: PendingEvaluation) -> None:
    if found.evaluation is not None:
        raise LeaseLost(
            f"Pending evaluation {found.number} is done, with {found.evaluation}, and its lease is "
            "over. Claim the next.",
            number=found.number,
            state=found.state,
        )


def _add(tx: Writing, name: str, subject: EvaluationSubject) -> PendingEvaluation:
    made = read(tx, queue.add(tx, name, subject))
    audit(tx, "evaluation.ask", str(subject), after=_essence(made))
    return made


def _essence(one: PendingEvaluation) -> dict[str, object]:
    shown = {"number", "suite", "state", "attempts", "claimed_by"}
    return one.model_dump(mode="json", include=shown)
