"""The values of variables: which type a value is of, and how it is written into a text."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Literal

from twinline.language.canonical import canonical

VariableType = Literal["string", "number", "integer", "boolean", "array", "object"]
"""JSON's types. Null is none of them: a value that is not known is left out."""


def fits(type: VariableType, value: object) -> bool:
    """Whether a value is of a type. True and false are no numbers; 2.0 is no integer."""
    match type:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return not isinstance(value, bool) and isinstance(value, int | float) and _finite(value)
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, Sequence) and not isinstance(value, str | bytes)
        case _:  # an object
            return isinstance(value, Mapping)


def as_text(value: Any) -> str:
    """A value as it stands in a text: a string as it is, a whole number by its digits, all
    else as canonical JSON (RFC 8785), which every language writes alike.

    Raises:
        Invalid: no JSON is equal to it (NaN, None within an unknown object, a set ...).
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            return canonical(value).decode()


def _finite(value: float) -> bool:
    return isinstance(value, int) or isfinite(value)
