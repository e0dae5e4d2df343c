"""A body is read strictly: a value that can be kept, or one clear refusal."""

import json
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.strategies import json_values
from twinline.language import strict_json
from twinline.language.errors import MalformedJson

REFUSED = {
    "empty": (b"", "not JSON"),
    "two-values": (b"1 2", "not JSON: Extra data at line 1, column 3"),
    "comma-at-the-end": (b"[1,]", "not JSON"),
    "comment": (b"[1] // one", "not JSON"),
    "single-quotes": (b"{'a': 1}", "not JSON"),
    "python-literal": (b"None", "not JSON"),
    "control-character-in-text": (b'"a\nb"', "not JSON"),
    "byte-order-mark": (b"\xef\xbb\xbf1", "not JSON"),
    "not-utf-8": (b'"ab\xff"', "not UTF-8: byte 3 is wrong"),
    "utf-16": ('"a"'.encode("utf-16"), "not UTF-8"),
    "surrogate-in-utf-8": (b'"\xed\xa0\x80"', "not UTF-8"),
    "nan": (b'{"a": NaN}', "NaN is not JSON"),
    "infinity": (b"[Infinity]", "Infinity is not JSON"),
    "minus-infinity": (b"[-Infinity]", "-Infinity is not JSON"),
    "float-beyond-double": (b"[1e999]", "number in the body is too large"),
    "negative-float-beyond-double": (b"[-1e999]", "number in the body is too large"),
    "nul-in-text": (b'["a\\u0000b"]', "NUL"),
    "nul-in-key": (b'{"a\\u0000b": 1}', "NUL"),
    "lone-high-surrogate": (b'"\\ud800"', "lone surrogate"),
    "lone-low-surrogate": (b'"\\udc00"', "lone surrogate"),
    "lone-surrogate-in-key": (b'{"a": {"\\ud800": 1}}', "lone surrogate"),
    "repeated-member": (b'{"b": 2, "a": 1, "a": 1}', "'a' occurs more than once"),
    "repeated-member-inside": (b'[{"x": {"b": 2, "b": 3}}]', "'b' occurs more than once"),
    "repeated-member-by-escape": (b'{"a": 1, "\\u0061": 2}', "'a' occurs more than once"),
    "nested-beyond-64": (b"[" * 65 + b"1" + b"]" * 65, "nested deeper than 64"),
    "objects-nested-beyond-64": (b'{"a":' * 65 + b"1" + b"}" * 65, "nested deeper than 64"),
    "nested-beyond-python's-stack": (b"[" * 100_000, "nested deeper than 64"),
    "objects-nested-beyond-python's-stack": (b'{"a":' * 100_000, "nested deeper than 64"),
    "integer-beyond-python's-limit": (b"1" * 5000, "too many digits"),
    "lists-nested-beyond-64-around-nothing": (b"[" * 65 + b"]" * 65, "nested deeper than 64"),
}

TAKEN = {
    "nested-64-deep": b"[" * 64 + b"1" + b"]" * 64,
    "objects-nested-64-deep": b'{"a":' * 64 + b"1" + b"}" * 64,
    "escaped-pair-of-surrogates": b'"\\ud83d\\ude00"',
    "the-same-member-in-two-objects": b'[{"a": 1}, {"a": 1}]',
    "members-that-differ-in-case": b'{"a": 1, "A": 2}',
    "whitespace-around": b" \r\n\t1 ",
    "scalar": b'"text"',
    "integer-beyond-double": b"123456789012345678901234567890",
    "largest-double": b"1.7976931348623157e308",
    "delete-character": b'"\x7f"',
}


@pytest.mark.parametrize(("body", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_body_that_cannot_be_kept_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedJson) as refused:
        strict_json.loads(body)
    assert reason in refused.value.detail
    assert refused.value.status == 400


@pytest.mark.parametrize("body", TAKEN.values(), ids=TAKEN)
def test_json_that_can_be_kept_is_read_as_python_reads_it(body: bytes) -> None:
    assert strict_json.loads(body) == json.loads(body)


@given(json_values())
def test_every_json_value_is_read_as_it_is(value: object) -> None:
    assert strict_json.loads(json.dumps(value).encode()) == value
    assert strict_json.loads(json.dumps(value, ensure_ascii=False).encode()) == value


_fragments = st.lists(
    st.sampled_from(
        [
            *rb'{ } [ ] , : " a "a": "a" \u0000 \ud800 \udc00 NaN Infinity'.split(),
            *rb"- 1 e 999 . null true".split(),
            *[b" ", b"\x00", b"\xff", b"\xed\xa0\x80"],
        ]
    ),
    max_size=20,
).map(b"".join)


@given(st.binary(max_size=60) | _fragments)
@example(b"[" * 64 + b'"\\ud800"' + b"]" * 64)
def test_any_bytes_are_refused_by_name_or_read_as_python_reads_them(body: bytes) -> None:
    with suppress(MalformedJson):
        value = strict_json.loads(body)
        assert value == json.loads(body)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
