"""How every slot gets rid of what is recalled."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.deployments import pasts
from twinline.deployments.pasts import OneSide, Version
from twinline.deployments.rules import Frame
from twinline.inferences import actions as inferences
from twinline.kills import actions as kills
from twinline.language.errors import TwinlineError
from twinline.language.records import (
    Bundle,
    LiveUse,
    PairPreflight,
    RecallPlan,
    Side,
    SideChange,
    SkippedVersion,
    SlotPlan,
    UnsafeSlot,
)
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef
from twinline.recalls import reports, rules
from twinline.recalls.rules import Option
from twinline.recalls.store import Downstream
from twinline.rollbacks.pairs import AsIf, Pairs, Wanted
from twinline.rollbacks.rules import worst
from twinline.routing.policy import Policy, read_policy

CANDIDATES = 5
"""Versions of a side that are looked at before it is known how many are needed."""

COUNTED = 20
"""Slots whose requests are counted in one statement, which may take 30 s."""


@dataclass(frozen=True)
class Found:
    """A slot that serves something bad, with what is needed to change that."""

    use: LiveUse
    policy: Policy
    bad: tuple[Bundle, ...]
    undoes: int
    stacks: Mapping[OneSide, tuple[Frame[Version], ...]]


def foresee(tx: Reading, node: str, down: Downstream) -> RecallPlan:
    """The plan that a recall of a node would have, were it recalled now; its number is 0."""
    refs = down.versions | {str(ref) for ref in down.bundles}
    return _plan(tx, 0, node, down, Pairs(tx, AsIf(node, refs)))


def plan(tx: Reading, number: int, node: str, down: Downstream) -> RecallPlan:
    """What an execution would do about each slot where something downstream is live."""
    return _plan(tx, number, node, down, Pairs(tx))


def uses(plan: RecallPlan) -> tuple[LiveUse, ...]:
    """Where something bad was live when a plan was made, by slot: it has them all."""
    found = (
        LiveUse(slot=one.slot, deployment=one.live, places=one.places)
        for one in (*plan.slots, *plan.unsafe)
    )
    return tuple(sorted(found, key=lambda one: str(one.slot)))


def _plan(tx: Reading, number: int, node: str, down: Downstream, known: Pairs) -> RecallPlan:
    every = tuple(_look_at(tx, down))
    _expect(known, every, down)
    killed = kills.in_force(tx).keys()
    ways = [(found, _way(tx, known, found, down, killed)) for found in every]
    chosen = [(found, way) for found, way in ways if isinstance(way, Option)]
    slots = tuple(_slot_plans(tx, chosen))
    unsafe = tuple(way for _, way in ways if isinstance(way, UnsafeSlot))
    return RecallPlan(
        recall=number,
        node=node,
        slots=slots,
        unsafe=unsafe,
        digest=rules.plan_digest(number, slots, unsafe),
    )


def _look_at(tx: Reading, down: Downstream) -> Iterator[Found]:
    uses = reports.live_uses(tx, down)
    fed = {use.slot for use, _ in uses if reports.is_fed(use.deployment, down)}
    past = pasts.of_slots(tx, [use.slot for use, _ in uses])
    since = deployments.brought_in(tx, past.keys() - fed, down.bundles)
    named = {one.slot: read_policy(one.policy) for _, one in uses}
    known = bundles.read_all(tx, {ref for policy in named.values() for ref in policy.bundles()})
    for use, _ in uses:
        policy = named[use.slot]
        bad = frozenset(policy.bundles() if use.slot in fed else down.bundles)
        if use.slot in fed:
            since |= deployments.brought_in(tx, [use.slot], bad)
        yield Found(
            use=use,
            policy=policy,
            bad=tuple(known[ref] for ref in policy.bundles() if ref in bad),
            undoes=since[use.slot],
            stacks=past[use.slot].stacks,
        )


def _expect(known: Pairs, every: Iterable[Found], down: Downstream) -> None:
    """Have what is most likely wanted looked up at once: of each slot the first fit version
    of each side that may go."""
    tried: list[tuple[Found, OneSide, list[Version]]] = [
        (found, side, list(islice(_candidates(found, side), CANDIDATES)))
        for found in every
        if not reports.is_fed(found.use.deployment, down)
        for side in pasts.SIDES
        if side in rules.sides_to_try(found.bad, down.versions)
    ]
    known.expect_versions({version for *_, versions in tried for version in versions})
    wanted: list[Wanted] = []
    for found, side, versions in tried:
        fit = next((one for one in versions if known.why_unfit(one) is None), None)
        if fit is not None:
            wanted += [_wanted(found, bundle, {side: fit}) for bundle in found.bad]
    known.expect(wanted)


def _way(
    tx: Reading, known: Pairs, found: Found, down: Downstream, killed: Collection[str]
) -> Option | UnsafeSlot:
    if reports.is_fed(found.use.deployment, down):
        why = "it is fed by what is recalled, whatever pair it serves"
        return _unsafe(tx, found, why, killed)
    sides = rules.sides_to_try(found.bad, down.versions)
    tried = [_option(known, found, side) for side in sides]
    if "both" not in sides and isinstance(tried[0], str):
        tried.append(_option(known, found, "both"))  # the other side may be recalled as well
    options = [one for one in tried if isinstance(one, Option)]
    if not options:
        why = "; ".join(one for one in tried if isinstance(one, str))
        return _unsafe(tx, found, why, killed)
    return rules.best(options)


def _slot_plans(tx: Reading, chosen: Sequence[tuple[Found, Option]]) -> Iterator[SlotPlan]:
    """The plans of slots, each with how many requests the bad bundles served there lately:
    that is counted for so many slots at a time."""
    for place in range(0, len(chosen), COUNTED):
        chunk = chosen[place : place + COUNTED]
        bad = {found.use.slot: [bundle.ref for bundle in found.bad] for found, _ in chunk}
        requests = inferences.served_last_hour_in(tx, bad)
        for found, way in chunk:
            yield SlotPlan(
                slot=found.use.slot,
                live=found.use.deployment,
                places=found.use.places,
                side=way.side,
                changes=way.changes,
                pairs=way.pairs,
                verdict=way.verdict,
                undoes=found.undoes,
                requests_last_hour=requests[found.use.slot],
            )


def _option(known: Pairs, found: Found, side: Side) -> Option | str:
    """The nearest fit pairs that a change of a side leads to, or why there are none."""
    return _both_sides(known, found) if side == "both" else _one_side(known, found, side)


def _one_side(known: Pairs, found: Found, side: OneSide) -> Option | str:
    skipped: list[SkippedVersion] = []
    for version in _candidates(found, side):
        why = known.why_unfit(version)
        preflights = () if why else _preflights(known, found, {side: version})
        why = why or next((one.why for one in preflights if one.verdict == "blocked"), None)
        if why is None:
            change = _changes(found, side, version, skipped)
            return _made(found, side, change, preflights)
        skipped.append(SkippedVersion(version=version, why=why))
    passed = "".join(f" ({one.version} cannot come back: {one.why})" for one in skipped)
    return f"the {side} side has no earlier version to go back to{passed}"


def _both_sides(known: Pairs, found: Found) -> Option | str:
    """Each side's nearest version that is fit by itself, together."""
    chosen: dict[OneSide, Version] = {}
    changes: list[SideChange] = []
    for side in found.stacks:
        skipped: list[SkippedVersion] = []
        for version in _candidates(found, side):
            why = known.why_unfit(version)
            if why is None:
                chosen[side] = version
                changes += _changes(found, side, version, skipped)
                break
            skipped.append(SkippedVersion(version=version, why=why))
        else:
            return f"both sides cannot go back, because the {side} side has no version to go to"
    preflights = _preflights(known, found, chosen)
    blocked = next((one for one in preflights if one.verdict == "blocked"), None)
    if blocked:
        return f"both sides would go back to a pair that is blocked: {blocked.why}"
    return _made(found, "both", tuple(changes), preflights)


