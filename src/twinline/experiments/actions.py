"""Compare the arms of a split, and say which splits a slot has and had."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import takewhile
from typing import NamedTuple

from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.experiments import rules
from twinline.inferences import actions as inferences
from twinline.inferences.actions import ArmCounts
from twinline.language.errors import NotFound
from twinline.language.records import (
    ArmDifference,
    ArmResult,
    Deployment,
    Experiment,
    RatioCheck,
    Service,
)
from twinline.language.refs import DeploymentRef, SlotRef
from twinline.routing.buckets import BUCKETS
from twinline.routing.policy import Rule, read_policy, split_of
from twinline.routing.splits import Split

DEPLOYMENTS_LOOKED_AT = 200
"""How far back in a slot's history its splits are looked for."""


class Ran(NamedTuple):
    """A split that kept its salt over some deployments of a slot: the last of them, when the
    first and the last of them were made, the arms, and the numbers of all of them that were
    looked at, the newest first."""

    rule: str
    salt: str
    last: DeploymentRef
    since: datetime
    last_at: datetime
    is_live: bool
    arms: tuple[str, ...]
    numbers: tuple[int, ...]


def read(
    tx: Reading,
    ref: SlotRef,
    rule_id: str | None,
    control: str | None,
    *,
    number: int | None = None,
    requests_most: int | None = None,
) -> Experiment:
    """What the arms of a split did since it has its salt: of the live deployment, or of an
    earlier one by its ``number``.

    Arms are compared with ``control``, by default the first. Units are counted unless there
    were more than ``requests_most`` requests: that takes as long as there are units.

    Raises:
        NotFound, NothingLive: nothing is live in the slot, or there is no such deployment.
        Invalid: its policy has no such split, or the split no such arm.
    """
    meant = _deployment(tx, ref, number)
    rule, split = split_of(read_policy(meant.policy), rule_id)
    against = split.arm(control).name if control else split.arms[0].name
    history = deployments.whole_history(tx, ref, before=meant.number + 1)
    over = tuple(takewhile(lambda one: _salt(one, rule) == split.salt, history))
    counts = inferences.served_by_arm(tx, ref, rule.id, [one.number for one in over])
    requests = sum(one.service.requests for one in counts.values())
    counted = requests_most is None or requests <= requests_most
    arms = _arms(split, counts, inferences.exposed(tx, ref, split.salt) if counted else None)
    return Experiment(
        slot=ref,
        rule=rule.id,
        salt=split.salt,
        deployments=tuple(one.ref for one in over),
        since=over[-1].at,
        arms=arms,
        differences=_differences(arms, against),
        ratio=_ratio(tx, ref, split, _unchanged_since(over, rule, split)) if counted else None,
    )


def ran(tx: Reading, ref: SlotRef) -> tuple[Ran, ...]:
    """The splits that a slot has and had, the newest first: among its newest
    `DEPLOYMENTS_LOOKED_AT` deployments.

    Raises:
        NotFound: there is no such slot.
    """
    live = deployments.read_slot(tx, ref).live
    found: dict[tuple[str, str], Ran] = {}
    for one in deployments.entries(tx, ref, before=None, limit=DEPLOYMENTS_LOOKED_AT):
        for rule, split in read_policy(one.policy).splits():
            known = found.get((rule.id, split.salt))
            arms = tuple(arm.name for arm in split.arms)
            is_live = live is not None and live.number == one.number
            newer = known or Ran(rule.id, split.salt, one.ref, one.at, one.at, is_live, arms, ())
            numbers = (*newer.numbers, one.number)
            found[rule.id, split.salt] = newer._replace(since=one.at, numbers=numbers)
    return tuple(found.values())


def _deployment(tx: Reading, ref: SlotRef, number: int | None) -> Deployment:
    if number is None:
        return deployments.live(tx, ref)
    wanted = DeploymentRef(ref, number)
    found = deployments.find(tx, wanted)
    if found is None:
        raise NotFound(f"There is no {wanted}.", kind="deployment", name=str(wanted))
    return found


def by_day(tx: Reading, found: Experiment, since: datetime) -> dict[str, dict[datetime, Service]]:
    """What each arm of an experiment served on each day since; days without requests are left
    out."""
    numbers = [one.number for one in found.deployments]
    return inferences.served_by_arm_and_day(tx, found.slot, found.rule, numbers, since)


def _arms(
    split: Split, counts: Mapping[str, ArmCounts], units: Mapping[str, int] | None
) -> tuple[ArmResult, ...]:
    names = dict.fromkeys([arm.name for arm in split.arms] + sorted(counts))
    shares = {arm.name: arm.size / BUCKETS for arm in split.arms}
    return tuple(
        _arm(
            name,
            shares.get(name, 0.0),
            None if units is None else units.get(name, 0),
            counts.get(name, ArmCounts()),
        )
        for name in names
    )


def _arm(name: str, share: float, units: int | None, counts: ArmCounts) -> ArmResult:
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
