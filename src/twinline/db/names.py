"""Names to compare a wrong one with, however many there are."""

from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

COMPARED_MOST = 2_000


def near(column: ColumnElement[str], word: str) -> Select[Any]:
    """Up to 2,000 different values of ``column``, first those that begin as ``word`` does.

    Bounded, because comparing takes time with every name, and a wrong name is a cheap
    request.
    """
    same_start = func.left(column, 1) == word[:1]
    return select(column).group_by(column).order_by(same_start.desc(), column).limit(COMPARED_MOST)
