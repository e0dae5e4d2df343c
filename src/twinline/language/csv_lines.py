"""Lines of CSV (RFC 4180) that are safe to open in a spreadsheet.

What a spreadsheet would take for a formula is marked as text by an apostrophe, as OWASP
advises against CSV injection.
"""

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def line(cells: Iterable[Any]) -> str:
    """One line with its end; None is an empty cell, a moment is in ISO 8601."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow([_safe(cell) for cell in cells])
    return written.getvalue()


def _safe(value: Any) -> Any:
    match value:
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
        case datetime():
            return value.isoformat()
        case _:
            return value
