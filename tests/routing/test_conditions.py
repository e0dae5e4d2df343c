"""Conditions come to TRUE, FALSE or UNKNOWN, and never to an exception."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests.routing import naive
from tests.routing.documents import (
    INFINITY,
    NAN,
    Document,
    condition_documents,
    contexts,
    leaf,
    policy,
    rule,
)
from tests.routing.documents import A as BUNDLE
from tests.strategies import json_objects
from twinline.language.errors import Invalid
from twinline.routing.compiler import compile
from twinline.routing.conditions import VALUES_MAX, Condition, Op, Truth, kind_of, leaves

_condition: TypeAdapter[Condition] = TypeAdapter(Condition)
UNKNOWN = None
T, F, U = True, False, UNKNOWN


def evaluated(condition: Document, context: Any) -> tuple[Truth, list[str]]:
    """What a condition comes to, and what it asked for in vain."""
    unknown: list[str] = []
    return compile(_condition.validate_python(condition))(context, unknown), unknown


def truth(condition: Document, context: Any) -> Truth:
    """What a condition comes to."""
    return evaluated(condition, context)[0]


# --- comparisons ------------------------------------------------------------------------


class OwnText(str):
    """A string of a caller's own class."""


class OwnInt(int):
    """A number of a caller's own class."""


class OwnFloat(float):
    """A number of a caller's own class."""


class OwnList(list[str]):
    """A list of a caller's own class."""


TABLE: dict[str, list[tuple[Any, Any, Truth]]] = {
    # operator: (value in the condition, value in the context, truth)
    "eq": [
        ("eu", "eu", T),
        ("eu", "EU", F),
        ("eu", "eu ", F),
        ("eu", "", F),
        ("", "", T),
        ("é", "e\u0301", F),
        (1, 1, T),
        (1, 1.0, T),
        (1.0, 1, T),
        (0.1, 0.1, T),
        (0.5, 1, F),
        (0, -0.0, T),
        (2**53, 2**53 + 1, F),
        (1.5, 10**400, F),
        (True, True, T),
        (True, False, F),
        (False, False, T),
    ],
    "neq": [
        ("eu", "us", T),
        ("eu", "eu", F),
        (1, 2, T),
        (1, 1.0, F),
        (1.5, 1, T),
        (True, False, T),
        (False, False, F),
    ],
    "lt": [(1, 0.5, T), (1, 1, F), (1, 1.0, F), (1, 2, F), (0.5, -(10**400), T)],
    "le": [(1, 0.5, T), (1, 1, T), (1, 1.0, T), (1, 2, F)],
    "gt": [(1, 0.5, F), (1, 1, F), (1, 1.0, F), (1, 2, T), (0.5, 10**400, T)],
    "ge": [(1, 0.5, F), (1, 1, T), (1, 1.0, T), (1, 2, T)],
    "prefix": [("eu", "eu-west", T), ("eu", "eu", T), ("eu", "e", F), ("", "x", T), ("a", "ba", F)],
    "suffix": [("eu", "in-eu", T), ("eu", "eu", T), ("eu", "u", F), ("", "x", T), ("a", "ab", F)],
    "contains": [
        ("b", "abc", T),
        ("b", "ac", F),
        ("", "", T),
        ("b", ["a", "b"], T),
        ("b", ["abc"], F),
        ("b", [], F),
        ("", [], F),
    ],
    "in": [
        (["a", "b"], "b", T),
        (["a", "b"], "c", F),
        ([1, 2], 2.0, T),
        ([1, 2.5], 2.5, T),
        ([1], 2, F),
        ([True], True, T),
        ([True], False, F),
    ],
    "not_in": [
        (["a", "b"], "b", F),
        (["a", "b"], "c", T),
        ([1, 2], 2.0, F),
        ([1], 2, T),
        ([True], True, F),
        ([True], False, T),
    ],
    "semver": [
        (">=2.1.0 <3.0.0", "2.1.0", T),
        (">=2.1.0 <3.0.0", "2.10.0", T),
        (">=2.1.0 <3.0.0", "2.1.0-rc.1", F),
        (">=2.1.0 <3.0.0", "3.0.0", F),
        (">=2.1.0", "2.1", U),
        (">=2.1.0", "v2.1.0", U),
        (">=2.1.0", "", U),
        (">=2.1.0", "9" * 1_000_000, U),
    ],
    "present": [
        (None, "", T),
        (None, 0, T),
        (None, False, T),
        (None, [], T),
        (None, {}, T),
        (None, NAN, T),
        (None, None, F),
    ],
    "absent": [(None, "", F), (None, 0, F), (None, False, F), (None, [], F), (None, None, T)],
}

