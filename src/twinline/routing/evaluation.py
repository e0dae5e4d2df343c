"""Evaluate a policy: compiled once, then a few microseconds a request.

The outcome depends on the policy, on which bundles are withdrawn, on the context and
on the time in whole seconds, and on nothing else; so any resolution can be replayed.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from twinline.language.refs import BundleRef
from twinline.routing import conditions
from twinline.routing.buckets import BUCKETS, bucket_of, unit_hash
from twinline.routing.conditions import Context, Test, Truth
from twinline.routing.policy import Policy, Rule, Schedule, Serve, Unit
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
_Compiled = tuple[Test | None, tuple[float, float] | None, _Pick[Made]]


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
    rules = [_compile_rule(maker, rule) for rule in policy.rules]
    default = maker(policy.default.bundle, "default")
    cast_shadow = _compile_shadow(policy, is_active)

    def evaluate(context: Context, now_seconds: int) -> Outcome[Made]:
        unknown: list[str] = []
        made, unit = default, None
        for test, window, pick in rules:
            if window is not None and not window[0] <= now_seconds < window[1]:
                continue
            if test is None or test(context, unknown):
                made, unit = pick(context, unknown)
                break
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
        truth = conditions.compile(rule.when)(context, []) if rule.when else True
        traces.append(RuleTrace(rule.id, in_force, truth))
        if in_force and truth:
            break
    return tuple(traces)


def unit_reader(unit: Unit) -> Callable[[Context], str | None]:
    """Reads a context's unit as text: a string, or a whole number in its decimal digits."""
    readers = [conditions.getter(attr) for attr in unit.by]

    def read(context: Context) -> str | None:
        for reader in readers:
            found = _unit_text(reader(context))
            if found is not None:
                return found
        return None

    return read


def _unit_text(value: Any) -> str | None:
    kind = conditions.exact_type(value)
    if kind is str:
        return value or None
    if kind is int and abs(value) < 2**53:
        return str(value)
    # JSON does not tell 42.0 from 42, so neither do we
    if kind is float and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return None


def _compile_rule(maker: _Maker[Made], rule: Rule) -> _Compiled[Made]:
    test = conditions.compile(rule.when) if rule.when is not None else None
    match rule.serve:
        case Serve(bundle=bundle):
            pick = _fixed(maker(bundle, "rule", rule))
        case _:
            pick = _by_split(maker, rule, rule.serve.split)
    return test, _window(rule.schedule), pick


def _fixed(made: Made) -> _Pick[Made]:
    picked = (made, None)
    return lambda _context, _unknown: picked


def _by_split(maker: _Maker[Made], rule: Rule, split: Split) -> _Pick[Made]:
    assert maker.policy.unit is not None  # the document was checked
    read, attrs = unit_reader(maker.policy.unit), maker.policy.unit.by
    salt = split.salt
    missing = maker(maker.policy.default.bundle, "unit-missing", rule)
    by_arm = {arm.name: maker(arm.bundle, "split", rule, arm.name, salt) for arm in split.arms}
    owners = sorted((end, arm.name) for arm in split.arms for _, end in arm.ranges)
    ends, made = [end for end, _ in owners], [by_arm[name] for _, name in owners]

    def pick(context: Context, unknown: list[str]) -> tuple[Made, int | None]:
        text = read(context)
        if text is None:
            unknown.extend(attrs)
            return missing, None
        hash = unit_hash(salt, text)
        return made[bisect_right(ends, hash * BUCKETS >> 64)], hash

    return pick


def _compile_shadow(
    policy: Policy, is_active: IsActive
) -> Callable[[Context], tuple[BundleRef, ...]] | None:
    if not policy.shadow or policy.unit is None:
        return None
    read = unit_reader(policy.unit)
    sampled = [
        (f"shadow/{one.bundle.digest}", one.sample, one.bundle)
        for one in policy.shadow
        if is_active(one.bundle)
    ]

    def cast(context: Context) -> tuple[BundleRef, ...]:
        unit = read(context)
        if unit is None:
            return ()
        return tuple(
            bundle for salt, sample, bundle in sampled if bucket_of(unit_hash(salt, unit)) < sample
        )

    return cast


def _window(schedule: Schedule | None) -> tuple[float, float] | None:
    if schedule is None:
        return None
    start = schedule.from_.timestamp() if schedule.from_ else float("-inf")
    end = schedule.until.timestamp() if schedule.until else float("inf")
    return start, end
