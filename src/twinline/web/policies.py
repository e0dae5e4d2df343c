"""A policy in words: who gets what, in the order in which it is tried; and what differs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from twinline.diffs.unified import unified
from twinline.language.records import Bundle
from twinline.language.refs import BundleRef
from twinline.routing.buckets import BUCKETS
from twinline.routing.conditions import BARE, All, AnyOf, Condition, Leaf, Not
from twinline.routing.policy import Policy, Rule, Schedule, Serve, single
from twinline.timelines import rules
from twinline.web.differences import DiffLine, diff_lines

LINES_MOST = 1_000
"""Lines of a difference that are shown."""

_SAID: Mapping[str, str] = {
    "eq": "is",
    "neq": "is not",
    "in": "is one of",
    "not_in": "is none of",
    "lt": "<",
    "le": "≤",
    "gt": ">",
    "ge": "≥",
    "prefix": "begins with",
    "suffix": "ends with",
    "contains": "contains",
    "present": "is there",
    "absent": "is not there",
    "semver": "is a version in",
}
_VALUES_MOST = 10


class Served(NamedTuple):
    """A bundle that is served, with its share of those that are meant (None: all of them)."""

    bundle: BundleRef
    sides: str
    arm: str = ""
    share: float | None = None


class Line(NamedTuple):
    """Who is meant, and what they get."""

    name: str
    who: str
    note: str
    serves: tuple[Served, ...]


class AsText(NamedTuple):
    """What differs between two policies as documents; none of ``lines`` when they are the same."""

    lines: tuple[DiffLine, ...]
    left_out: int


class Change(NamedTuple):
    """What changes when a policy comes in the place of another: in a few words each, who gets
    what before and after, and as text. ``before`` is empty where nothing was live."""

    words: tuple[str, ...]
    before: tuple[Line, ...]
    after: tuple[Line, ...]
    text: AsText


def lines(policy: Policy, known: Mapping[BundleRef, Bundle]) -> tuple[Line, ...]:
    """The rules in their order, who is left, and what runs beside."""
    return (
        *(_rule(rule, policy, known) for rule in policy.rules),
        Line(
            "default",
            "everybody else" if policy.rules else "everybody",
            "",
            (_served(policy.default.bundle, known),),
        ),
        *_beside(policy, known),
    )


def change(
    before: Policy | None,
    after: Policy,
    known: Mapping[BundleRef, Bundle],
    names: tuple[str, str],
) -> Change | None:
    """What changes beside the bundle that everybody gets; None when nothing does."""
    every = (before, after) if before else (after,)
    alike = len({one.digest for one in every}) < len(every)
    if alike or all(one == single(one.default.bundle) for one in every):
        return None
    return Change(
        words=rules.words(rules.policies(before, after)),
        before=lines(before, known) if before else (),
        after=lines(after, known),
        text=difference(before, after, names),
    )


def difference(before: Policy | None, after: Policy, names: tuple[str, str]) -> AsText:
    """What differs between two policies, line by line; ``names`` are what they are called."""
    found = diff_lines(unified(_document(before), _document(after), names))
    return AsText(found[:LINES_MOST], max(0, len(found) - LINES_MOST))


def condition(wanted: Condition, *, within: bool = False) -> str:
    """A condition in words; ``within`` another it has brackets where it needs them."""
    match wanted:
        case Leaf():
            return _leaf(wanted)
        case All(all=parts):
            said = " and ".join(condition(part, within=True) for part in parts) or "always"
        case AnyOf(any=parts):
            said = " or ".join(condition(part, within=True) for part in parts) or "never"
        case Not():
            return f"not ({condition(wanted.not_)})"
    return f"({said})" if within and len(parts) > 1 else said


def sides(bundle: Bundle | None) -> str:
    """Both sides of a bundle, short: ``support/answer/5 + churn/3``."""
    if bundle is None:
        return ""
    both = (bundle.prompt, bundle.model)
    return " + ".join(f"{one.name}/{one.number}" for one in both if one)


def _document(policy: Policy | None) -> list[str]:
    if policy is None:
        return []
    return json.dumps(policy.document(), ensure_ascii=False, indent=2).splitlines()


def _rule(rule: Rule, policy: Policy, known: Mapping[BundleRef, Bundle]) -> Line:
    who = condition(rule.when) if rule.when is not None else "everybody"
    notes = [_schedule(rule.schedule)] if rule.schedule else []
    if isinstance(rule.serve, Serve):
        serves = (_served(rule.serve.bundle, known),)
    else:
        by = policy.unit.by if policy.unit else ()
        notes.append(f"divided by {', else '.join(by)}")
        serves = tuple(
            _served(arm.bundle, known)._replace(arm=arm.name, share=arm.size / BUCKETS)
            for arm in rule.serve.split.arms
        )
    if rule.pin:
        notes.append("this or nothing: no fallback")
    return Line(f"rule {rule.id}", who, "; ".join(notes), serves)


def _beside(policy: Policy, known: Mapping[BundleRef, Bundle]) -> Iterator[Line]:
    if policy.fallback:
        serves = tuple(_served(one, known) for one in policy.fallback)
        yield Line("fallback", "whose bundle is stopped or withdrawn", "the first active", serves)
    for shadow in policy.shadow:
        served = _served(shadow.bundle, known)._replace(share=shadow.sample / BUCKETS)
        yield Line("shadow", "runs beside, and answers nobody", "", (served,))


def _served(ref: BundleRef, known: Mapping[BundleRef, Bundle]) -> Served:
    return Served(ref, sides(known.get(ref)))


def _schedule(schedule: Schedule) -> str:
    begin = f"from {schedule.from_:%Y-%m-%d %H:%M}Z" if schedule.from_ else ""
    end = f"until {schedule.until:%Y-%m-%d %H:%M}Z" if schedule.until else ""
    return " ".join(part for part in (begin, end) if part)


def _leaf(leaf: Leaf) -> str:
    said = f"{leaf.attr} {_SAID[leaf.op]}"
    return said if leaf.op in BARE else f"{said} {_value(leaf.value)}"


def _value(value: Any) -> str:
    if not isinstance(value, tuple):
        return json.dumps(value, ensure_ascii=False)
    values = cast("tuple[Any, ...]", value)
    items = [json.dumps(one, ensure_ascii=False) for one in values[:_VALUES_MOST]]
    more = len(values) - len(items)
    return ", ".join(items) + (f" and {more:,} more" if more else "")