# One value of every type that a context could hold.
SAMPLES: dict[str, Any] = {
    "string": "1.0.0",
    "integer": 1,
    "float": 1.0,
    "true": True,
    "false": False,
    "strings": ["1.0.0"],
    "no-strings": [],
    "null": None,
    "nan": NAN,
    "infinity": INFINITY,
    "minus-infinity": -INFINITY,
    "numbers": [1],
    "mixed": ["1.0.0", 1],
    "object": {"attr": 1},
    "tuple": ("1.0.0",),
    "set": {"1.0.0"},
    "bytes": b"1.0.0",
    "complex": 1 + 0j,
    "decimal": Decimal(1),
    "datetime": datetime(2026, 1, 1, tzinfo=UTC),
    "own-string": OwnText("1.0.0"),
    "own-integer": OwnInt(1),
    "own-float": OwnFloat(1),
    "own-list": OwnList(["1.0.0"]),
}
_NUMBER, _BOOLEAN = ["integer", "float"], ["true", "false"]

# Each way to compare, and the samples that it understands; the others are UNKNOWN to it.
UNDERSTOOD: dict[str, tuple[Document, list[str]]] = {
    "eq-string": (leaf("attr", "eq", "x"), ["string"]),
    "eq-integer": (leaf("attr", "eq", 1), _NUMBER),
    "eq-float": (leaf("attr", "eq", 1.0), _NUMBER),
    "eq-boolean": (leaf("attr", "eq", True), _BOOLEAN),
    "neq-string": (leaf("attr", "neq", "x"), ["string"]),
    "neq-integer": (leaf("attr", "neq", 0), _NUMBER),
    "neq-float": (leaf("attr", "neq", 0.0), _NUMBER),
    "neq-boolean": (leaf("attr", "neq", False), _BOOLEAN),
    "in-strings": (leaf("attr", "in", ["x"]), ["string"]),
    "in-numbers": (leaf("attr", "in", [1, 2.5]), _NUMBER),
    "in-booleans": (leaf("attr", "in", [True]), _BOOLEAN),
    "not-in-strings": (leaf("attr", "not_in", ["x"]), ["string"]),
    "not-in-numbers": (leaf("attr", "not_in", [1, 2.5]), _NUMBER),
    "not-in-booleans": (leaf("attr", "not_in", [True, False]), _BOOLEAN),
    "lt": (leaf("attr", "lt", 1), _NUMBER),
    "le": (leaf("attr", "le", 1.5), _NUMBER),
    "gt": (leaf("attr", "gt", 1), _NUMBER),
    "ge": (leaf("attr", "ge", 1.5), _NUMBER),
    "prefix": (leaf("attr", "prefix", "1"), ["string"]),
    "suffix": (leaf("attr", "suffix", "0"), ["string"]),
    "contains": (leaf("attr", "contains", "1"), ["string", "strings", "no-strings"]),
    "semver": (leaf("attr", "semver", ">=1.0.0"), ["string"]),
}


def _rows() -> list[Any]:
    return [
        pytest.param(op, wanted, value, expected, id=f"{op}-{wanted!r:.20}-{value!r:.20}")
        for op, rows in TABLE.items()
        for wanted, value, expected in rows
    ]


@pytest.mark.parametrize(("op", "wanted", "value", "expected"), _rows())
def test_a_comparison_of_one_type_is_true_or_false(
    op: str, wanted: Any, value: Any, expected: Truth
) -> None:
    condition = leaf("attr", op) if wanted is None else leaf("attr", op, wanted)
    assert evaluated(condition, {"attr": value}) == (
        expected,
        ["attr"] if expected is UNKNOWN else [],
    )


