"""Compile conditions to one Python function, several times faster than closures.

Every rule of a policy is evaluated for every request, so what a rule costs is mostly
what a call costs in Python. Here the steps of all rules are written out one after the
other, as one would by hand, and compiled once. The source holds names of our own and
operators alone; every attribute and value of the policy is bound to a name, so nothing
that a policy says is ever read as code.
"""

from collections.abc import Callable, Sequence
from typing import Any

from twinline.routing import semver
from twinline.routing.conditions import (
    All,
    AnyOf,
    Condition,
    Context,
    Leaf,
    Truth,
    exact_type,
    kind_of,
)

Window = tuple[float, float]
Test = Callable[[Context, list[str]], Truth]
"""A condition; it appends the attributes that it found UNKNOWN to the list."""

First = Callable[[Context, int, list[str]], int]
"""From a context and the time in seconds to the number of the first branch that is in
force and TRUE, -1 when none is."""

VERSIONS_KEPT = 1024

_COMPARISONS = {"eq": "==", "neq": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_NUMBER = "kind is int or (kind is float and value - value == 0)"
"""``value - value`` is 0 but for NaN and the infinities, where it is NaN."""


def compile(condition: Condition) -> Test:
    """A condition as a function that gives its truth."""
    source = _Source("context, unknown")
    source.condition(condition, "truth", 1)
    source.line(1, "return truth")
    return source.function()


def compile_first(branches: Sequence[tuple[Condition | None, Window | None]]) -> First:
    """Branches, each with its condition (None: always) and when it is in force, as a
    function that finds the first."""
    source = _Source("context, now, unknown")
    for number, (condition, window) in enumerate(branches):
        indent = 1
        if window is not None:
            start, end = source.constant(window[0]), source.constant(window[1])
            source.line(1, f"if {start} <= now < {end}:")
            indent = 2
        if condition is None:
            source.line(indent, f"return {number}")
            continue
        source.condition(condition, "truth", indent)
        source.line(indent, "if truth:")
        source.line(indent + 1, f"return {number}")
    source.line(1, "return -1")
    return source.function()


def compile_unit(attrs: Sequence[str]) -> Callable[[Context], str | None]:
    """Reads the first of these attributes that a context has, as text: a string, or a
    whole number in its decimal digits."""
    source = _Source("context")
    source.names["unit_text"] = _unit_text
    for attr in attrs:
        source.read(attr, 1)
        source.line(1, "if kind is str and value:")
        source.line(2, "return value")
        source.line(1, "value = unit_text(value)")
        source.line(1, "if value is not None:")
        source.line(2, "return value")
    source.line(1, "return None")
    return source.function()


class _Source:
    """The source of one function, and the values that its names stand for."""

    def __init__(self, parameters: str) -> None:
        self.names: dict[str, Any] = {}
        self._lines = [f"def compiled({parameters}):", "    get = context.get"]
        self._targets = 0

    def function(self) -> Any:
        """The function."""
        code = "\n".join(self._lines)
        exec(code, self.names)  # noqa: S102 -- it holds nothing but what is written here
        return self.names["compiled"]

    def line(self, indent: int, text: str) -> None:
        """Add a line."""
        self._lines.append("    " * indent + text)

    def constant(self, value: Any) -> str:
        """A name for a value."""
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def read(self, attr: str, indent: int) -> str:
        """Read an attribute into ``value`` and its type into ``kind``: the member of that
        very name, else down its dotted path."""
        name = self.constant(attr)
        self.line(indent, f"value = get({name})")
        first, *rest = attr.split(".")
        if rest:
            self.line(indent, "if value is None:")
            self.line(indent + 1, f"value = get({self.constant(first)})")
        for part in rest:
            step = f"value = value.get({self.constant(part)}) if type(value) is dict else None"
            self.line(indent + 1, step)
        self.line(indent, "kind = type(value)")
        return name

    def condition(self, condition: Condition, target: str, indent: int) -> None:
        """Evaluate a condition into a variable."""
        match condition:
            case Leaf():
                self._leaf(condition, target, indent)
            case All(all=parts):
                self._parts(parts, target, indent, decisive=False)
            case AnyOf(any=parts):
                self._parts(parts, target, indent, decisive=True)
            case _:
                self.condition(condition.not_, target, indent)
                self.line(indent, f"{target} = None if {target} is None else not {target}")

    def _parts(
        self, parts: Sequence[Condition], target: str, indent: int, *, decisive: bool
    ) -> None:
        self._targets += 1
        inner = f"truth{self._targets}"
        self.line(indent, f"{target} = {not decisive}")
        for number, part in enumerate(parts):
            inside = indent
            if number:
                self.line(indent, f"if {target} is not {decisive}:")
                inside += 1
            self.condition(part, inner, inside)
            self.line(inside, f"if {inner} is not {not decisive}:")
            undecided = f"{inner} is {decisive} or {target} is {not decisive}"
            self.line(inside + 1, f"if {undecided}:")
            self.line(inside + 2, f"{target} = {inner}")

    def _leaf(self, leaf: Leaf, target: str, indent: int) -> None:
        name = self.read(leaf.attr, indent)
        if leaf.op in ("present", "absent"):
            self.line(indent, f"{target} = value is {'not ' if leaf.op == 'present' else ''}None")
            return
        fits, compared = self._comparison(leaf)
        self.line(indent, f"if {fits}:")
        self.line(indent + 1, f"{target} = {compared}")
        self.line(indent, "else:")
        self.line(indent + 1, f"{target} = None")
        if leaf.op == "semver":  # a string need not be a version
            self.line(indent, f"if {target} is None:")
        self.line(indent + 1, f"unknown.append({name})")

    def _comparison(self, leaf: Leaf) -> tuple[str, str]:
        """When a value's type fits a comparison, and the comparison."""
        wanted: Any = leaf.value
        match leaf.op:
            case "in" | "not_in":
                members = self.constant(frozenset(wanted))
                negation = "not " if leaf.op == "not_in" else ""
                return _fits(wanted[0]), f"value {negation}in {members}"
            case "prefix" | "suffix":
                method = "startswith" if leaf.op == "prefix" else "endswith"
                return "kind is str", f"value.{method}({self.constant(wanted)})"
            case "contains":
                self.names["kind_of"] = kind_of
                fits = "kind is str or kind_of(value) == 'strings'"
                return fits, f"{self.constant(wanted)} in value"
            case "semver":
                return "kind is str", f"{self.constant(_versions(wanted))}(value)"
            case _:
                return _fits(wanted), f"value {_COMPARISONS[leaf.op]} {self.constant(wanted)}"


def _fits(wanted: Any) -> str:
    """When a context's value is of the type of the wanted one."""
    kind = exact_type(wanted)
    return "kind is bool" if kind is bool else "kind is str" if kind is str else _NUMBER


def _versions(wanted: str) -> Callable[[str], Truth]:
    """Whether a version is in a range; what was asked lately is remembered."""
    holds = semver.parse_range(wanted)
    known: dict[str, Truth] = {}

    def find(text: str) -> Truth:
        version = semver.key(text)
        truth = None if version is None else holds(version)
        if len(text) <= semver.LENGTH_MAX:
            if len(known) >= VERSIONS_KEPT:
                known.clear()
            known[text] = truth
        return truth

    def decide(text: str) -> Truth:
        return known[text] if text in known else find(text)

    return decide


def _unit_text(value: Any) -> str | None:
    kind = exact_type(value)
    if kind is int and abs(value) < 2**53:
        return str(value)
    # JSON does not tell 42.0 from 42, so neither do we
    if kind is float and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return None
