"""What came in as traces since this process began."""

import threading
from collections import Counter
from collections.abc import Mapping

from twinline.language.figures import Figure, Sample

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

    def figures(self) -> tuple[Figure, Figure]:
        """Both counters, with a value for each result, also those that did not occur."""
        with self._turn:
            return (
                _figure("twinline_otlp_spans_total", "Spans received.", KINDS, self._spans),
                _figure("twinline_otlp_requests_total", "Trace exports.", REQUESTS, self._requests),
            )


def _figure(name: str, help: str, results: tuple[str, ...], counted: Counter[str]) -> Figure:
    samples = tuple(Sample({"result": one}, counted[one]) for one in results)
    return Figure(name, "counter", help, samples)
