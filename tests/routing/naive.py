"""Conditions again, walked as documents: slow, plain, and independent of ours."""

from typing import Any

from tests.routing.documents import VERSIONS, Document

Truth = bool | None


def truth(condition: Document, context: dict[str, Any]) -> Truth:
    """What a condition's document comes to, by the tables of Kleene's strong logic."""
    if "all" in condition:
        return _least([truth(part, context) for part in condition["all"]])
    if "any" in condition:
        return _opposite(_least([_opposite(truth(part, context)) for part in condition["any"]]))
    if "not" in condition:
        return _opposite(truth(condition["not"], context))
    return _compared(condition["op"], look_up(condition["attr"], context), condition.get("value"))


def look_up(attr: str, context: dict[str, Any]) -> Any:
    """The member of that very name; when it is absent or null, down the dots."""
    if context.get(attr) is not None:
        return context[attr]
    found: Any = context
    for name in attr.split("."):
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    return found


def _least(truths: list[Truth]) -> Truth:
    """FALSE is less than UNKNOWN is less than TRUE."""
    if False in truths:
        return False
    return None if None in truths else True


def _opposite(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "number"
    if isinstance(value, float):
        return "number" if abs(value) < float("inf") else "none"
    if isinstance(value, list):
        return "strings" if all(isinstance(item, str) for item in value) else "none"
    return "string" if isinstance(value, str) else "none"


def _compared(op: str, value: Any, wanted: Any) -> Truth:
    if op == "present":
        return value is not None
    if op == "absent":
        return value is None
    kind = _type(value)
    if op == "contains":
        return wanted in value if kind in ("string", "strings") else None
    if op == "semver":
        return _in_range(value, wanted) if kind == "string" and value in VERSIONS else None
    if kind != _type(wanted[0] if op in ("in", "not_in") else wanted):
        return None
    match op:
        case "eq":
            return value == wanted
        case "neq":
            return value != wanted
        case "lt":
            return value < wanted
        case "le":
            return value <= wanted
        case "gt":
            return value > wanted
        case "ge":
            return value >= wanted
        case "in":
            return value in wanted
        case "not_in":
            return value not in wanted
        case "prefix":
            return value[: len(wanted)] == wanted
        case "suffix":
            return value[max(len(value) - len(wanted), 0) :] == wanted
        case _:
            raise AssertionError(op)


def _in_range(version: str, wanted: str) -> bool:
    def holds(comparator: str) -> bool:
        bound = comparator.lstrip("<>=")
        place = VERSIONS.index(version) - VERSIONS.index(bound)
        match comparator.removesuffix(bound):
            case ">=":
                return place >= 0
            case "<=":
                return place <= 0
            case ">":
                return place > 0
            case "<":
                return place < 0
            case _:
                return place == 0

    return all(holds(comparator) for comparator in wanted.split())
