"""The requests downstream of a node as CSV, without a cap."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from twinline.db.session import Reading
from twinline.inferences import affected
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
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
            yield _line((*_OWN, *_MEASURED))
        if not items:
            return
        yield "".join(_line(_cells(one)) for one in items)
        before = items[-1].id


def after(first: str, rest: Iterable[str]) -> Iterator[str]:
    """``first``, and then ``rest``."""
    yield first
    yield from rest


def _cells(one: Inference) -> list[Any]:
    own = [getattr(one, name) for name in _OWN]
    return [_safe(value) for value in own + [getattr(one.measured, name) for name in _MEASURED]]


def _safe(value: Any) -> Any:
    """What a spreadsheet would take for a formula becomes text."""
    match value:
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
        case datetime():
            return value.isoformat()
        case _:
            return value


def _line(cells: Iterable[Any]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow(cells)
    return written.getvalue()
