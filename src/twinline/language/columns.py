"""Records as columns: those of records within records by dotted names (``measured.latency_ms``).

The columns follow from a record's class, so that the same question has the same columns
whatever is found. What cells look like is for whoever writes them, CSV or tables of libraries.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from twinline.language.refs import Ref

Kind = Literal["text", "int", "float", "bool", "moment", "words", "json"]
_PLAIN: dict[Any, Kind] = {
    str: "text",
    UUID: "text",
    int: "int",
    float: "float",
    bool: "bool",
    datetime: "moment",
    AwareDatetime: "moment",
}


class Column(NamedTuple):
    """A column of a table: its name, where its values are in a record, and their kind."""

    name: str
    path: tuple[str, ...]
    kind: Kind

    def value(self, record: BaseModel) -> Any:
        """What a record has here; None when it, or the record that it is in, is not known."""
        found: Any = record
        for step in self.path:
            if found is None:
                return None
            found = getattr(found, step)
        return found


def columns(kind: type[BaseModel]) -> tuple[Column, ...]:
    """The columns of a table of records of this class, in the order of its fields."""
    return tuple(_columns(kind, (), ()))


def _columns(
    kind: type[BaseModel], path: tuple[str, ...], within: tuple[type[BaseModel], ...]
) -> Iterator[Column]:
    """Depth first; a record that holds its own kind ends there."""
    for name, field in kind.model_fields.items():
        here = (*path, name)
        inner = _record(field.annotation)
        if inner is None or inner in (kind, *within):
            yield Column(".".join(here), here, _kind(field.annotation))
        else:
            yield from _columns(inner, here, (kind, *within))


def _kind(annotation: Any) -> Kind:
    found: set[Kind] = {_kind_of(one) for one in _choices(annotation)}
    return found.pop() if len(found) == 1 else "json"


def _kind_of(one: Any) -> Kind:
    if get_origin(one) is Literal:
        return "text"
    if get_origin(one) is tuple:
        item, *rest = get_args(one)
        return "words" if rest == [...] and _kind(item) == "text" else "json"
    if isinstance(one, type) and issubclass(one, Ref | StrEnum):
        return "text"
    return _PLAIN.get(one, "json")


def _choices(annotation: Any) -> list[Any]:
    """What a value may be other than None, without pydantic's remarks on it."""
    if hasattr(annotation, "__metadata__"):
        return _choices(annotation.__origin__)
    if get_origin(annotation) in (Union, UnionType):
        return [one for part in get_args(annotation) for one in _choices(part)]
    return [] if annotation is NoneType else [annotation]


def _record(annotation: Any) -> type[BaseModel] | None:
    """The record that a member is, or may be; None when it is anything else."""
    match _choices(annotation):
        case [type() as kind] if issubclass(kind, BaseModel) and kind.model_fields:
            return kind
        case _:
            return None
