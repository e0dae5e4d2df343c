"""Libraries of notebooks, loaded when something needs them."""

from importlib import import_module
from typing import Any


def load(name: str) -> Any:
    """A module of a library that the extra ``lineage`` brings.

    Raises:
        ImportError: it is not installed; the message says how to.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"This needs {name}, which is not installed: pip install 'twinline[lineage]'",
            name=name,
        ) from error
