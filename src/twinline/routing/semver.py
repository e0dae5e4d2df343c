"""Semantic versions and ranges of them (semver.org 2.0.0, sections 2, 9 and 11)."""

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

LENGTH_MAX = 200
_LABEL = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_version = re.compile(
    r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})"
    rf"(?:-({_LABEL}(?:\.{_LABEL})*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_comparators: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_term = re.compile(r"(>=|<=|>|<|=)?(\S+)")

Key = tuple[int, int, int, tuple[tuple[int, int, str], ...]]


def key(text: str) -> Key | None:
    """What a version sorts by; None when the text is no semantic version, or is longer
    than 200 characters."""
    return _key(text) if len(text) <= LENGTH_MAX else None


@lru_cache(maxsize=4096)
def _key(text: str) -> Key | None:
    found = _version.fullmatch(text)
    if found is None:
        return None
    major, minor, patch, before = found.groups()
    # A version without a pre-release sorts after every pre-release of it.
    labels = tuple(_label(part) for part in before.split(".")) if before else ((2, 0, ""),)
    return int(major), int(minor), int(patch), labels


def parse_range(text: str) -> Callable[[Key], bool]:
    """A test for versions, from comparators of which all must hold: ``>=2.1.0 <3.0.0``.

    Raises:
        ValueError: the text is no such range.
    """
    terms = [_read_term(part) for part in text.split()]
    if not terms:
        raise ValueError("a range of versions is like '>=2.1.0 <3.0.0'")
    return lambda version: all(holds(version, bound) for holds, bound in terms)


def _read_term(part: str) -> tuple[Callable[[Any, Any], bool], Key]:
    found = _term.fullmatch(part)
    bound = key(found[2]) if found else None
    if found is None or bound is None:
        raise ValueError(f"{part!r} is no comparator of versions; one is like '>=2.1.0'")
    return _comparators[found[1] or "="], bound


def _label(part: str) -> tuple[int, int, str]:
    return (0, int(part), "") if part.isdigit() else (1, 0, part)
