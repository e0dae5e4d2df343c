"""Compare the arms of a live split."""

from collections.abc import Iterable
from datetime import datetime
from itertools import takewhile

from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.experiments import rules
from twinline.inferences import actions as inferences
from twinline.inferences.actions import ArmCounts
from twinline.language.records import (
    ArmDifference,
    ArmResult,
    Deployment,
    Experiment,
    RatioCheck,
)
from twinline.language.refs import SlotRef
from twinline.routing.buckets import BUCKETS
from twinline.routing.policy import Rule, read_policy, split_of
from twinline.routing.splits import Split


def read(tx: Reading, ref: SlotRef, rule_id: str | None, control: str | None) -> Experiment:
    """What the arms of a live split did since it has its salt.

    Arms are compared with ``control``, by default the first.

    Raises:
        NotFound, NothingLive: nothing is live in the slot.
        Invalid: its policy has no such split, or the split no such arm.
    """
    live = deployments.live(tx, ref)
    rule, split = split_of(read_policy(live.policy), rule_id)
    against = split.arm(control).name if control else split.arms[0].name
    history = deployments.whole_history(tx, ref)
    over = tuple(takewhile(lambda one: _salt(one, rule) == split.salt, history))
    arms = _arms(tx, ref, rule, split, over)
    return Experiment(
        slot=ref,
        rule=rule.id,
        salt=split.salt,
        deployments=tuple(one.ref for one in over),
        since=over[-1].at,
        arms=arms,
        differences=_differences(arms, against),
        ratio=_ratio(tx, ref, split, _unchanged_since(over, rule, split)),
    )


def _arms(
    tx: Reading, ref: SlotRef, rule: Rule, split: Split, over: tuple[Deployment, ...]
) -> tuple[ArmResult, ...]:
    counts = inferences.served_by_arm(tx, ref, rule.id, [one.number for one in over])
    units = inferences.exposed(tx, ref, split.salt)
    names = dict.fromkeys([arm.name for arm in split.arms] + sorted(counts))
    shares = {arm.name: arm.size / BUCKETS for arm in split.arms}
    return tuple(
        _arm(name, shares.get(name, 0.0), units.get(name, 0), counts.get(name, ArmCounts()))
        for name in names
    )


def _arm(name: str, share: float, units: int, counts: ArmCounts) -> ArmResult:
    service = counts.service
    return ArmResult(
        arm=name,
        bundles=counts.bundles,
        share=share,
        units=units,
        service=service,
        error_rate=rules.proportion(service.errors, service.requests),
        cost_usd=service.cost_usd / service.requests if service.requests else None,
        score=rules.mean(service.scored, counts.score_sum, counts.score_squares),
    )


def _differences(arms: Iterable[ArmResult], control: str) -> tuple[ArmDifference, ...]:
    by_name = {arm.arm: arm for arm in arms}
    base = by_name.pop(control)
    return tuple(
        ArmDifference(
            arm=arm.arm,
            control=control,
            error_rate=rules.proportion_difference(arm.error_rate, base.error_rate),
            score=rules.mean_difference(arm.score, base.score),
        )
        for arm in by_name.values()
    )


def _ratio(tx: Reading, ref: SlotRef, split: Split, since: datetime) -> RatioCheck:
    """Of the units that came for the first time under the ranges of today: those that
    came before were dealt by others."""
    seen = inferences.exposed_first(tx, ref, split.salt, since)
    expected = {arm.name: arm.size / BUCKETS for arm in split.arms}
    p = rules.ratio_p(expected, seen)
    return RatioCheck(
        since=since,
        expected=expected,
        observed={arm.name: seen.get(arm.name, 0) for arm in split.arms},
        p=p,
        mismatch=p is not None and p < rules.MISMATCH_P,
    )


def _unchanged_since(over: tuple[Deployment, ...], rule: Rule, split: Split) -> datetime:
    ranges = _ranges(split)
    *_, first = takewhile(lambda one: _ranges(_split(one, rule)) == ranges, over)
    return first.at


def _split(deployment: Deployment, rule: Rule) -> Split | None:
    found = (split for one, split in read_policy(deployment.policy).splits() if one.id == rule.id)
    return next(found, None)


def _salt(deployment: Deployment, rule: Rule) -> str | None:
    split = _split(deployment, rule)
    return split.salt if split else None


def _ranges(split: Split | None) -> object:
    return {arm.name: arm.ranges for arm in split.arms} if split else None
