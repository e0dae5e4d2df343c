"""Carry a recall's plan out: all of it in one transaction, or none.

Every slot that the plan names is locked first, in the order of their references, which
is the same for all recalls; then the plan is made again under the locks and must be the
one that was looked at. What is executed once may be executed again when there is
something to do again: a deployment that was under way when the recall was made, or a
slot that was left. An execution that would change nothing is refused.
"""

from collections.abc import Iterable, Iterator

from twinline.access import actions as access
from twinline.access.actions import audit
from twinline.db.session import Writing
from twinline.deployments import actions as deployments
from twinline.kills import actions as kills
from twinline.language.errors import Conflict, Stale, UntestedPair
from twinline.language.records import (
    Deed,
    ExecuteRecall,
    LiveUse,
    NewRecall,
    RecallDetails,
    RecallExecution,
    RecallOutcome,
    RecallPlan,
    SlotPlan,
    UnsafeSlot,
)
from twinline.language.refs import BundleRef
from twinline.recalls import actions, rules, store
from twinline.rollbacks.pairs import make
from twinline.routing.policy import read_policy, substitute


def execute(tx: Writing, number: int, wanted: ExecuteRecall) -> RecallDetails:
    """Take what is recalled out of every slot.

    Raises:
        NotFound: there is no such recall.
        Stale: the plan is another by now; nothing was changed.
        UntestedPair: a resulting pair has no evidence, and that was not accepted.
        Conflict: the recall is lifted; or a slot has no safe way back and ``unsafe`` does
            not say what else to do; or nothing would be changed.
    """
    store.wait_longer(tx)
    store.lock(tx, number)
    recall = actions.find(tx, number)
    _lock_slots(tx, actions.still_live(tx, number))
    plan = actions.plan(tx, number)
    _refuse(plan, wanted)
    outcomes = tuple(_carry_out(tx, plan, wanted))
    if not rules.changes_something(outcomes):
        raise Conflict(
            f"Executing recall {number} would change nothing: no live slot that is built on "
            f"{recall.node} would be served otherwise than now.",
            recall=number,
        )
    done = RecallExecution(
        by=tx.actor,
        at=access.now(tx),
        reason=wanted.reason,
        plan=plan.digest,
        unsafe=wanted.unsafe,
        slots=outcomes,
    )
    kept = [*store.executions(tx, number), done.model_dump(mode="json")]
    store.add_execution(tx, number, kept)
    audit(tx, "recall.execute", recall.node, why=wanted.reason, after=kept[-1])
    return actions.read(tx, number)


def at_once(tx: Writing, new: NewRecall, wanted: ExecuteRecall) -> RecallDetails:
    """Recall a node and execute that, in one transaction; ``wanted.plan`` is the digest of
    the plan that was foreseen.

    Raises:
        InvalidReference, Invalid, NotFound: as for `actions.recall`.
        Stale: the plan is another by now; nothing was changed, nor recalled.
        UntestedPair, Conflict: as for `execute`; nothing was recalled.
    """
    made, _ = actions.recall(tx, new)
    plan = actions.plan(tx, made.number)
    if rules.plan_digest(0, plan.slots, plan.unsafe) != wanted.plan:
        raise Stale(
            f"What a recall of {made.node} would do is something else than you looked at: "
            "something changed since. Look again, then decide again.",
            expected=wanted.plan,
        )
    return execute(tx, made.number, wanted.model_copy(update={"plan": plan.digest}))


def _lock_slots(tx: Writing, uses: Iterable[LiveUse]) -> None:
    for use in sorted(uses, key=lambda use: str(use.slot)):
        deployments.lock(tx, use.slot, use.deployment.number)


def _refuse(plan: RecallPlan, wanted: ExecuteRecall) -> None:
    if plan.digest != wanted.plan:
        raise Stale(
            f"The plan of recall {plan.recall} is another one than you looked at: something "
            "changed since. Look again, then decide again.",
            plan=plan.digest,
            expected=wanted.plan,
        )
    untested = [one.slot.short for one in plan.slots if one.verdict == "untested"]
    if untested and not wanted.accept_untested:
        raise UntestedPair(
            f"The pairs for {', '.join(untested)} are untested there. Send `accept_untested` (on "
            "the command line --accept-untested) with your reason to go on all the same.",
            slots=untested,
        )
    refused = [one for one in plan.unsafe if not _has_a_way(one, wanted)]
    if refused:
        said = "; ".join(f"{one.slot.short}: {one.why}" for one in refused)
        raise Conflict(
            f"Nothing was changed, because not every slot has a safe way back ({said}). Say by "
            "`unsafe` what should happen to such slots: leave, fallback (where the policy has a "
            "safe one) or kill.",
            slots=[one.slot.short for one in refused],
        )


def _has_a_way(slot: UnsafeSlot, wanted: ExecuteRecall) -> bool:
    match wanted.unsafe:
        case "refuse":
            return False
        case "fallback":
            return slot.fallback is not None
        case "leave" | "kill":
            return True


def _carry_out(tx: Writing, plan: RecallPlan, wanted: ExecuteRecall) -> Iterator[RecallOutcome]:
    make(tx, (pair for slot in plan.slots for pair in slot.pairs))
    for one in sorted((*plan.slots, *plan.unsafe), key=lambda one: str(one.slot)):
        match one:
            case SlotPlan():
                put = {pair.replaces: pair.bundle for pair in one.pairs}
                yield _deploy(tx, one, put, wanted, "changed", _in_words(one))
            case UnsafeSlot():
                yield _do_otherwise(tx, one, wanted)


def _do_otherwise(tx: Writing, one: UnsafeSlot, wanted: ExecuteRecall) -> RecallOutcome:
    if wanted.unsafe == "fallback" and one.fallback:
        put = dict.fromkeys(one.bad, one.fallback)
        return _deploy(tx, one, put, wanted, "fallback", one.why)
    if wanted.unsafe == "kill":
        kill, fresh = kills.kill(tx, one.slot, wanted.reason)
        did: Deed = "killed" if fresh else "left"
        return RecallOutcome(slot=one.slot, did=did, deployment=None, kill=kill.number, why=one.why)
    return RecallOutcome(slot=one.slot, did="left", deployment=None, kill=None, why=one.why)


def _deploy(
    tx: Writing,
    one: SlotPlan | UnsafeSlot,
    put: dict[BundleRef, BundleRef],
    wanted: ExecuteRecall,
    did: Deed,
    why: str,
) -> RecallOutcome:
    policy = read_policy(deployments.live(tx, one.slot).policy)
    made = deployments.append(
        tx,
        one.slot,
        substitute(policy, lambda old: put.get(old, old)),
        kind="recall",
        undoes=one.undoes,
        reason=wanted.reason,
    )
    return RecallOutcome(slot=one.slot, did=did, deployment=made.ref, kill=None, why=why)


def _in_words(plan: SlotPlan) -> str:
    changes = ", ".join(f"{one.taken_out} gave way to {one.put_back}" for one in plan.changes)
    return f"{changes}: {plan.verdict}"
