"""Preview a rollback, and carry it out."""

from twinline.db.session import Reading, Writing
from twinline.deployments import actions as deployments
from twinline.evaluations import requirements
from twinline.language.errors import BlockedPair, InvalidReference, UntestedPair
from twinline.language.records import Deployment, RollbackPreview, RollbackRequest, Side
from twinline.language.refs import ModelVersionRef, PromptVersionRef, SlotRef, parse_ref
from twinline.rollbacks.pairs import make
from twinline.rollbacks.ways import To, WaysBack
from twinline.routing.policy import read_policy, substitute


def version(side: Side, text: str | None) -> To:
    """The version of a side that a rollback should go to; None: the previous one.

    Raises:
        InvalidReference: the text is no reference of a version of that side.
    """
    if text is None:
        return None
    match side, parse_ref(text):
        case ("prompt", PromptVersionRef() as ref) | ("model", ModelVersionRef() as ref):
            return ref
        case _:
            raise InvalidReference(
                f"{text!r} is no version of the {side} side", field="to", value=text
            )


def preview(tx: Reading, ref: SlotRef, side: Side, to: To) -> RollbackPreview:
    """What a rollback would do, as `WaysBack.preview` tells it.

    Raises:
        NotFound, NothingLive, NothingToRollBack: as there.
    """
    return WaysBack(tx, ref).preview(side, to)


def roll_back(tx: Writing, ref: SlotRef, wanted: RollbackRequest, expected: int) -> Deployment:
    """Append the deployment that puts a side back.

    Raises:
        Stale: another deployment is live than the caller looked at.
        BlockedPair: a resulting pair is declared incompatible, killed, or built on something
            recalled.
        UntestedPair: a resulting pair has no evidence, and that was not accepted.
        NotEvaluated: the slot was never at ``to``, and a resulting pair has not passed a suite
            that the slot requires.
        NotFound, NothingLive, NothingToRollBack: as for `preview`.
    """
    deployments.read_slot(tx, ref)
    deployments.lock(tx, ref, expected)
    foreseen = preview(tx, ref, wanted.side, wanted.to)
    _refuse_unfit(foreseen, wanted.accept_untested)
    if not all(change.was_live for change in foreseen.changes):
        requirements.refuse(ref, [lacks for pair in foreseen.pairs for lacks in pair.missing])
    make(tx, foreseen.pairs)
    put_back = {pair.replaces: pair.bundle for pair in foreseen.pairs}
    policy = read_policy(foreseen.live.policy)
    return deployments.append(
        tx,
        ref,
        substitute(policy, lambda old: put_back.get(old, old)),
        kind="rollback",
        undoes=max(change.undoes for change in foreseen.changes),
        reason=wanted.reason,
    )


def _refuse_unfit(foreseen: RollbackPreview, accept_untested: bool) -> None:
    for pair in foreseen.pairs:
        if pair.verdict == "blocked":
            raise BlockedPair(
                f"{pair.prompt} with {pair.model} cannot go live: {pair.why}.",
                bundle=str(pair.bundle),
            )
        if pair.verdict == "untested" and not accept_untested:
            raise UntestedPair(
                f"{pair.prompt} with {pair.model} is untested in {foreseen.slot.short}: it "
                f"{pair.why}. Send `accept_untested` (on the command line --accept-untested) "
                "with your reason to go on all the same.",
                bundle=str(pair.bundle),
            )
