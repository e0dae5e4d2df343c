"""Look a policy over for what is surely or probably a mistake."""

from collections.abc import Iterator
from typing import Any

from twinline.language.canonical import canonical
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
    """Everything that looks like a mistake, by kind, each in the order of the document.

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
    covering = _Covering()
    earlier: list[Rule] = []
    for number, rule in enumerate(policy.rules):
        for before in earlier:
            if before.schedule is None and covering.surely(before.when, rule.when):
                yield Finding(
                    kind="unreachable-rule",
                    path=f"rules.{number}",
                    rule=rule.id,
                    detail=f"the rule {before.id!r} before it fires whenever this one would",
                )
                break
        earlier.append(rule)


class _Covering:
    """Compares conditions; every pair of parts once, so that deep nesting costs no more
    than its size."""

    def __init__(self) -> None:
        self._forms: dict[int, bytes] = {}
        self._known: dict[tuple[int, int], bool] = {}

    def surely(self, first: Condition | None, second: Condition | None) -> bool:
        """Whether ``first`` is TRUE whenever ``second`` is; False when that is not sure."""
        if first is None or second is None:
            return first is None
        pair = (id(first), id(second))
        if pair not in self._known:
            self._known[pair] = self._form(first) == self._form(second) or self._by_parts(
                first, second
            )
        return self._known[pair]

    def _by_parts(self, first: Condition, second: Condition) -> bool:
        match first, second:
            case conditions.All(all=parts), _:
                return all(self.surely(part, second) for part in parts)
            case conditions.AnyOf(any=parts), _ if any(self.surely(part, second) for part in parts):
                return True
            case _, conditions.All(all=parts):
                return any(self.surely(first, part) for part in parts)
            case _, conditions.AnyOf(any=parts):
                return bool(parts) and all(self.surely(first, part) for part in parts)
            case _:
                return False

    def _form(self, condition: Condition) -> bytes:
        """What tells conditions apart, also ``true`` from ``1``."""
        if id(condition) not in self._forms:
            document = condition.model_dump(mode="json", by_alias=True)
            self._forms[id(condition)] = canonical(document)
        return self._forms[id(condition)]


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
            values: dict[str, set[tuple[object, object]]] = {}
            for leaf in wanted:
                values.setdefault(leaf.attr, set()).add((kind_of(leaf.value), leaf.value))
            twice = next((attr for attr, found in values.items() if len(found) > 1), None)
            if twice is not None:
                return f"`all` wants {twice!r} to be two values at once"
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
