"""A cursor says where a page ended, in the list that it came from and in no other."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import any_text, json_texts
from twinline.language import cursors
from twinline.language.cursors import decode, encode
from twinline.language.errors import Invalid
from twinline.language.ids import AFTER_ALL, new_id


def _cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@given(json_texts(), json_texts())
def test_a_text_comes_back(listing: str, key: str) -> None:
    assert decode(listing, encode(listing, key), str) == key


@given(json_texts(), st.integers(0, 2**31 - 1))
def test_a_number_comes_back(listing: str, key: int) -> None:
    assert decode(listing, encode(listing, key), int) == key


@given(json_texts(), json_texts())
def test_a_cursor_fits_into_an_address_as_it_is(listing: str, key: str) -> None:
    cursor = encode(listing, key)
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_no_cursor_begins_at_the_beginning() -> None:
    assert decode("prompts", None, str) is None


@given(json_texts(), json_texts(), json_texts())
def test_a_cursor_of_another_list_is_refused(one: str, other: str, key: str) -> None:
    if one != other:
        with pytest.raises(Invalid, match="no cursor of this list"):
            decode(other, encode(one, key), str)


GARBAGE = {
    "empty": "",
    "no-base64": "a",
    "not-ascii": "é",
    "no-json": base64.urlsafe_b64encode(b"prompts").decode(),
    "not-utf-8": base64.urlsafe_b64encode(b'["prompts", "\xff"]').decode(),
    "number": _cursor(7),
    "null": _cursor(None),
    "no-key": _cursor(["prompts"]),
    "two-keys": _cursor(["prompts", "a", "b"]),
    "key-of-another-kind": _cursor(["prompts", 7]),
    "key-null": _cursor(["prompts", None]),
    "key-list": _cursor(["prompts", ["a"]]),
    "nul-in-key": _cursor(["prompts", "a\x00b"]),
    "integer-beyond-python's-limit": base64.urlsafe_b64encode(b"1" * 5000).decode(),
}


@pytest.mark.parametrize("cursor", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_refused_and_named(cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode("prompts", cursor, str)
    assert refused.value.fields == {"field": "cursor", "value": cursor}


def test_a_text_is_no_number() -> None:
    with pytest.raises(Invalid):
        decode("deployments", _cursor(["deployments", "12"]), int)


def test_a_boolean_is_no_number() -> None:
    with pytest.raises(Invalid):
        decode("deployments", _cursor(["deployments", True]), int)


def test_a_lone_surrogate_is_no_key() -> None:
    with pytest.raises(Invalid):
        decode("prompts", _cursor(["prompts", "\ud800"]), str)


def test_a_number_beyond_the_database_is_no_key() -> None:
    with pytest.raises(Invalid):
        decode("deployments", _cursor(["deployments", 10**30]), int)


def test_a_cursor_nested_beyond_python_s_stack_is_refused() -> None:
    with pytest.raises(Invalid):
        decode("prompts", base64.urlsafe_b64encode(b"[" * 100_000).decode(), str)


@given(any_text() | st.binary().map(lambda body: base64.urlsafe_b64encode(body).decode()))
def test_nothing_but_invalid_is_raised(cursor: str) -> None:
    with pytest.raises(Invalid):
        decode("a list that no cursor names", cursor, str)


def test_a_cursor_of_ids_holds_one_or_is_refused() -> None:
    id = new_id()
    assert cursors.decode_id("x", None) == AFTER_ALL
    assert cursors.decode_id("x", cursors.encode("x", str(id))) == id
    with pytest.raises(Invalid, match="no cursor of this list"):
        cursors.decode_id("x", cursors.encode("x", "nonsense"))
