"""Look a policy over for what is surely or probably a mistake."""

from collections.abc import Iterator
from typing import Any

from twinline.language.records.policies import Finding, FindingKind
from twinline.routing import conditions
from twinline.routing.conditions import (
    BARE,
    NUMERIC,
    AttributeType,
    Condition,
    Leaf,
    kind_of,
    leaves,
)
from twinline.routing.policy import Policy, Rule


def lint(policy: Policy) -> tuple[Finding, ...]:
    """Everything that looks like a mistake, in the order of the document.

    Attributes are only checked when the policy says which ones contexts hold.
    """
    return (*_attributes(policy), *_unreachable(policy), *_dead(policy))


def _attributes(policy: Policy) -> Iterator[Finding]:
    known = policy.attributes
    if not known:
        return
    for number, rule in enumerate(policy.rules):
        for leaf in leaves(rule.when) if rule.when else ():
            kind, detail = _judge(leaf, known.get(leaf.attr))
            if kind:
                yield Finding(kind=kind, path=f"rules.{number}.when", rule=rule.id, detail=detail)
    for attr in policy.unit.by if policy.unit else ():
        if attr not in known:
            detail = _not_said(attr)
            yield Finding(kind="unknown-attribute", path="unit.by", rule=None, detail=detail)


def _judge(leaf: Leaf, declared: AttributeType | None) -> tuple[FindingKind | None, str]:
    if declared is None:
        return "unknown-attribute", _not_said(leaf.attr)
    fits = _fitting(leaf)
    if fits is None or declared in fits:
        return None, ""
    wanted = " or ".join(sorted(fits))
    return "wrong-type", f"{leaf.attr!r} is a {declared}, but `{leaf.op}` here needs a {wanted}"


def _fitting(leaf: Leaf) -> frozenset[AttributeType] | None:
    """The types of attribute that a comparison can be TRUE for; None: every type."""
    if leaf.op in BARE:
        return None
    if leaf.op in NUMERIC:
        return frozenset({"number"})
    if leaf.op == "semver":
        return frozenset({"version"})
    if leaf.op == "contains":
        return frozenset({"string", "strings", "version"})
    if leaf.op in ("prefix", "suffix"):
        return frozenset({"string", "version"})
    wanted: Any = leaf.value
    kind = kind_of(wanted[0] if leaf.op in ("in", "not_in") else wanted)
    return frozenset({"string", "version"}) if kind == "string" else frozenset({kind or "string"})


def _unreachable(policy: Policy) -> Iterator[Finding]:
    """Rules behind one that always fires, or that fires whenever they would."""
    earlier: list[Rule] = []
    for number, rule in enumerate(policy.rules):
        for before in earlier:
            if before.schedule is None and _covers(before.when, rule.when):
                yield Finding(
                    kind="unreachable-rule",
                    path=f"rules.{number}",
                    rule=rule.id,
                    detail=f"the rule {before.id!r} before it fires whenever this one would",
                )
                break
        earlier.append(rule)


def _covers(first: Condition | None, second: Condition | None) -> bool:
    """Whether ``first`` is surely TRUE whenever ``second`` is."""
    if first is None or first == second:
        return True
    match first, second:
        case conditions.All(all=parts), _:
            return all(_covers(part, second) for part in parts)
        case conditions.AnyOf(any=parts), _ if any(_covers(part, second) for part in parts):
            return True
        case _, conditions.All(all=parts):
            return any(_covers(first, part) for part in parts)
        case _, conditions.AnyOf(any=parts):
            return bool(parts) and all(_covers(first, part) for part in parts)
        case _:
            return False


def _dead(policy: Policy) -> Iterator[Finding]:
    """Rules that no context can make TRUE, or only one that lacks what they ask for."""
    for number, rule in enumerate(policy.rules):
        path = f"rules.{number}.when"
        if rule.when is None:
            continue
        contradiction = _contradiction(rule.when)
        if contradiction:
            yield Finding(kind="never-true", path=path, rule=rule.id, detail=contradiction)
        for attr in _absent_and_compared(rule.when):
            yield Finding(
                kind="unknown-disables",
                path=path,
                rule=rule.id,
                detail=f"`all` asks for {attr!r} to be absent and compares it: where it is absent "
                "the comparison is UNKNOWN, and the rule does not fire; say `any`",
            )


def _contradiction(condition: Condition) -> str | None:
    match condition:
        case conditions.AnyOf(any=()):
            return "`any` of nothing is never TRUE"
        case conditions.AnyOf(any=parts):
            found = [_contradiction(part) for part in parts]
            return found[0] if all(found) else None
        case conditions.All(all=parts):
            wanted = [part for part in parts if isinstance(part, Leaf) and part.op == "eq"]
            twice = next(
                (a for a in wanted for b in wanted if a.attr == b.attr and a.value != b.value),
                None,
            )
            if twice:
                return f"`all` wants {twice.attr!r} to be two values at once"
            return next(filter(None, map(_contradiction, parts)), None)
        case _:
            return None


def _absent_and_compared(condition: Condition) -> Iterator[str]:
    match condition:
        case conditions.All(all=parts):
            plain = [part for part in parts if isinstance(part, Leaf)]
            absent = {part.attr for part in plain if part.op == "absent"}
            compared = {part.attr for part in plain if part.op not in BARE}
            yield from sorted(absent & compared)
            for part in parts:
                yield from _absent_and_compared(part)
        case conditions.AnyOf(any=parts):
            for part in parts:
                yield from _absent_and_compared(part)
        case _:
            return


def _not_said(attr: str) -> str:
    return f"{attr!r} is not among the policy's `attributes`"
