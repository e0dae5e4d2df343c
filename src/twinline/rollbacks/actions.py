"""Preview a rollback, and carry it out."""

from collections.abc import Iterable, Iterator
from typing import Literal

from twinline.bundles import actions as bundles
from twinline.db.session import Reading, Writing
from twinline.deployments import actions as deployments
from twinline.deployments.rules import Frame
from twinline.evaluations import requirements
from twinline.inferences import actions as inferences
from twinline.language.errors import (
    BlockedPair,
    InvalidReference,
    NothingToRollBack,
    UntestedPair,
)
from twinline.language.records import (
    Bundle,
    Deployment,
    RollbackPreview,
    RollbackRequest,
    Side,
    SideChange,
    SkippedVersion,
)
from twinline.language.refs import ModelVersionRef, PromptVersionRef, SlotRef, parse_ref
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.rollbacks import rules
from twinline.rollbacks.pairs import Pairs, make
from twinline.routing.policy import read_policy, substitute

OneSide = Literal["prompt", "model"]
To = PromptVersionRef | ModelVersionRef | None


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
    """What a rollback would do: what changes, and what is known about the resulting pairs.

    An earlier version that is recalled or retired is passed over, and named. With ``to``
    a retired one can be gone back to; a recalled one never, it blocks the pair.

    Raises:
        NotFound: there is no such slot, or no such version to go to.
        NothingLive: nothing was deployed to the slot.
        NothingToRollBack: a side has no earlier version here, or is at ``to`` already.
    """
    live = deployments.live(tx, ref)
    one_sides: tuple[OneSide, ...] = ("prompt", "model") if side == "both" else (side,)
    known = Pairs(tx)
    changes = tuple(_change(tx, known, ref, one, to) for one in one_sides)
    replaced = tuple(_replaced(tx, live, changes))
    preflights = tuple(
        known.preflight(ref, old, *rules.sides_after(old, changes)) for old in replaced
    )
    return RollbackPreview(
        slot=ref,
        side=side,
        live=live,
        changes=changes,
        pairs=preflights,
        verdict=rules.worst([pair.verdict for pair in preflights]),
        requests_last_hour=inferences.served_last_hour(tx, (old.ref for old in replaced), ref),
    )


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


def _change(tx: Reading, known: Pairs, ref: SlotRef, side: OneSide, to: To) -> SideChange:
    *below, current = deployments.undo_stack(tx, ref, side)
    put_back, skipped = (to, ()) if to else _previous(known, below[::-1])
    if put_back is None:
        raise NothingToRollBack(
            f"The {side} side of {ref.short} has been {current.value} since deployment "
            f"{current.since} and has no earlier version to go back to{_passed_over(skipped)}; "
            "name one with `to`, or roll back the other side.",
            slot=str(ref),
            side=side,
        )
    if put_back == current.value:
        raise NothingToRollBack(
            f"The {side} side of {ref.short} is at {put_back} already.", slot=str(ref), side=side
        )
    _refuse_unknown(tx, put_back)
    return SideChange(
        side=side,
        taken_out=current.value,
        put_back=put_back,
        undoes=current.since,
        skipped=skipped,
        was_live=to is None or deployments.was_live(tx, ref, to),
    )


def _previous(
    known: Pairs, nearest_first: Iterable[Frame[PromptVersionRef | ModelVersionRef]]
) -> tuple[To, tuple[SkippedVersion, ...]]:
    """The nearest earlier version that nobody withdrew, and those that are passed over."""
    skipped: list[SkippedVersion] = []
    for frame in nearest_first:
        why = known.why_unfit(frame.value)
        if why is None:
            return frame.value, tuple(skipped)
        skipped.append(SkippedVersion(version=frame.value, why=why))
    return None, tuple(skipped)


def _passed_over(skipped: Iterable[SkippedVersion]) -> str:
    return "".join(f" ({one.why})" for one in skipped)


def _refuse_unknown(tx: Reading, version: PromptVersionRef | ModelVersionRef) -> None:
    if isinstance(version, PromptVersionRef):
        prompts.read_version(tx, version)
    else:
        models.read_version(tx, version)


def _replaced(tx: Reading, live: Deployment, changes: Iterable[SideChange]) -> Iterator[Bundle]:
    going = {change.taken_out for change in changes}
    for ref in read_policy(live.policy).bundles():
        bundle = bundles.read(tx, ref)
        if going & {bundle.model, bundle.prompt}:
            yield bundle


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
