"""Conditions over a request's context, in three values.

A condition is TRUE, FALSE or UNKNOWN (here True, False and None). An attribute that is
absent, null or of the wrong type makes its leaf UNKNOWN; nothing is coerced, integers
and floats compare, booleans are no numbers. ``not`` of UNKNOWN is UNKNOWN, ``all`` is
FALSE when any part is, ``any`` TRUE when any part is (Kleene's strong logic). A rule
fires on TRUE alone, so missing data never routes a request by accident.

Conditions are compiled to closures: several times faster than walking the document.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from twinline.language.canonical import canonical
from twinline.language.errors import Invalid
from twinline.language.records.base import Request
from twinline.routing import semver

Truth = bool | None
exact_type: Callable[[object], object] = type
Context = Mapping[str, Any]
Test = Callable[[Context, list[str]], Truth]
"""A compiled condition; it appends the attributes that it found UNKNOWN to the list."""

Op = Literal[
    "eq", "neq", "in", "not_in", "lt", "le", "gt", "ge",
    "prefix", "suffix", "contains", "present", "absent", "semver",
]  # fmt: skip
AttributeName = Annotated[str, Field(min_length=1, max_length=200, examples=["dq.score"])]
AttributeType = Literal["string", "number", "boolean", "strings", "version"]

NUMERIC = frozenset({"lt", "le", "gt", "ge"})
TEXTUAL = frozenset({"prefix", "suffix", "contains", "semver"})
BARE = frozenset({"present", "absent"})


VALUES_MAX = 10_000
_SCALAR = ["string", "number", "boolean"]


def _plain_value(value: Any) -> Any:
    """A string, finite number or boolean, or a list of those as a tuple."""
    if not isinstance(value, list | tuple):
        return _scalar(value)
    items = cast("list[Any]", value)
    if len(items) > VALUES_MAX:
        raise ValueError(f"a list holds at most {VALUES_MAX:,} values")
    return tuple(_scalar(item) for item in items)


def _scalar(value: Any) -> Any:
    if value is None:
        return None
    if kind_of(value) not in ("string", "number", "boolean"):
        raise ValueError("a value is a string, a number, a boolean, or a list of one of them")
    try:
        canonical(value)
    except Invalid as error:
        raise ValueError(error.detail) from error
    return value


Value = Annotated[
    Any,
    BeforeValidator(_plain_value),
    WithJsonSchema({"type": [*_SCALAR, "array"], "items": {"type": _SCALAR}}),
]


class Leaf(Request):
    """One attribute compared with a value."""

    attr: AttributeName
    op: Op
    value: Value = None

    @model_validator(mode="after")
    def _value_fits(self) -> "Leaf":
        problem = _misfit(self.op, self.value)
        if problem:
            raise ValueError(f"`{self.op}` {problem}")
        return self


class All(Request):
    """TRUE when every part is; of no parts, TRUE."""

    all: tuple["Condition", ...]


class AnyOf(Request):
    """TRUE when one part is; of no parts, FALSE."""

    any: tuple["Condition", ...]


class Not(Request):
    """The opposite; UNKNOWN stays UNKNOWN."""

    not_: "Condition" = Field(alias="not")


def _kind(value: Any) -> str:
    match value:
        case All() | {"all": _}:
            return "<all>"
        case AnyOf() | {"any": _}:
            return "<any>"
        case Not() | {"not": _}:
            return "<not>"
        case _:
            return "<leaf>"


Condition = Annotated[
    Annotated[All, Tag("<all>")]
    | Annotated[AnyOf, Tag("<any>")]
    | Annotated[Not, Tag("<not>")]
    | Annotated[Leaf, Tag("<leaf>")],
    Discriminator(_kind),
]
for _group in (All, AnyOf, Not):
    _group.model_rebuild()


def leaves(condition: Condition) -> tuple[Leaf, ...]:
    """Every comparison in a condition, in their order."""
    match condition:
        case Leaf():
            return (condition,)
        case All(all=parts) | AnyOf(any=parts):
            return tuple(leaf for part in parts for leaf in leaves(part))
        case _:
            return leaves(condition.not_)


def compile(condition: Condition) -> Test:
    """The condition as one function of the context."""
    match condition:
        case Leaf():
            return _compile_leaf(condition)
        case All(all=parts):
            return _decided_by(False, [compile(part) for part in parts])
        case AnyOf(any=parts):
            return _decided_by(True, [compile(part) for part in parts])
        case _:
            return _negated(compile(condition.not_))


def getter(attr: str) -> Callable[[Context], Any]:
    """Reads an attribute: the member of that very name, else down its dotted path."""
    if "." not in attr:
        return lambda context: context.get(attr)
    first, *rest = attr.split(".")

    def read(context: Context) -> Any:
        found: Any = context.get(attr)
        if found is not None:
            return found
        found = context.get(first)
        for name in rest:
            if exact_type(found) is not dict:
                return None
            found = found.get(name)
        return found

    return read


def kind_of(value: Any) -> AttributeType | None:
    """The type of a context's value as conditions see it; None for what they cannot use.

    Exact types only: nothing of a caller's own class is ever run.
    """
    kind = exact_type(value)
    if kind is str:
        return "string"
    if kind is bool:
        return "boolean"
    if kind is int or (kind is float and math.isfinite(value)):
        return "number"
    if kind is list and _all_texts(value):
        return "strings"
    return None


def _all_texts(items: Iterable[object]) -> bool:
    return all(exact_type(item) is str for item in items)


def _misfit(op: Op, value: Any) -> str | None:
    """Why a value does not fit an operator; None when it does."""
    if op in BARE:
        return None if value is None else "takes no value"
    if value is None:
        return "needs a value"
    if op in ("in", "not_in"):
        items = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else ()
        kinds = {kind_of(item) for item in items}
        one = len(kinds) == 1 and None not in kinds
        return None if one else "needs a list of values of one type, at least one"
    if isinstance(value, tuple):
        return "needs one value, not a list"
    if op in NUMERIC and kind_of(value) != "number":
        return "needs a number"
    if op in TEXTUAL and type(value) is not str:
        return "needs a string"
    return _bad_range(value) if op == "semver" else None


def _bad_range(value: str) -> str | None:
    try:
        semver.parse_range(value)
    except ValueError as error:
        return f"needs a range of versions: {error}"
    return None


def _decided_by(decisive: bool, tests: list[Test]) -> Test:
    def test(context: Context, unknown: list[str]) -> Truth:
        open_ = False
        for part in tests:
            truth = part(context, unknown)
            if truth is decisive:
                return decisive
            if truth is None:
                open_ = True
        return None if open_ else not decisive

    return test


def _negated(part: Test) -> Test:
    def test(context: Context, unknown: list[str]) -> Truth:
        truth = part(context, unknown)
        return None if truth is None else not truth

    return test


def _compile_leaf(leaf: Leaf) -> Test:
    attr, op = leaf.attr, leaf.op
    wanted: Any = leaf.value
    read = getter(attr)
    match op:
        case "present":
            return lambda context, _unknown: read(context) is not None
        case "absent":
            return lambda context, _unknown: read(context) is None
        case "in" | "not_in":
            return _member(attr, frozenset(wanted), inside=op == "in")
        case "contains":
            return _decided(attr, _contains(wanted))
        case "semver":
            return _decided(attr, _in_versions(wanted))
        case _ if type(wanted) in (int, float):
            return _number(attr, _compare[op], wanted)
        case _:
            return _same_type(attr, _compare[op], wanted)


_compare: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "prefix": str.startswith,
    "suffix": str.endswith,
}

# The three tests below run for every request. Each is one call with its steps written
# out, and asks for the member of the very name before it walks a dotted path.


def _same_type(attr: str, compare: Callable[[Any, Any], bool], wanted: Any) -> Test:
    read, dotted = getter(attr), "." in attr
    kind = exact_type(wanted)

    def test(context: Context, unknown: list[str]) -> Truth:
        value: Any = read(context) if dotted else context.get(attr)
        if exact_type(value) is kind:
            return compare(value, wanted)
        unknown.append(attr)
        return None

    return test


def _number(attr: str, compare: Callable[[Any, Any], bool], wanted: float) -> Test:
    read, dotted = getter(attr), "." in attr

    def test(context: Context, unknown: list[str]) -> Truth:
        value: Any = read(context) if dotted else context.get(attr)
        kind = exact_type(value)
        # value - value is 0 but for NaN and the infinities, where it is NaN
        if kind is int or (kind is float and value - value == 0):
            return compare(value, wanted)
        unknown.append(attr)
        return None

    return test


def _member(attr: str, members: frozenset[Any], *, inside: bool) -> Test:
    read, dotted = getter(attr), "." in attr
    kinds = {kind_of(member) for member in members}

    def test(context: Context, unknown: list[str]) -> Truth:
        value: Any = read(context) if dotted else context.get(attr)
        if kind_of(value) in kinds:
            return (value in members) is inside
        unknown.append(attr)
        return None

    return test


def _decided(attr: str, decide: Callable[[Any], Truth]) -> Test:
    read = getter(attr)

    def test(context: Context, unknown: list[str]) -> Truth:
        truth = decide(read(context))
        if truth is None:
            unknown.append(attr)
        return truth

    return test


def _contains(wanted: str) -> Callable[[Any], Truth]:
    def decide(value: Any) -> Truth:
        return wanted in value if kind_of(value) in ("string", "strings") else None

    return decide


def _in_versions(wanted: str) -> Callable[[Any], Truth]:
    holds = semver.parse_range(wanted)

    def decide(value: Any) -> Truth:
        version = semver.key(value) if type(value) is str else None
        return None if version is None else holds(version)

    return decide
