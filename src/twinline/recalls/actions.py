"""Recall nodes, say what that reached, and end a recall."""

from dataclasses import dataclass

from sqlalchemy import RowMapping

from twinline.access import actions as access
from twinline.access.actions import audit
from twinline.db.session import Reading, Writing
from twinline.language import cursors
from twinline.language.canonical import digest
from twinline.language.errors import Conflict, Invalid
from twinline.language.records import (
    LiveUse,
    NewRecall,
    Page,
    Recall,
    RecallCounts,
    RecallDetails,
    RecallExecution,
    RecallPlan,
    RecallVerdict,
)
from twinline.language.refs import (
    BundleRef,
    CustomRef,
    DatasetRef,
    ModelVersionRef,
    PromptVersionRef,
    Ref,
    RunRef,
)
from twinline.lineage import nodes
from twinline.recalls import planning, reports, store
from twinline.recalls.store import Downstream
from twinline.withdrawals import actions as withdrawals

RECALLED = "recalled"
_RECALLABLE = (PromptVersionRef, ModelVersionRef, RunRef, DatasetRef, BundleRef, CustomRef)


@dataclass(frozen=True)
class Today:
    """A recall as it stands now, without the lists of its report: what had been served by then,
    what was done about it, where it is live all the same, and what carrying it out would do
    (None: it is lifted)."""

    recall: Recall
    counts: RecallCounts
    execution: tuple[RecallExecution, ...]
    still_live: tuple[LiveUse, ...]
    plan: RecallPlan | None


def recall(tx: Writing, new: NewRecall) -> tuple[RecallDetails, bool]:
    """Declare a node bad, with everything downstream, and whether it was not until now.

    Raises:
        InvalidReference, Invalid: ``node`` is no reference of something that can be
            recalled.
        NotFound: there is no such node.
    """
    _, ref = nodes.find(tx, new.node)
    _refuse_other(ref)
    made, fresh = withdrawals.withdraw(tx, ref, RECALLED, new.reason)
    if not fresh:
        return read(tx, made.number), False
    down = store.downstream(tx, made.node, made.at)
    report = reports.freeze(tx, made.node, down, store.deployments_of(tx, down))
    report_digest = digest(report)
    store.add(tx, made.number, report, report_digest)
    found = read(tx, made.number)
    counted = {"number": made.number, "report_digest": report_digest, "requests": found.requests}
    audit(tx, "recall.report", made.node, why=new.reason, after=counted)
    return found, True


def foresee(tx: Reading, text: str) -> RecallPlan:
    """What executing a recall of a node would do, were it recalled now; its number is 0.

    Raises:
        InvalidReference, Invalid, NotFound: as for `recall`.
    """
    _, ref = nodes.find(tx, text)
    _refuse_other(ref)
    return planning.foresee(tx, str(ref), store.downstream(tx, str(ref), access.now(tx)))


def standing(tx: Reading, text: str) -> int | None:
    """The number of the recall of a node that is in force; None when there is none.

    Raises:
        InvalidReference, Invalid, NotFound: as for `recall`.
    """
    _, ref = nodes.find(tx, text)
    found = withdrawals.standing(tx, ref, RECALLED)
    return found.number if found else None


def read(tx: Reading, number: int) -> RecallDetails:
    """A recall, in force or lifted, and where it is live all the same.

    Raises:
        NotFound: there is no such recall.
    """
    row = _kept(tx, number)
    return RecallDetails.model_validate(
        {
            **row,
            "report": store.report(tx, number),
            "execution": store.executions(tx, number),
            "still_live": reports.uses(tx, _downstream(tx, row)),
        }
    )


def find(tx: Reading, number: int) -> Recall:
    """A recall, in force or lifted.

    Raises:
        NotFound: there is no such recall.
    """
    return Recall.model_validate(_kept(tx, number))


def today(tx: Reading, number: int) -> Today:
    """A recall as it stands now.

    Raises:
        NotFound: there is no such recall.
    """
    row = _kept(tx, number)
    down = _downstream(tx, row)
    plan = None if row["lifted_at"] else planning.plan(tx, number, row["node"], down)
    return Today(
        recall=Recall.model_validate(row),
        counts=RecallCounts.model_validate(store.counts(tx, number)),
        execution=tuple(map(RecallExecution.model_validate, store.executions(tx, number))),
        still_live=planning.uses(plan) if plan else reports.uses(tx, down),
        plan=plan,
    )


def still_live(tx: Reading, number: int) -> tuple[LiveUse, ...]:
    """Where something downstream of what was recalled is live now, by slot.

    Raises:
        NotFound: there is no such recall.
    """
    return reports.uses(tx, _downstream(tx, _kept(tx, number)))


def list_recalls(tx: Reading, *, cursor: str | None, limit: int) -> Page[Recall]:
    """Every recall, the newest first."""
    before = cursors.decode("recalls", cursor, int)
    rows = store.page(tx, before=before, limit=limit)
    items = tuple(Recall.model_validate(row) for row in rows)
    return cursors.page("recalls", items, limit, lambda last: last.number)


def plan(tx: Reading, number: int) -> RecallPlan:
    """What executing a recall would do now.

    Raises:
        NotFound: there is no such recall.
        Conflict: it is lifted.
    """
    row = _kept(tx, number)
    if row["lifted_at"]:
        raise Conflict(
            f"Recall {number} of {row['node']} was lifted by {row['lifted_by']}: "
            f"{row['lifted_reason']}. Recall it again to take it out.",
            recall=number,
        )
    return planning.plan(tx, number, row["node"], _downstream(tx, row))


def verify(tx: Reading, number: int) -> RecallVerdict:
    """Count what a recall's report counted anew, and compare.

    Raises:
        NotFound: there is no such recall.
    """
    kept, report = _kept(tx, number)["report_digest"], store.report(tx, number)
    recomputed, later = reports.recount(tx, report)
    return RecallVerdict(
        recall=number,
        report_digest=kept,
        recomputed=recomputed,
        same=digest(report) == recomputed == kept,
        arrived_later=later,
    )


def lift(tx: Writing, number: int, reason: str) -> RecallDetails:
    """End a recall: what is downstream may be deployed again. Nothing is deployed by it.

    Raises:
        NotFound: there is no such recall.
        Conflict: it is lifted already.
    """
    store.lock(tx, number)
    withdrawals.lift(tx, RECALLED, number, reason)
    return read(tx, number)


def _refuse_other(ref: Ref) -> None:
    if not isinstance(ref, _RECALLABLE):
        raise Invalid(
            f"{ref} cannot be recalled: recall a version, a run, a dataset, a bundle or a node of "
            "your own; `twinline kill` stops a slot.",
            field="node",
            value=str(ref),
        )


def _kept(tx: Reading, number: int) -> RowMapping:
    withdrawals.read(tx, RECALLED, number)
    row = store.find(tx, number)
    assert row is not None
    return row


def _downstream(tx: Reading, row: RowMapping) -> Downstream:
    return store.downstream(tx, row["node"], row["at"])
