"""Evaluate a policy: compiled once, then a few microseconds a request.

The outcome depends on the policy, on which bundles are withdrawn, on the context and
on the time in whole seconds, and on nothing else; so any resolution can be replayed.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar

from twinline.language.refs import BundleRef
from twinline.routing.buckets import BUCKETS, bucket_of, unit_hasher
from twinline.routing.compiler import compile, compile_first, compile_unit
from twinline.routing.conditions import Context, Truth
from twinline.routing.policy import Policy, Rule, Schedule, Serve
from twinline.routing.splits import Split

Reason = Literal["default", "rule", "split", "unit-missing", "no-active-bundle"]


@dataclass(frozen=True)
class Choice:
    """What a policy chooses, and why; the same object for every request that it fits.

    Attributes:
        assigned: the bundle that the rule, arm or default names.
        bundle: the bundle that is served: the assigned one or, when that is withdrawn,
            a fallback; None when none is active.
        salt: of the split that the arm belongs to.
    """

    assigned: BundleRef
    bundle: BundleRef | None
    reason: Reason
    rule: str | None = None
    arm: str | None = None
    salt: str | None = None


Made = TypeVar("Made")


class Outcome(NamedTuple, Generic[Made]):
    """A choice with what belongs to this one request.

    Attributes:
        made: what the compiler was told to make of the choice.
        unit: 64 bits of the unit under the split's salt; None without a split.
        unknown: attributes that rules asked for in vain, each once, in the order asked.
        shadow: bundles to run beside the one that is served.
    """

    made: Made
    unit: int | None
    unknown: tuple[str, ...]
    shadow: tuple[BundleRef, ...]

    @property
    def bucket(self) -> int | None:
        """The unit's bucket in [0, 100000); None without a split."""
        return None if self.unit is None else bucket_of(self.unit)


Evaluator = Callable[[Context, int], Outcome[Made]]
"""From a context, and the time in seconds since 1970, to the outcome."""

IsActive = Callable[[BundleRef], bool]

_Pick = Callable[[Context, list[str]], tuple[Made, int | None]]


@dataclass(frozen=True)
class _Maker(Generic[Made]):
    """Makes each choice of a policy once, when it is compiled."""

    policy: Policy
    is_active: IsActive
    make: Callable[[Choice], Made]

    def __call__(
        self,
        assigned: BundleRef,
        reason: Reason,
        rule: Rule | None = None,
        arm: str | None = None,
        salt: str | None = None,
    ) -> Made:
        pinned = rule is not None and rule.pin
        rule_id = rule.id if rule else None
        if pinned and reason == "unit-missing":  # this or nothing: the default is not this
            return self.make(Choice(assigned, None, reason, rule_id, arm, salt))
        chain = (assigned,) if pinned else (assigned, *self.policy.fallback)
        served = next((bundle for bundle in chain if self.is_active(bundle)), None)
        why = reason if served else "no-active-bundle"
        return self.make(Choice(assigned, served, why, rule_id, arm, salt))


def compile_policy(
    policy: Policy, make: Callable[[Choice], Made], is_active: IsActive = lambda _bundle: True
) -> Evaluator[Made]:
    """The policy as one function.

    ``make`` is called once for each choice that it can come to, so that what an answer
    needs is ready beforehand; ``is_active`` says which bundles are not withdrawn.
    """
    maker = _Maker(policy, is_active, make)
    first = compile_first([(rule.when, _window(rule.schedule)) for rule in policy.rules])
    picks = [_pick(maker, rule) for rule in policy.rules]
    default = maker(policy.default.bundle, "default")
    cast_shadow = _compile_shadow(policy, is_active)

    def evaluate(context: Context, now_seconds: int) -> Outcome[Made]:
        unknown: list[str] = []
        number = first(context, now_seconds, unknown)
        made, unit = (default, None) if number < 0 else picks[number](context, unknown)
        shadow = cast_shadow(context) if cast_shadow else ()
        asked_in_vain = tuple(dict.fromkeys(unknown)) if unknown else ()
        return Outcome(made, unit, asked_in_vain, shadow)

    return evaluate


class RuleTrace(NamedTuple):
    """What one rule came to for a context."""

    id: str
    in_force: bool
    truth: Truth


def explain(policy: Policy, context: Context, now_seconds: int) -> tuple[RuleTrace, ...]:
    """What each rule came to, up to and with the one that fired."""
    traces: list[RuleTrace] = []
    for rule in policy.rules:
        window = _window(rule.schedule)
        in_force = window is None or window[0] <= now_seconds < window[1]
        truth = compile(rule.when)(context, []) if rule.when else True
        traces.append(RuleTrace(rule.id, in_force, truth))
        if in_force and truth:
            break
    return tuple(traces)


def _pick(maker: _Maker[Made], rule: Rule) -> _Pick[Made]:
    match rule.serve:
        case Serve(bundle=bundle):
            return _fixed(maker(bundle, "rule", rule))
        case _:
            return _by_split(maker, rule, rule.serve.split)


def _fixed(made: Made) -> _Pick[Made]:
    picked = (made, None)
    return lambda _context, _unknown: picked


def _by_split(maker: _Maker[Made], rule: Rule, split: Split) -> _Pick[Made]:
    assert maker.policy.unit is not None  # the document was checked
    read, attrs = compile_unit(maker.policy.unit.by), maker.policy.unit.by
    salt, hash = split.salt, unit_hasher(split.salt)
    missing = maker(maker.policy.default.bundle, "unit-missing", rule)
    by_arm = {arm.name: maker(arm.bundle, "split", rule, arm.name, salt) for arm in split.arms}
    owners = sorted((end, arm.name) for arm in split.arms for _, end in arm.ranges)
    ends, made = [end for end, _ in owners], [by_arm[name] for _, name in owners]

    def pick(context: Context, unknown: list[str]) -> tuple[Made, int | None]:
        text = read(context)
        if text is None:
            unknown.extend(attrs)
            return missing, None
        unit = hash(text)
        return made[bisect_right(ends, unit * BUCKETS >> 64)], unit

    return pick


def _compile_shadow(
    policy: Policy, is_active: IsActive
) -> Callable[[Context], tuple[BundleRef, ...]] | None:
    if not policy.shadow or policy.unit is None:
        return None
    read = compile_unit(policy.unit.by)
    sampled = [
        (unit_hasher(f"shadow/{one.bundle.digest}"), one.sample, one.bundle)
        for one in policy.shadow
        if is_active(one.bundle)
    ]

    def cast(context: Context) -> tuple[BundleRef, ...]:
        unit = read(context)
        if unit is None:
            return ()
        return tuple(bundle for hash, sample, bundle in sampled if bucket_of(hash(unit)) < sample)

    return cast


def _window(schedule: Schedule | None) -> tuple[float, float] | None:
    if schedule is None:
        return None
    start = schedule.from_.timestamp() if schedule.from_ else float("-inf")
    end = schedule.until.timestamp() if schedule.until else float("inf")
    return start, end
