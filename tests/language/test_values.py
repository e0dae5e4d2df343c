"""Which type a value is of, and how it is written into a text."""

from typing import Any, get_args

import pytest

from twinline.language.errors import Invalid
from twinline.language.values import VariableType, as_text, fits

VALUES: dict[str, tuple[Any, str]] = {
    "text": ("a", "string"),
    "no-text": ("", "string"),
    "whole": (7, "integer number"),
    "larger-than-a-double": (2**70, "integer number"),
    "fraction": (0.5, "number"),
    "a-double-that-is-whole": (2.0, "number"),
    "truth": (True, "boolean"),
    "list": ([1], "array"),
    "tuple": ((), "array"),
    "object": ({"a": 1}, "object"),
    "null": (None, ""),
    "nan": (float("nan"), ""),
    "infinity": (float("inf"), ""),
    "bytes": (b"a", ""),
}


@pytest.mark.parametrize(("value", "types"), VALUES.values(), ids=VALUES)
def test_a_value_is_of_the_types_that_json_knows(value: Any, types: str) -> None:
    assert [type for type in get_args(VariableType) if fits(type, value)] == sorted(
        types.split(), key=get_args(VariableType).index
    )


TEXTS: dict[str, tuple[Any, str]] = {
    "text-as-it-is": ('<a href="x">&amp; {{ b }}', '<a href="x">&amp; {{ b }}'),
    "whole": (-7, "-7"),
    "larger-than-a-double": (12345678901234567891, "12345678901234567891"),
    "a-double-that-is-whole": (2.0, "2"),
    "fraction": (0.1, "0.1"),
    "large": (1e21, "1e+21"),
    "true": (True, "true"),
    "false": (False, "false"),
    "list": ([1, "ä", None], '[1,"ä",null]'),
    "object-in-one-order": ({"b": 1, "a": [True]}, '{"a":[true],"b":1}'),
}


@pytest.mark.parametrize(("value", "text"), TEXTS.values(), ids=TEXTS)
def test_a_value_is_written_as_every_language_writes_it(value: Any, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {1: 2}, {2**70: 1}, object()])
def test_what_no_json_is_equal_to_is_refused(value: Any) -> None:
    with pytest.raises(Invalid):
        as_text(value)
