"""Twinline: a lineage catalog for the pair behind every AI answer.

The public names are loaded when they are first used, so that importing Twinline costs
next to nothing in programs that only pass it on.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twinline.client import AsyncClient, Client, render
    from twinline.language import errors, records, refs

__version__ = "0.1.0"
__all__ = ["AsyncClient", "Client", "__version__", "errors", "records", "refs", "render"]

_HOMES = {
    "AsyncClient": "twinline.client",
    "Client": "twinline.client",
    "errors": "twinline.language.errors",
    "records": "twinline.language.records",
    "refs": "twinline.language.refs",
    "render": "twinline.client",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOMES[name])
    return home if _HOMES[name].endswith(f".{name}") else getattr(home, name)