def _candidates(found: Found, side: OneSide) -> Iterator[Version]:
    """The versions that a side could go to, the nearest first: what the slot's default has
    now, then what it had before; none that is to be taken out."""
    going = set(_going(found, side))
    values = dict.fromkeys(frame.value for frame in reversed(found.stacks[side]))
    return (version for version in values if version not in going)


def _going(found: Found, side: OneSide) -> list[Version]:
    sides = (bundle.prompt if side == "prompt" else bundle.model for bundle in found.bad)
    return list(dict.fromkeys(version for version in sides if version is not None))


def _preflights(
    known: Pairs, found: Found, put_back: dict[OneSide, Version]
) -> tuple[PairPreflight, ...]:
    return tuple(_preflight(known, found, bundle, put_back) for bundle in found.bad)


def _preflight(
    known: Pairs, found: Found, bundle: Bundle, put_back: Mapping[OneSide, Version]
) -> PairPreflight:
    return known.preflight(*_wanted(found, bundle, put_back))


def _wanted(found: Found, bundle: Bundle, put_back: Mapping[OneSide, Version]) -> Wanted:
    model, prompt = put_back.get("model", bundle.model), put_back.get("prompt", bundle.prompt)
    assert isinstance(model, ModelVersionRef)
    assert isinstance(prompt, PromptVersionRef)
    return Wanted(found.use.slot, bundle, model, prompt)


def _changes(
    found: Found, side: OneSide, version: Version, skipped: Sequence[SkippedVersion]
) -> tuple[SideChange, ...]:
    return tuple(
        SideChange(
            side=side,
            taken_out=going,
            put_back=version,
            undoes=found.undoes,
            skipped=tuple(skipped),
        )
        for going in _going(found, side)
    )


def _made(
    found: Found, side: Side, changes: tuple[SideChange, ...], preflights: tuple[PairPreflight, ...]
) -> Option:
    since = {name: stack[-1].since for name, stack in found.stacks.items()}
    return Option(
        side=side,
        since=max(since.values()) if side == "both" else since[side],
        verdict=worst([one.verdict for one in preflights]),
        changes=changes,
        pairs=preflights,
    )


def _unsafe(tx: Reading, found: Found, why: str, killed: Collection[str]) -> UnsafeSlot:
    bad = {bundle.ref for bundle in found.bad}
    safe = (ref for ref in found.policy.fallback if ref not in bad and _fit(tx, ref))
    return UnsafeSlot(
        slot=found.use.slot,
        live=found.use.deployment,
        places=found.use.places,
        bad=tuple(bundle.ref for bundle in found.bad),
        why=why,
        undoes=found.undoes,
        fallback=next(safe, None),
        killed=str(found.use.slot) in killed,
    )


def _fit(tx: Reading, ref: BundleRef) -> bool:
    try:
        deployments.fit_to_serve(tx, ref)
    except TwinlineError:
        return False
    return True
