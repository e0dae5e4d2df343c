"""What whoever asks may have read of the catalog, without reading it anew for each."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from twinline.db.session import Reading

GLANCE_SECONDS = 10.0
"""How old an answer may be that anybody may ask for."""

Seen = TypeVar("Seen")


class Glance(Generic[Seen]):
    """What was read within the last ``GLANCE_SECONDS``; one thread reads it for all.

    Args:
        read: reads it.
        clock: counts seconds.
    """

    def __init__(
        self, read: Callable[[Reading], Seen], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._seen: tuple[float, Seen] | None = None
        self._lock = threading.Lock()

    def at(self, tx: Reading) -> Seen:
        """What was seen, read again when it is too old."""
        with self._lock:
            if self._seen is None or self._clock() - self._seen[0] >= GLANCE_SECONDS:
                self._seen = self._clock(), self._read(tx)
            return self._seen[1]