@pytest.mark.parametrize(("way", "sample"), list(product(UNDERSTOOD, SAMPLES)))
def test_nothing_is_coerced(way: str, sample: str) -> None:
    condition, understood = UNDERSTOOD[way]
    found, unknown = evaluated(condition, {"attr": SAMPLES[sample]})
    if sample in understood:
        assert (type(found), unknown) == (bool, [])
    else:
        assert (found, unknown) == (UNKNOWN, ["attr"])


@pytest.mark.parametrize("way", UNDERSTOOD)
def test_what_is_absent_is_unknown(way: str) -> None:
    assert evaluated(UNDERSTOOD[way][0], {}) == (UNKNOWN, ["attr"])


@pytest.mark.parametrize("way", UNDERSTOOD)
def test_the_opposite_of_unknown_is_unknown(way: str) -> None:
    assert evaluated({"not": UNDERSTOOD[way][0]}, {}) == (UNKNOWN, ["attr"])


@pytest.mark.parametrize("sample", SAMPLES)
def test_presence_is_never_unknown(sample: str) -> None:
    context = {"attr": SAMPLES[sample]}
    assert evaluated(leaf("attr", "present"), context) == (sample != "null", [])
    assert evaluated(leaf("attr", "absent"), context) == (sample == "null", [])


def test_what_is_not_there_is_absent() -> None:
    assert evaluated(leaf("attr", "present"), {}) == (False, [])
    assert evaluated(leaf("attr", "absent"), {}) == (True, [])


def test_the_tables_know_every_operator() -> None:
    assert set(TABLE) == set(get_args(Op))
    compared = {condition["op"] for condition, _ in UNDERSTOOD.values()}
    assert compared == set(get_args(Op)) - {"present", "absent"}


def test_a_missing_score_is_not_a_low_one() -> None:
    """JSONLogic has it otherwise, and so sends every request without a score to the fallback."""
    assert truth(leaf("dq.score", "lt", 0.6), {}) is UNKNOWN
    said = {"any": [leaf("dq.score", "lt", 0.6), leaf("dq.score", "absent")]}
    assert truth(said, {}) is True


