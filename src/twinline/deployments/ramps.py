"""Ramps: change the shares of a live split by moving as few buckets as possible.

What gets more traffic than it ever had in the slot has to pass the slot's suites, as for a
deployment; what only gets back what it had is never held up.
"""

from collections.abc import Iterable

from twinline.db.session import Reading, Writing
from twinline.deployments.actions import append, fit_to_serve, live, lock, whole_history
from twinline.deployments.rules import had
from twinline.evaluations import requirements
from twinline.language.errors import NothingLive
from twinline.language.records import (
    ArmShare,
    BucketMove,
    Deployment,
    MissingEvaluation,
    RampPreview,
    RampRequest,
    RampWanted,
)
from twinline.language.refs import BundleRef, SlotRef
from twinline.routing import splits
from twinline.routing.policy import read_policy, split_of, with_split
from twinline.routing.splits import Move, Split


def preview(tx: Reading, ref: SlotRef, wanted: RampWanted) -> RampPreview:
    """What a ramp would move.

    Raises:
        NotFound, NothingLive: nothing is live there.
        Invalid: the live policy has no such split or arm, or the donor has too little.
    """
    now = live(tx, ref)
    policy = read_policy(now.policy)
    rule, before = split_of(policy, wanted.rule)
    after, moves = splits.ramp(before, wanted.arm, wanted.share, wanted.donor)
    return RampPreview(
        slot=ref,
        live=now.ref,
        rule=rule.id,
        arms=_shares(before, after),
        moves=tuple(_move(move) for move in moves),
        missing=_missing(tx, ref, after, moves),
    )


def ramp(tx: Writing, ref: SlotRef, wanted: RampRequest, expected: int) -> Deployment:
    """Deploy the live policy with the buckets moved.

    Raises:
        Stale: another deployment is live than the caller looked at.
        NothingLive, Invalid: as for `preview`.
        BlockedPair, BundleWithdrawn: an arm would get more that may not serve.
        NotEvaluated: an arm would get more than it ever had here, and has not passed a
            suite that the slot requires.
    """
    now = lock(tx, ref, expected)
    if now is None:
        raise NothingLive(f"Nothing is live in {ref.short} that could be ramped.", slot=str(ref))
    policy = read_policy(now.policy)
    rule, before = split_of(policy, wanted.rule)
    after, moves = splits.ramp(before, wanted.arm, wanted.share, wanted.donor)
    for receiver in {move.receiver for move in moves}:
        fit_to_serve(tx, after.arm(receiver).bundle)
    requirements.refuse(ref, _missing(tx, ref, after, moves))
    ramped = with_split(policy, rule.id, after)
    return append(tx, ref, ramped, kind="deploy", undoes=None, reason=wanted.reason)


def _missing(
    tx: Reading, ref: SlotRef, after: Split, moves: Iterable[Move]
) -> tuple[MissingEvaluation, ...]:
    """What arms lack that would get more than they ever had in the slot."""
    size = dict[BundleRef, int]()
    for move in moves:
        arm = after.arm(move.receiver)
        size[arm.bundle] = max(arm.size, size.get(arm.bundle, 0))
    lacks = requirements.missing_of_all(tx, ref, size)
    new = {
        bundle
        for bundle in {one.bundle for one in lacks}
        if not had(
            (read_policy(one.policy) for one in whole_history(tx, ref)), bundle, size[bundle]
        )
    }
    return tuple(one for one in lacks if one.bundle in new)


def _shares(before: Split, after: Split) -> tuple[ArmShare, ...]:
    return tuple(
        ArmShare(arm=old.name, bundle=old.bundle, before=old.size, after=new.size)
        for old, new in zip(before.arms, after.arms, strict=True)
    )


def _move(move: Move) -> BucketMove:
    return BucketMove(
        donor=move.donor, receiver=move.receiver, buckets=move.buckets, text=str(move)
    )
