"""The paths at which two JSON values differ."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from twinline.language.records import Change, ValueChange

_MISSING = object()


def changed_paths(before: object, after: object, path: str = "") -> Iterator[ValueChange]:
    """The paths (RFC 6901) at which two JSON values differ, as far down as both have
    objects or lists there. ``true`` is not 1, but 1 is 1.0, as in JSON."""
    old, new = _members(before), _members(after)
    if old is not None and new is not None and type(before) is type(after):
        for key in dict.fromkeys((*old, *new)):
            step = key.replace("~", "~0").replace("/", "~1")
            members = old.get(key, _MISSING), new.get(key, _MISSING)
            yield from changed_paths(*members, f"{path}/{step}")
    elif not _same(before, after):
        yield ValueChange(
            name=path,
            change=_change(before, after),
            before=None if before is _MISSING else before,
            after=None if after is _MISSING else after,
        )


def _members(value: object) -> Mapping[str, Any] | None:
    if isinstance(value, dict):
        return cast(dict[str, Any], value)
    if isinstance(value, list):
        return {str(place): item for place, item in enumerate(cast(list[Any], value))}
    return None


def _same(before: object, after: object) -> bool:
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after
    return before == after


def _change(before: object, after: object) -> Change:
    return "added" if before is _MISSING else "removed" if after is _MISSING else "changed"
