"""Records as columns: the members of records within records by dotted names.

The columns follow from a record's class, so that the same command has the same columns
whatever it finds. What is no single value (a list, an object of the caller's own) is JSON.
"""

import json
from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel


def columns_of(kind: type[BaseModel]) -> tuple[str, ...]:
    """The names of the columns, in the order in which JSON has the members."""
    return tuple(_names(kind, ()))


def cells_of(record: BaseModel, columns: Sequence[str]) -> list[Any]:
    """The values for these columns; None for those of a record that is not there."""
    document = record.model_dump(mode="json")
    return [_cell(document, column.split(".")) for column in columns]


def _names(kind: type[BaseModel], within: tuple[type[BaseModel], ...]) -> Iterator[str]:
    """Depth first; a record that holds its own kind ends there."""
    for name, field in kind.model_fields.items():
        inner = _record(field.annotation)
        if inner is None or inner in (kind, *within):
            yield name
        else:
            yield from (f"{name}.{below}" for below in _names(inner, (kind, *within)))
    yield from kind.model_computed_fields


def _record(annotation: Any) -> type[BaseModel] | None:
    """The record that a member is, or may be; None when it is anything else."""
    either = get_origin(annotation) in (Union, UnionType)
    all_of = get_args(annotation) if either else (annotation,)
    kinds = [one for one in all_of if one is not type(None)]
    match kinds:
        case [type() as kind] if issubclass(kind, BaseModel) and kind.model_fields:
            return kind
        case _:
            return None


def _cell(document: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(document, dict):
            return None
        document = document.get(name)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] -- JSON
    return json.dumps(document) if isinstance(document, dict | list) else document  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- likewise
