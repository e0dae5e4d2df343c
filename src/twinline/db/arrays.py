"""Many values as one parameter: a statement takes 65,535 at most."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, Text, any_, literal


def texts(values: Iterable[str]) -> Any:
    """An array of texts."""
    return literal(list(values), ARRAY(Text))


def any_text(values: Iterable[str]) -> Any:
    """What a text equals when it is among these."""
    return any_(texts(values))
