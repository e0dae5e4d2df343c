"""Rows of requests, whichever way they came."""

import json
from typing import Any

from twinline.client.frames import Records, to_arrow

_ONLY_IN_TABLES, _ONLY_IN_RECORDS = ("model", "prompt"), ("ref",)


def rows_of(requests: Records) -> list[dict[str, Any]]:
    """What a table and a list both say of each request."""
    found = to_arrow(requests).to_pylist()
    for row in found:
        for name in _ONLY_IN_TABLES + _ONLY_IN_RECORDS:
            row.pop(name, None)
        row["context"] = None if row["context"] is None else json.loads(row["context"])
    return found
