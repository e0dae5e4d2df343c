"""Conditions over a request's context, in three values.

A condition is TRUE, FALSE or UNKNOWN (here True, False and None). An attribute that is
absent, null or of the wrong type makes its leaf UNKNOWN; nothing is coerced, integers
and floats compare, booleans are no numbers. ``not`` of UNKNOWN is UNKNOWN, ``all`` is
FALSE when any part is, ``any`` TRUE when any part is (Kleene's strong logic). A rule
fires on TRUE alone, so missing data never routes a request by accident.

How they are evaluated is in `compiler.py`.
"""

import math
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


def depth(condition: Condition) -> int:
    """How deep a condition is nested; a single comparison is 1 deep."""
    match condition:
        case Leaf():
            return 1
        case All(all=parts) | AnyOf(any=parts):
            return 1 + max(map(depth, parts), default=0)
        case _:
            return 1 + depth(condition.not_)


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
