"""Many values as one parameter: a statement takes 65,535 at most."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, any_, func, literal, select, tuple_


def texts(values: Iterable[str]) -> Any:
    """An array of texts."""
    return literal(list(values), ARRAY(Text))


def any_text(values: Iterable[str]) -> Any:
    """What a text equals when it is among these."""
    return any_(texts(values))


def both_among(
    one: ColumnElement[str], other: ColumnElement[str], pairs: Collection[tuple[str, str]]
) -> ColumnElement[bool]:
    """Whether two texts are one of these pairs."""
    each = (
        func.unnest(texts(pair[0] for pair in pairs), texts(pair[1] for pair in pairs))
        .table_valued("one", "other")
        .render_derived(name="wanted")
    )
    return tuple_(one, other).in_(select(each.c.one, each.c.other))
