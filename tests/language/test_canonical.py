"""Canonical JSON is RFC 8785's, and a digest depends on content alone."""

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import json_objects, json_values
from twinline.language.canonical import canonical, digest
from twinline.language.errors import Invalid

FORMS = {
    "no-whitespace": ({"a": [1, {"b": None}]}, '{"a":[1,{"b":null}]}'),
    "keys-in-order": ({"b": 1, "a": 2, "": 3, "B": 4}, '{"":3,"B":4,"a":2,"b":1}'),
    # Section 3.2.3: by UTF-16 code units, so an emoji (a surrogate pair) comes before U+FB33.
    "keys-by-utf-16": ({"\ufb33": 1, "😀": 2, "€": 3}, '{"€":3,"😀":2,"\ufb33":1}'),
    "keys-in-order-inside": ({"z": {"b": 1, "a": 2}}, '{"z":{"a":2,"b":1}}'),
    "lists-keep-their-order": ([3, 1, 2], "[3,1,2]"),
    "literals": ([None, True, False], "[null,true,false]"),
    "empty": ([{}, [], ""], '[{},[],""]'),
    # Section 3.2.2.2: only these are escaped, in their short form where there is one.
    "escapes": ('€$\x0f\nA\'B"\\\\"/', '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
    "delete-and-line-separator-are-themselves": ("\x7f\u2028", '"\x7f\u2028"'),
    # Section 3.2.2.3 and appendix B: numbers as ECMAScript writes them.
    "zero": (0.0, "0"),
    "minus-zero": (-0.0, "0"),
    "float-without-fraction": (1.0, "1"),
    "fraction": (4.50, "4.5"),
    "small": (2e-3, "0.002"),
    "six-zeros": (0.000001, "0.000001"),
    "below-that-an-exponent": (1e-7, "1e-7"),
    "twenty-one-digits": (1e20, "100000000000000000000"),
    "beyond-that-an-exponent": (1e21, "1e+21"),
    "shortest-that-reads-back": (333333333.33333329, "333333333.3333333"),
    "thirty": (1e30, "1e+30"),
    "tiny": (1e-27, "1e-27"),
    "smallest": (5e-324, "5e-324"),
    "largest": (1.7976931348623157e308, "1.7976931348623157e+308"),
    "largest-safe-integer": (2**53 - 1, "9007199254740991"),
    "integer-beyond-that-which-is-a-double": (2**53, "9007199254740992"),
    "integer-that-is-written-with-an-exponent": (10**21, "1e+21"),
    "negative-one": (-(10**21), "-1e+21"),
    "smallest-safe-integer": (-(2**53) + 1, "-9007199254740991"),
}

REFUSED = {
    "nan": float("nan"),
    "infinity": float("inf"),
    "minus-infinity": float("-inf"),
    "integer-that-no-double-is-equal-to": 2**53 + 1,
    "negative-integer-that-no-double-is-equal-to": -(2**53) - 1,
    "integer-beyond-double": 10**400,
    "lone-surrogate": "\ud800",
    "lone-surrogate-as-key": {"\ud800": 1},
    "key-that-is-a-number": {1: 2},
    "no-json-type": {1, 2},
    "deep-inside": {"a": [{"b": float("nan")}]},
}


@pytest.mark.parametrize(("value", "form"), FORMS.values(), ids=FORMS)
def test_the_form_is_that_of_rfc_8785(value: object, form: str) -> None:
    assert canonical(value) == form.encode()


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_what_json_cannot_carry_exactly_is_refused(value: object) -> None:
    with pytest.raises(Invalid, match="no canonical JSON form"):
        canonical(value)
    with pytest.raises(Invalid):
        digest(value)


@given(json_values())
def test_the_form_reads_back_as_the_value(value: object) -> None:
    assert _doubles(canonical(value)) == _doubles(json.dumps(value))


@given(json_values())
def test_the_form_of_the_form_is_the_form(value: object) -> None:
    form = canonical(value)
    assert canonical(_doubles(form)) == form


@pytest.mark.parametrize("number", [1e16, 1.7e18, 1.2345678901234567e20, 1e21, -1e300])
def test_a_number_has_the_same_digest_when_postgresql_gives_it_back(number: float) -> None:
    """JSONB keeps 1e16 as 10000000000000000, which Python then reads as an integer. The
    parameters of a bundle take that way when a rollback foresees its pair."""
    kept = json.loads(format(Decimal(repr(number)), "f"))
    assert digest({"seed": kept}) == digest({"seed": number})


@given(json_objects(), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_change_the_digest(value: dict[str, Any], chance: Any) -> None:
    assert digest(_permuted(value, chance)) == digest(value)


@given(json_values(), json_values())
def test_two_digests_are_equal_exactly_when_the_forms_are(one: object, other: object) -> None:
    assert (digest(one) == digest(other)) == (canonical(one) == canonical(other))


def test_a_digest_is_sha_256_of_the_form_in_hexadecimal() -> None:
    assert digest({"b": 1, "a": [1.0]}) == hashlib.sha256(b'{"a":[1],"b":1}').hexdigest()


def test_an_integer_and_the_same_float_are_one_number() -> None:
    """JSON has one kind of number, so a client that sends 1.0 means the same pair as one
    that sends 1."""
    assert digest({"temperature": 1}) == digest({"temperature": 1.0})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(1, "1", id="number-and-text"),
        pytest.param(1, True, id="number-and-boolean"),
        pytest.param(None, {}, id="null-and-empty"),
        pytest.param({}, [], id="object-and-list"),
        pytest.param({"a": None}, {}, id="null-member-and-none"),
        pytest.param("é", "e\u0301", id="composed-and-decomposed"),
    ],
)
def test_what_differs_has_another_digest(one: object, other: object) -> None:
    assert digest(one) != digest(other)


def _doubles(text: str | bytes) -> Any:
    """A JSON value as ECMAScript reads it: every number is a double."""
    return json.loads(text, parse_int=float)


def _permuted(value: Any, chance: Any) -> Any:
    if isinstance(value, dict):
        members = [(name, _permuted(member, chance)) for name, member in value.items()]
        chance.shuffle(members)
        return dict(members)
    if isinstance(value, list):
        return [_permuted(item, chance) for item in value]
    return value
