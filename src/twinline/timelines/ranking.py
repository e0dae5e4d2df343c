"""How much of the traffic a change moved, and what is worth looking at first."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from twinline.language.records import Bundle, ChangedSide, ChangeKind, RankedChange, Suspect
from twinline.language.refs import BundleRef
from twinline.routing.buckets import BUCKETS
from twinline.routing.policy import Policy, Rule, Serve

Side = Callable[[BundleRef], str]
"""What of a bundle is looked at: its prompt version, model version or parameters."""

NO_PARAMETERS = "{}"
"""What the parameters of a bundle look like that has none."""

_STATEMENTS: frozenset[ChangeKind] = frozenset({"evaluation", "pairing", "withdrawal"})


@dataclass(frozen=True)
class OpenRule:
    """A rule with a condition or a schedule: what it takes hangs on the requests."""

    takes: str
    serves: Mapping[BundleRef, float]


@dataclass(frozen=True)
class Declared:
    """Which part of the traffic each bundle was declared to get.

    ``known`` is of all requests that no rule of ``open`` takes, in [0, 1].
    """

    known: Mapping[BundleRef, float]
    open: tuple[OpenRule, ...]


@dataclass(frozen=True)
class Moved:
    """What lost traffic and what gained it; ``share`` as in `RankedChange`."""

    share: float | None
    lost: tuple[str, ...]
    gained: tuple[str, ...]


NOTHING = Declared({}, ())
"""Before the first deployment."""


def declared(policy: Policy) -> Declared:
    """What a policy gives to whom, as far as it says so without a context.

    The first rule without condition or schedule takes all that is left, else the
    default does. A split's unit is taken to be there.
    """
    open: list[OpenRule] = []
    for rule in policy.rules:
        if rule.when is None and rule.schedule is None:
            return Declared(_served(rule), tuple(open))
        takes = rule.model_dump_json(include={"when", "schedule"})
        open.append(OpenRule(takes, _served(rule)))
    return Declared({policy.default.bundle: 1.0}, tuple(open))


def moved(before: Declared, after: Declared, side: Side) -> Moved | None:
    """What a change moved between the values of one side; None when it moved nothing.

    The share is that of the requests which are known to get another value. When only
    what rules with a condition serve changed, or their conditions did, it is None: nobody
    can say without the contexts.
    """
    old, new = _by_side(before.known, side), _by_side(after.known, side)
    gained = {one: round(new[one] - old.get(one, 0.0), 9) for one in new}
    share = sum(gain for gain in gained.values() if gain > 0)
    if share > 0:
        lost = (one for one in old if old[one] > new.get(one, 0.0))
        return Moved(round(share, 9), tuple(lost), tuple(o for o in new if gained[o] > 0))
    was, now = _open(before, side), _open(after, side)
    if was == now:
        return None
    out, into = ({one for _, serves in each for one in serves} for each in (was, now))
    return Moved(None, tuple(sorted(out - into)), tuple(sorted(into - out)))


def of_side(bundles: Mapping[BundleRef, Bundle], name: ChangedSide) -> Side:
    """Looks at the ``prompt``, the ``model`` or the ``parameters`` of bundles."""
    if name == "parameters":
        return lambda ref: json.dumps(bundles[ref].parameters, sort_keys=True)
    return lambda ref: str(getattr(bundles[ref], name))


def share_of(bundle: BundleRef, policy: Declared) -> float | None:
    """The part of the traffic that a bundle was declared to get; None: it hangs on contexts."""
    known = policy.known.get(bundle, 0.0)
    conditional = any(bundle in rule.serves for rule in policy.open)
    return None if conditional and not known else known


def ranked(changes: Iterable[RankedChange]) -> tuple[RankedChange, ...]:
    """Changes in the order in which they are worth looking at.

    1. What requests were served otherwise by: another prompt, model or parameters, and
       kill switches;
    2. how a policy came to that: its rules and shares;
    3. a policy's changes that moved nothing as far as is declared;
    4. statements: evaluations, pairings, versions retired or recalled;
    5. what no slot resolves through: labels, aliases, new versions.

    Within each, a bigger declared share of the traffic first (one that is not known
    last), then the later one.
    """
    return tuple(sorted(changes, key=_weight))


def nearest(suspects: Iterable[Suspect]) -> tuple[Suspect, ...]:
    """Suspects: those that reach requests first, then the nearest; of each side and kind
    only the nearest."""
    found: dict[tuple[str, str], Suspect] = {}
    for one in sorted(suspects, key=lambda one: one.seconds_before):
        found.setdefault((one.change.side, one.change.kind), one)
    return tuple(
        sorted(found.values(), key=lambda one: (not one.change.reaches, one.seconds_before))
    )


def _weight(change: RankedChange) -> tuple[int, float, float]:
    return _class(change), -(change.share or 0.0), -change.at.timestamp()


def _class(change: RankedChange) -> int:
    if change.reaches:
        switch = change.kind in ("kill", "lift")
        return 1 if switch or change.side != "policy" else 2
    if change.kind in _STATEMENTS:
        return 4
    return 3 if change.side == "policy" else 5


def _served(rule: Rule) -> dict[BundleRef, float]:
    if isinstance(rule.serve, Serve):
        return {rule.serve.bundle: 1.0}
    found: dict[BundleRef, float] = {}
    for arm in rule.serve.split.arms:
        found[arm.bundle] = found.get(arm.bundle, 0.0) + arm.size / BUCKETS
    return found


def _by_side(shares: Mapping[BundleRef, float], side: Side) -> dict[str, float]:
    found: dict[str, float] = {}
    for bundle, share in shares.items():
        found[side(bundle)] = found.get(side(bundle), 0.0) + share
    return {one: share for one, share in found.items() if share > 0}


def _open(policy: Declared, side: Side) -> list[tuple[str, dict[str, float]]]:
    """What rules with a condition serve on one side, without the last of them that serve
    what their requests would get anyway."""
    found = [(rule.takes, _by_side(rule.serves, side)) for rule in policy.open]
    anyway = _by_side(policy.known, side)
    while found and found[-1][1] == anyway:
        found.pop()
    return found