KINDS = {
    "string": "string",
    "integer": "number",
    "float": "number",
    "true": "boolean",
    "false": "boolean",
    "strings": "strings",
    "no-strings": "strings",
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_each_value_is_of_one_kind_or_of_none(sample: str) -> None:
    assert kind_of(SAMPLES[sample]) == KINDS.get(sample)


# --- all, any, not ----------------------------------------------------------------------

PARTS: dict[Truth, Document] = {
    T: leaf("here", "eq", 1),
    F: leaf("here", "eq", 2),
    U: leaf("gone", "eq", 1),
}
ALL = {(T, T): T, (T, F): F, (T, U): U, (F, F): F, (F, U): F, (U, U): U}
ANY = {(T, T): T, (T, F): T, (T, U): T, (F, F): F, (F, U): U, (U, U): U}
NOT = {T: F, F: T, U: U}


@pytest.mark.parametrize("pair", list(product(PARTS, PARTS)), ids=str)
def test_all_and_any_are_kleene_s_tables(pair: tuple[Truth, Truth]) -> None:
    parts = [PARTS[one] for one in pair]
    swapped = (pair[1], pair[0])
    assert truth({"all": parts}, {"here": 1}) is ALL.get(pair, ALL.get(swapped))
    assert truth({"any": parts}, {"here": 1}) is ANY.get(pair, ANY.get(swapped))


@pytest.mark.parametrize("one", PARTS, ids=str)
def test_one_part_is_what_it_is_and_not_its_opposite(one: Truth) -> None:
    assert truth({"all": [PARTS[one]]}, {"here": 1}) is one
    assert truth({"any": [PARTS[one]]}, {"here": 1}) is one
    assert truth({"not": PARTS[one]}, {"here": 1}) is NOT[one]


def test_all_of_nothing_is_true_and_any_of_nothing_false() -> None:
    assert truth({"all": []}, {}) is True
    assert truth({"any": []}, {}) is False


@given(condition_documents(), contexts())
def test_a_condition_comes_to_what_its_document_says(
    condition: Document, context: dict[str, Any]
) -> None:
    assert truth(condition, context) is naive.truth(condition, context)


@given(condition_documents(), contexts())
def test_what_was_asked_in_vain_is_what_a_comparison_could_not_use(
    condition: Document, context: dict[str, Any]
) -> None:
    found, unknown = evaluated(condition, context)
    open_ = {
        one.attr
        for one in leaves(_condition.validate_python(condition))
        if naive.truth(one.model_dump(mode="json"), context) is UNKNOWN
    }
    assert set(unknown) <= open_
    assert unknown or found is not UNKNOWN


@given(st.lists(condition_documents(), max_size=3), contexts())
def test_de_morgan_holds(parts: list[Document], context: dict[str, Any]) -> None:
    opposite = {"any": [{"not": part} for part in parts]}
    assert truth({"not": {"all": parts}}, context) is truth(opposite, context)


@given(condition_documents())
def test_a_condition_is_read_back_as_it_was_written(condition: Document) -> None:
    read = _condition.validate_python(condition)
    again = _condition.dump_python(read, mode="json", by_alias=True, exclude_defaults=True)
    assert again == condition
    assert _condition.validate_python(again) == read


@given(condition_documents())
def test_the_leaves_are_all_comparisons_in_their_order(condition: Document) -> None:
    def walked(part: Document) -> list[str]:
        if "attr" in part:
            return [part["attr"]]
        inner = [part["not"]] if "not" in part else part.get("all", part.get("any"))
        return [attr for one in inner for attr in walked(one)]

    assert [one.attr for one in leaves(_condition.validate_python(condition))] == walked(condition)


# --- attributes -------------------------------------------------------------------------

PATHS: dict[str, tuple[dict[str, Any], Truth]] = {
    "flat": ({"a.b.c": 1}, T),
    "nested": ({"a": {"b": {"c": 1}}}, T),
    "flat-name-wins": ({"a.b.c": 1, "a": {"b": {"c": 2}}}, T),
    "flat-name-wins-though-it-is-wrong": ({"a.b.c": 2, "a": {"b": {"c": 1}}}, F),
    "flat-name-of-another-type-wins": ({"a.b.c": "1", "a": {"b": {"c": 1}}}, U),
    "flat-null-gives-way": ({"a.b.c": None, "a": {"b": {"c": 1}}}, T),
    "partly-flat-is-not-found": ({"a.b": {"c": 1}}, U),
    "partly-flat-inside-is-not-found": ({"a": {"b.c": 1}}, U),
    "absent-inside": ({"a": {"b": {}}}, U),
    "null-on-the-way": ({"a": {"b": None}}, U),
    "text-on-the-way": ({"a": {"b": "c"}}, U),
    "list-on-the-way": ({"a": {"b": [1]}}, U),
    "number-on-the-way": ({"a": 1}, U),
    "object-at-the-end": ({"a": {"b": {"c": {}}}}, U),
    "empty": ({}, U),
}


@pytest.mark.parametrize(("context", "expected"), PATHS.values(), ids=PATHS)
def test_an_attribute_is_the_flat_name_or_else_down_its_dots(
    context: dict[str, Any], expected: Truth
) -> None:
    assert truth(leaf("a.b.c", "eq", 1), context) is expected


@pytest.mark.parametrize("attr", [".", "a.", ".a", "a..b", "..."])
def test_odd_dots_are_names_like_others(attr: str) -> None:
    assert truth(leaf(attr, "eq", 1), {attr: 1}) is True
    assert truth(leaf(attr, "eq", 1), {}) is UNKNOWN
    nested: Any = 1
    for name in reversed(attr.split(".")):
        nested = {name: nested}
    assert truth(leaf(attr, "eq", 1), nested) is True


@pytest.mark.parametrize("attr", ["get", "keys", "__class__", "a.get", "a.__class__.__name__"])
def test_attributes_are_members_and_not_python_s(attr: str) -> None:
    assert truth(leaf(attr, "absent"), {"a": {}}) is True


def test_unknown_attributes_are_told_in_the_order_asked() -> None:
    condition = {
        "any": [
            leaf("z", "eq", 1),
            {"all": [leaf("b.c", "lt", 1), leaf("y", "semver", "1.0.0")]},
            {"not": leaf("a", "in", [1])},
            leaf("known", "eq", 1),
            leaf("z", "contains", "x"),
            leaf("gone", "present"),
        ]
    }
    assert evaluated(condition, {"known": 2}) == (UNKNOWN, ["z", "b.c", "y", "a", "z"])


def test_what_is_decided_is_asked_no_further() -> None:
    ended_by_true = {"any": [leaf("a", "eq", 1), leaf("b", "eq", 1), leaf("c", "eq", 1)]}
    assert evaluated(ended_by_true, {"b": 1}) == (True, ["a"])
    ended_by_false = {"all": [leaf("a", "eq", 1), leaf("b", "eq", 1), leaf("c", "eq", 1)]}
    assert evaluated(ended_by_false, {"b": 2}) == (False, ["a"])


# --- hostile contexts -------------------------------------------------------------------


class Trap:
    """Raises whatever is asked of it."""

    def _sprung(self, *_arguments: object) -> Any:
        raise AssertionError("a caller's own class was run")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _sprung
    __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = __hash__ = _sprung  # pyright: ignore[reportAssignmentType] -- a trap
    __sub__ = __rsub__ = __int__ = __float__ = __index__ = __str__ = __getattr__ = _sprung  # pyright: ignore[reportAssignmentType] -- a trap


class TrapText(str):
    """A string whose methods are traps."""

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = Trap._sprung
    __hash__ = startswith = endswith = Trap._sprung  # pyright: ignore[reportAssignmentType] -- a trap


class TrapFloat(float):
    """A number whose methods are traps."""

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __sub__ = Trap._sprung
    __hash__ = __bool__ = is_integer = Trap._sprung  # pyright: ignore[reportAssignmentType] -- a trap


class TrapDict(dict[str, Any]):
    """An object whose methods are traps."""

    get = __getitem__ = __contains__ = __len__ = __iter__ = Trap._sprung  # pyright: ignore[reportAssignmentType] -- a trap


class TrapList(list[str]):
    """A list whose methods are traps."""

    __iter__ = __len__ = __contains__ = __getitem__ = Trap._sprung  # pyright: ignore[reportAssignmentType] -- a trap


def _deep(wrap: Callable[[Any], Any], depth: int = 200) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


def _endless() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["attr"] = value
    return value


HOSTILE: dict[str, Any] = {
    "deep-objects": _deep(lambda inner: {"attr": inner}),
    "deep-lists": _deep(lambda inner: [inner]),
    "deeper-than-python-recurses": _deep(lambda inner: {"attr": inner}, 100_000),
    "holds-itself": _endless(),
    "traps": Trap(),
    "trap-string": TrapText("x"),
    "trap-number": TrapFloat(1),
    "trap-object": TrapDict(attr=1),
    "trap-list": TrapList(["x"]),
    "list-of-traps": [Trap()],
    "list-with-a-trap": ["x", TrapText("x")],
    "class": Trap,
    "function": len,
    "nan": NAN,
}
BIG: dict[str, Any] = {
    "megabyte": "x" * 1_000_000,
    "lone-surrogate": "\ud800",
    "nul": "\x00",
    "huge-integer": 10**5000,
    "smallest": 5e-324,
    "a-hundred-thousand-strings": ["x"] * 100_000,
}


@pytest.mark.parametrize("way", UNDERSTOOD)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_is_unknown(name: str, way: str) -> None:
    assert evaluated(UNDERSTOOD[way][0], {"attr": HOSTILE[name]}) == (UNKNOWN, ["attr"])
    dotted = UNDERSTOOD[way][0] | {"attr": "attr.x.y"}
    assert evaluated(dotted, {"attr": HOSTILE[name]}) == (UNKNOWN, ["attr.x.y"])
    assert truth(leaf("attr", "present"), {"attr": HOSTILE[name]}) is True


@pytest.mark.parametrize("way", UNDERSTOOD)
@pytest.mark.parametrize("name", BIG)
def test_a_big_value_is_compared_like_any_other(name: str, way: str) -> None:
    condition, understood = UNDERSTOOD[way]
    of = {"strings": "strings", "string": "string", "number": "integer"}[kind_of(BIG[name]) or ""]
    known = of in understood and condition["op"] != "semver"
    assert (truth(condition, {"attr": BIG[name]}) is not UNKNOWN) is known


@given(condition_documents(), json_objects())
def test_no_context_raises(condition: Document, context: dict[str, Any]) -> None:
    assert truth(condition, context) in (T, F, U)


@pytest.mark.parametrize("key", [None, 1, ("attr",), Trap], ids=repr)
def test_keys_that_are_no_strings_do_no_harm(key: Any) -> None:
    assert truth(leaf("attr", "eq", 1), {key: 1}) is UNKNOWN


def test_a_deep_condition_is_evaluated() -> None:
    condition = leaf("attr", "eq", 1)
    for _ in range(100):
        condition = {"not": condition}
    assert truth(condition, {"attr": 1}) is True
    assert truth(condition, {}) is UNKNOWN


# --- documents --------------------------------------------------------------------------

NEEDS_LIST = "needs a list of values of one type, at least one"
ONE_OF = "a value is a string, a number, a boolean, or a list of one of them"
REFUSED: dict[str, tuple[Any, str]] = {
    "no-members": ({}, "when.attr: Field required; rules.0.when.op: Field required"),
    "text": ("a < 1", "when: Input should be"),
    "list": ([], "when: Input should be"),
    "true": (True, "when: Input should be"),
    "op-missing": ({"attr": "a"}, "when.op: Field required"),
    "op-unknown": (leaf("a", "like", "x"), "when.op: Input should be 'eq', 'neq'"),
    "op-null": (leaf("a", None, "x"), "when.op: Input should be"),  # pyright: ignore[reportArgumentType] -- so
    "attr-missing": ({"op": "present"}, "when.attr: Field required"),
    "attr-empty": (leaf("", "present"), "when.attr: String should have at least 1"),
    "attr-long": (leaf("a" * 201, "present"), "when.attr: String should have at most 200"),
    "attr-number": (leaf(1, "present"), "when.attr: Input should be a valid string"),  # pyright: ignore[reportArgumentType] -- so
    "attr-surrogate": (leaf("\ud800", "present"), "when.attr: "),
    "unknown-member": (leaf("a", "present") | {"not_": 1}, "when.not_: Extra inputs"),
    "two-groups": ({"all": [], "any": []}, "when.any: Extra inputs"),
    "group-and-leaf": ({"all": []} | leaf("a", "present"), "when.attr: Extra inputs"),
    "all-of-no-list": ({"all": leaf("a", "present")}, "when.all: Input should be"),
    "any-null": ({"any": None}, "when.any: Input should be"),
    "not-of-a-list": ({"not": [leaf("a", "present")]}, "when.not: Input should be"),
    "not-by-its-python-name": ({"not_": leaf("a", "present")}, "when.not_: Extra inputs"),
    "inside-all": ({"all": [leaf("a", "present"), {}]}, "when.all.1.attr: Field required"),
    "inside-any": ({"any": [leaf("a", "lt", "x")]}, "when.any.0: Value error, `lt` needs a number"),
    "inside-not": ({"not": leaf("a", "lt", "x")}, "when.not: Value error, `lt` needs a number"),
    "inside-all-three": (
        {"all": [{"any": [leaf("a", "present"), {"not": leaf("a", "eq")}]}]},
        "when.all.0.any.1.not: Value error, `eq` needs a value",
    ),
    "inside-alike": ({"not": {"not": {"not": {}}}}, "when.not.not.not.attr: Field required"),
    "present-takes-none": (leaf("a", "present", True), "when: Value error, `present` takes no"),
    "absent-takes-none": (leaf("a", "absent", ["x"]), "when: Value error, `absent` takes no"),
    "eq-null": (leaf("a", "eq", None), "when: Value error, `eq` needs a value"),
    "in-null": (leaf("a", "in", None), "when: Value error, `in` needs a value"),
    "eq-list": (leaf("a", "eq", ["x"]), "when: Value error, `eq` needs one value, not a list"),
    "lt-list": (leaf("a", "lt", [1]), "when: Value error, `lt` needs one value, not a list"),
    "lt-string": (leaf("a", "lt", "1"), "when: Value error, `lt` needs a number"),
    "le-boolean": (leaf("a", "le", True), "when: Value error, `le` needs a number"),
    "gt-boolean": (leaf("a", "gt", False), "when: Value error, `gt` needs a number"),
    "prefix-number": (leaf("a", "prefix", 1), "when: Value error, `prefix` needs a string"),
    "suffix-boolean": (leaf("a", "suffix", True), "when: Value error, `suffix` needs a string"),
    "contains-number": (leaf("a", "contains", 1), "when: Value error, `contains` needs a string"),
    "semver-number": (leaf("a", "semver", 1.0), "when: Value error, `semver` needs a string"),
    "semver-no-range": (
        leaf("a", "semver", "^1.2"),
        "when: Value error, `semver` needs a range of versions: '^1.2' is no comparator",
    ),
    "semver-empty": (leaf("a", "semver", ""), "when: Value error, `semver` needs a range of ver"),
    "in-string": (leaf("a", "in", "abc"), f"when: Value error, `in` {NEEDS_LIST}"),
    "in-nothing": (leaf("a", "in", []), f"when: Value error, `in` {NEEDS_LIST}"),
    "in-mixed": (leaf("a", "in", ["x", 1]), f"when: Value error, `in` {NEEDS_LIST}"),
    "in-boolean-and-number": (leaf("a", "in", [True, 1]), f"when: Value error, `in` {NEEDS_LIST}"),
    "in-with-null": (leaf("a", "not_in", ["x", None]), f"when: Value error, `not_in` {NEEDS_LIST}"),
    "in-nulls": (leaf("a", "in", [None]), f"when: Value error, `in` {NEEDS_LIST}"),
    "in-lists": (leaf("a", "in", [["x"]]), f"when.value: Value error, {ONE_OF}"),
    "in-too-many": (leaf("a", "in", [1] * (VALUES_MAX + 1)), "when.value: Value error, a list "),
    "value-object": (leaf("a", "eq", {}), f"when.value: Value error, {ONE_OF}"),
    "value-nan": (leaf("a", "eq", NAN), f"when.value: Value error, {ONE_OF}"),
    "value-infinity": (leaf("a", "lt", INFINITY), f"when.value: Value error, {ONE_OF}"),
    "value-nan-in-a-list": (leaf("a", "in", [NAN]), f"when.value: Value error, {ONE_OF}"),
    "value-object-in-a-list": (leaf("a", "in", [{}]), f"when.value: Value error, {ONE_OF}"),
    "value-bytes": (leaf("a", "eq", b"x"), f"when.value: Value error, {ONE_OF}"),
    "too-deep": (_deep(lambda inner: {"not": inner}, 1000), "when.not"),
    "value-too-deep": (leaf("a", "in", _deep(lambda inner: [inner], 100_000)), "when"),
}


@pytest.mark.parametrize(("condition", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_condition_is_refused_at_its_place(condition: Any, problem: str) -> None:
    with pytest.raises(Invalid) as refused:
        policy({"id": "r", "serve": {"bundle": str(BUNDLE)}, "when": condition})
    assert f"rules.0.{problem}" in refused.value.detail


def test_the_longest_list_of_values_is_taken() -> None:
    taken = policy(rule("r", BUNDLE, leaf("a", "in", list(range(VALUES_MAX)))))
    assert len(taken.document()["rules"][0]["when"]["value"]) == VALUES_MAX
