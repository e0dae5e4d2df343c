"""Recalls: what is bad everywhere, what that reached, and taking it out of every slot."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Query, Response
from pydantic import Field

from twinline.access.gate import Cursor
from twinline.db.session import Reading, Writing
from twinline.deployments import owners
from twinline.language.errors import TwinlineError
from twinline.language.records import (
    ExecuteRecall,
    Impact,
    LiftRequest,
    LiveUse,
    NewRecall,
    Ownership,
    Recall,
    RecallCounts,
    RecallExecution,
    RecallPlan,
    RecallVerdict,
    RequestFilter,
    SlotPlan,
    WhenUnsafe,
)
from twinline.lineage import impacts
from twinline.recalls import actions, executing
from twinline.recalls.api import PathNumber
from twinline.web import addresses, deeds, forms, rendering, swaps
from twinline.web.deeds import Deed, Typed
from twinline.web.gate import Fields, Reader, ReleaserOrRefused, SentFields
from twinline.web.page import Page
from twinline.web.problems import page_router
from twinline.web.swaps import Swap

router = page_router()

RECALLS = 100
"""Recalls on a page."""

SLOTS = 12
"""Slots of a plan whose change is shown in full; the others stand in the table alone."""


@dataclass(frozen=True)
class Changed:
    """A slot of a plan, and what would change there."""

    plan: SlotPlan
    swaps: tuple[Swap, ...]

    @property
    def more(self) -> int:
        """Pairs of the slot that are not looked at in full."""
        return len(self.plan.pairs) - len(self.swaps)


class RecallsPage(Page, template="recalls.html"):
    """Every recall."""

    heading = "Recalls"

    recalls: tuple[Recall, ...] = Field(
        description="What was declared bad, the newest first. Requests are those that what came "
        "from it had served by then."
    )
    older: str = Field(description="Leads to the recalls before these.")
    newest: bool = Field(description="Whether the newest are among these.")


class NewRecallPage(Page, template="recall_new.html"):
    """What a recall would do, and the form that does it."""

    node: str = Field(description="What is bad; everything that came from it is, too.")
    problem: str = Field(description="Why it cannot be recalled.")
    impact: Impact | None = Field(description="What it reached until now, counted.")
    plan: RecallPlan | None = Field(
        description="How each slot that serves something of it would get rid of it: the side "
        "that goes back, to the nearest version that has nothing to do with it."
    )
    changed: tuple[Changed, ...] = Field(
        title="The changes", description="What would differ in each of these slots."
    )
    unsafe: str = Field(description="What happens to slots that have no safe way back.")
    owners: tuple[Ownership, ...] = Field(description="Whom to tell.")
    deed: Deed | None = Field(
        title="The form",
        description="Why, and for protected environments their names. It is carried out once, "
        "and changes slots only as the plan that is shown says.",
    )

    @property
    def title(self) -> str:
        """Names the node."""
        return f"Recall {self.node}" if self.node else "Recall"


class RecallPage(Page, template="recall.html"):
    """One recall: its report, what was done about it, and what is left to do."""

    recall: Recall = Field(description="What is bad, since when, who said so and why.")
    counts: RecallCounts = Field(
        description="From the report: what it had served when it was recalled, which never changes."
    )
    execution: tuple[RecallExecution, ...] = Field(
        description="Every time that the plan was carried out, the newest last."
    )
    still_live: tuple[LiveUse, ...] = Field(description="Where something of it is live now.")
    verdict: RecallVerdict | None = Field(
        description="Whether the report counts the same today, when that was asked for."
    )
    plan: RecallPlan | None = Field(
        description="What carrying it out would do now; nothing when it is lifted."
    )
    changed: tuple[Changed, ...] = Field(
        title="The changes", description="What would differ in each of these slots."
    )
    unsafe: str = Field(description="What happens to slots that have no safe way back.")
    owners: tuple[Ownership, ...] = Field(description="Whom to tell.")
    deed: Deed = Field(
        title="The form",
        description="Why, and for protected environments their names. It is carried out once, "
        "and only as the plan that is shown says.",
    )

    @property
    def title(self) -> str:
        """Names the recall and its node."""
        return f"Recall {self.recall.number}: {self.recall.node}"


class LiftPage(Page, template="recall_lift.html"):
    """The form that ends a recall."""

    recall: Recall = Field(description="What may be deployed again then.")
    deed: Deed = Field(title="The form", description="Why; it is carried out once.")

    @property
    def title(self) -> str:
        """Names the recall."""
        return f"Lift recall {self.recall.number}"


@router.get("/recalls")
def every(by: Reader, cursor: Cursor = None) -> Response:
    """Every recall, a page at a time."""
    with by.reading() as tx:
        found = actions.list_recalls(tx, cursor=cursor, limit=RECALLS)
    older = addresses.asked("/recalls", cursor=found.next) if found.next else ""
    page = RecallsPage(recalls=found.items, older=older, newest=cursor is None)
    return rendering.answer(by, page)


@router.get("/recall")
def foresee(by: Reader, node: Annotated[str, Query(max_length=1000)] = "") -> Response:
    """What a recall would do; nothing is recalled by looking."""
    with by.reading() as tx:
        try:
            standing = actions.standing(tx, node.strip()) if node.strip() else None
            if standing is not None:
                return forms.to(addresses.recall(standing))
            return rendering.answer(by, _foreseen(tx, node.strip(), deeds.FIRST))
        except TwinlineError as refused:
            return rendering.answer(by, _no_node(node, refused.detail), refused.status)


@router.post("/recall")
def recall(sent: SentFields, by: ReleaserOrRefused) -> Response:
    """Recall it, and carry the plan out at once where that is wanted."""
    node = sent.text("node").strip()

    def act(tx: Writing) -> tuple[str, str]:
        reason = sent.text(deeds.REASON).strip()
        new = forms.filled(NewRecall, {"node": node, "reason": reason})
        if not sent.ticked("execute"):
            made, fresh = actions.recall(tx, new)
            word = "recalled" if fresh else "recalled-before"
            return addresses.recall(made.number), word
        deeds.refuse_unnamed(tx, sent, _environments(actions.foresee(tx, node)))
        done = executing.at_once(tx, new, _wanted(sent))
        return addresses.recall(done.number), "recall-executed"

    def again(tx: Reading, typed: Typed) -> Page:
        try:
            return _foreseen(tx, node, typed)
        except TwinlineError as refused:
            return _no_node(node, refused.detail)

    return deeds.carried_out(by, sent, act, again)


@router.get("/recalls/{number}")
def one(by: Reader, number: PathNumber, verify: bool = False) -> Response:
    """A recall."""
    with by.reading() as tx:
        page = _page(tx, number, deeds.FIRST, verify=verify)
    return rendering.answer(by, page)


@router.post("/recalls/{number}")
def execute(sent: SentFields, by: ReleaserOrRefused, number: PathNumber) -> Response:
    """Carry its plan out."""

    def act(tx: Writing) -> tuple[str, str]:
        deeds.refuse_unnamed(tx, sent, _environments(actions.plan(tx, number)))
        executing.execute(tx, number, _wanted(sent))
        return addresses.recall(number), "recall-executed"

    def again(tx: Reading, typed: Typed) -> Page:
        return _page(tx, number, typed)

    return deeds.carried_out(by, sent, act, again)


@router.get("/recalls/{number}/lift")
def before_lifting(by: Reader, number: PathNumber) -> Response:
    """What lifting would mean."""
    with by.reading() as tx:
        return rendering.answer(by, _lifting(tx, number, deeds.FIRST))


@router.post("/recalls/{number}/lift")
def lift(sent: SentFields, by: ReleaserOrRefused, number: PathNumber) -> Response:
    """End a recall."""

    def act(tx: Writing) -> tuple[str, str]:
        wanted = forms.filled(LiftRequest, {"reason": sent.text(deeds.REASON).strip()})
        actions.lift(tx, number, wanted.reason)
        return addresses.recall(number), "recall-lifted"

    def again(tx: Reading, typed: Typed) -> Page:
        return _lifting(tx, number, typed)

    return deeds.carried_out(by, sent, act, again)


def _wanted(fields: Fields) -> ExecuteRecall:
    return forms.filled(
        ExecuteRecall,
        {
            "reason": fields.text(deeds.REASON).strip(),
            "plan": fields.text(deeds.EXPECTED),
            "accept_untested": fields.ticked("accept_untested"),
            "unsafe": _unsafe(fields),
        },
    )


def _unsafe(fields: Fields) -> WhenUnsafe:
    """What the form says; anything else is refused when it is read."""
    return cast("WhenUnsafe", fields.text("unsafe") or "refuse")


def _environments(plan: RecallPlan) -> set[str]:
    return {one.slot.environment for one in (*plan.slots, *plan.unsafe)}


def _changes(tx: Reading, plan: RecallPlan | None) -> tuple[Changed, ...]:
    slots = plan.slots[:SLOTS] if plan else ()
    found = swaps.of_slots(tx, [one.pairs for one in slots])
    return tuple(map(Changed, slots, found))


def _no_node(node: str, why: str) -> NewRecallPage:
    return NewRecallPage(
        node=node, problem=why, impact=None, plan=None, changed=(), unsafe="", owners=(), deed=None
    )


def _foreseen(tx: Reading, node: str, typed: Typed) -> NewRecallPage:
    if not node:
        return _no_node(node, typed.refused)
    plan = actions.foresee(tx, node)
    impact = impacts.impact(tx, plan.node, RequestFilter())
    return NewRecallPage(
        node=plan.node,
        problem="",
        impact=impact,
        plan=plan,
        changed=_changes(tx, plan),
        unsafe=_unsafe(typed.fields),
        owners=impact.owners,
        deed=deeds.deed(tx, typed, plan.digest, _environments(plan)),
    )


def _page(tx: Reading, number: int, typed: Typed, *, verify: bool = False) -> RecallPage:
    found = actions.today(tx, number)
    plan = found.plan
    return RecallPage(
        recall=found.recall,
        counts=found.counts,
        execution=found.execution,
        still_live=found.still_live,
        verdict=actions.verify(tx, number) if verify else None,
        plan=plan,
        changed=_changes(tx, plan),
        unsafe=_unsafe(typed.fields),
        owners=owners.of(tx, [one.slot for one in found.still_live]),
        deed=deeds.deed(
            tx, typed, plan.digest if plan else "", _environments(plan) if plan else ()
        ),
    )


def _lifting(tx: Reading, number: int, typed: Typed) -> LiftPage:
    return LiftPage(recall=actions.find(tx, number), deed=deeds.deed(tx, typed, number, ()))
