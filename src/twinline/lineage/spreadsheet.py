"""The requests downstream of a node as CSV, without a cap."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from twinline.db.session import Reading
from twinline.inferences import affected
from twinline.language.csv_lines import line
from twinline.language.ids import AFTER_ALL
from twinline.language.records import Inference, RequestFilter
from twinline.lineage.reaches import reach
from twinline.lineage.store import Window

STRETCH = 5_000
"""Requests that are read at once, each time in a transaction of its own: whoever reads
slowly holds nothing up."""

OpenReading = Callable[[], AbstractContextManager[Reading]]

_OWN = ("id", "at", "slot", "deployment", "bundle", "arm", "rule", "reason", "decision", "trace_id")
_MEASURED = ("status", "latency_ms", "input_tokens", "output_tokens", "cost_usd", "score")


def lines(reading: OpenReading, text: str, wanted: RequestFilter) -> Iterator[str]:
    """A line of names, and one for each request, the newest first.

    Raises:
        InvalidReference, NotFound: ``text`` is no reference of a node.
        Invalid: the filter ends before it begins.
    """
    with reading() as tx:
        scope = reach(tx, text, Window(wanted.begin, wanted.end)).scope
    before = AFTER_ALL
    while True:
        with reading() as tx:
            items = affected.newest(tx, scope, wanted, before=before, limit=STRETCH)
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
