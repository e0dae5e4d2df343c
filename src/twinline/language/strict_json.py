"""Read JSON as strictly as the catalog keeps it.

Python's reader lets through what no JSON has (NaN) and what no PostgreSQL can keep
(NUL, lone surrogates). Everything that comes in from outside is read here, so that
such a body gets a clear answer instead of failing somewhere inside.
"""

import json
from typing import Any, NoReturn

from twinline.language.errors import MalformedJson

DEPTH_MAX = 64


def loads(body: bytes) -> Any:
    """The JSON value in ``body``.

    Raises:
        MalformedJson: it is no JSON in UTF-8, or holds NaN, an infinity, NUL, a lone
            surrogate or a repeated member, or is nested deeper than 64.
    """
    try:
        value = json.loads(
            body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_repetition
        )
    except UnicodeDecodeError as error:
        raise MalformedJson(f"The body is not UTF-8: byte {error.start} is wrong.") from error
    except json.JSONDecodeError as error:
        raise MalformedJson(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except ValueError as error:
        raise MalformedJson("A number in the body has too many digits.") from error
    except RecursionError as error:
        raise MalformedJson(_too_deep()) from error
    _check(value, 0)
    return value


def _check(value: Any, depth: int) -> None:
    if depth > DEPTH_MAX or (depth == DEPTH_MAX and isinstance(value, dict | list)):
        raise MalformedJson(_too_deep())
    match value:
        case str():
            _check_text(value)
        case float() if value in (float("inf"), float("-inf")):
            raise MalformedJson("A number in the body is too large.")
        case dict():
            for name, member in value.items():  # pyright: ignore[reportUnknownVariableType] -- any JSON value
                _check_text(name)  # pyright: ignore[reportUnknownArgumentType] -- any JSON value
                _check(member, depth + 1)
        case list():
            for item in value:  # pyright: ignore[reportUnknownVariableType] -- any JSON value
                _check(item, depth + 1)
        case _:
            pass


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise MalformedJson(f"The text {text[:40]!r} holds a NUL character.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MalformedJson(f"The text {text[:40]!r} holds a lone surrogate.") from error


def _no_constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is not JSON.")


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedJson(f"The member {twice!r} occurs more than once.")
    return members


def _too_deep() -> str:
    return f"The body is nested deeper than {DEPTH_MAX}."
