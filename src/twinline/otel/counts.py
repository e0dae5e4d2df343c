"""What came in as traces since this process began, in Prometheus' text format."""

import threading
from collections import Counter
from collections.abc import Mapping

KINDS = ("recorded", "unresolved", "outcome", "waiting", "duplicate", "ignored", "refused")
REQUESTS = ("accepted", "partial", "refused")


class Counts:
    """Counts spans by what became of them, and requests; for many threads."""

    def __init__(self) -> None:
        self._spans: Counter[str] = Counter()
        self._requests: Counter[str] = Counter()
        self._turn = threading.Lock()

    def took(self, spans: Mapping[str, int]) -> None:
        """Count a request that was taken, with all of its spans."""
        with self._turn:
            self._spans.update(spans)
            self._requests["partial" if spans.get("refused") else "accepted"] += 1

    def refused(self) -> None:
        """Count a request that was refused as a whole."""
        with self._turn:
            self._requests["refused"] += 1

    def text(self) -> str:
        """Both counters, with a line for each result, also those that did not occur."""
        with self._turn:
            spans = _lines("twinline_otlp_spans_total", "Spans received.", KINDS, self._spans)
            requests = _lines(
                "twinline_otlp_requests_total", "Trace exports.", REQUESTS, self._requests
            )
        return spans + requests


def _lines(name: str, help: str, results: tuple[str, ...], counted: Counter[str]) -> str:
    values = "".join(f'{name}{{result="{one}"}} {counted[one]}\n' for one in results)
    return f"# HELP {name} {help}\n# TYPE {name} counter\n{values}"
