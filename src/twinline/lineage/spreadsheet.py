"""The requests of a part of the ledger as CSV, without a cap."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from twinline.db.session import Reading
from twinline.inferences import affected
from twinline.inferences.selections import Scope
from twinline.language.csv_lines import line
from twinline.language.ids import AFTER_ALL
from twinline.language.records import Inference, RequestFilter

STRETCH = 5_000
"""Requests that are read at once, each time in a transaction of its own: whoever reads
slowly holds nothing up."""

OpenReading = Callable[[], AbstractContextManager[Reading]]
ScopeOf = Callable[[Reading], Scope]

_OWN = ("id", "at", "slot", "deployment", "bundle", "arm", "rule", "reason", "decision", "trace_id")
_MEASURED = ("status", "latency_ms", "input_tokens", "output_tokens", "cost_usd", "score")


def lines(reading: OpenReading, scope: ScopeOf, wanted: RequestFilter) -> Iterator[str]:
    """A line of names, and one for each request of a scope, the newest first.

    What is wrong with the question is said before the first line.

    Raises:
        Invalid: the filter ends before it begins.
        NotFound: there is no such slot or environment, or what ``scope`` says.
    """
    with reading() as tx:
        part = scope(tx)
    before = AFTER_ALL
    while True:
        with reading() as tx:
            items = affected.newest(tx, part, wanted, before=before, limit=STRETCH)
        if before == AFTER_ALL:
            yield line((*_OWN, *_MEASURED))
        if not items:
            return
        yield "".join(line(_cells(one)) for one in items)
        before = items[-1].id


def after(first: str, rest: Iterable[str]) -> Iterator[str]:
    """``first``, and then ``rest``."""
    yield first
    yield from rest


def _cells(one: Inference) -> list[Any]:
    own = [getattr(one, name) for name in _OWN]
    return own + [getattr(one.measured, name) for name in _MEASURED]
