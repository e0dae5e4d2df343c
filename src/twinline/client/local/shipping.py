"""Ship what is spooled: in batches, at least once; the server knows each record by its id."""

import logging
import threading
from collections.abc import Callable

import httpx

from twinline.client.http import Http
from twinline.client.spool import Spool
from twinline.language.errors import Invalid, TwinlineError, Unavailable
from twinline.language.records import BatchResult

EVERY_SECONDS = 0.5
RETRY_SECONDS_MAX = 30.0
BATCH_COUNT = 2_000
BATCH_BYTES = 4 << 20

_log = logging.getLogger("twinline.client")


class Shipper:
    """Sends what a spool holds, in a thread of its own, and tells how it goes.

    Args:
        after: called after every round, shipped or not, to report to the server.
    """

    def __init__(self, http: Http, spool: Spool, after: Callable[[], None]) -> None:
        self._http = http
        self._spool = spool
        self._after = after
        self._turn = threading.Lock()
        self._stopping = threading.Event()
        self._wait_seconds = EVERY_SECONDS
        self.refused = 0
        self._why = ""

    def start(self) -> None:
        """Begin to ship."""
        threading.Thread(target=self._ship_for_ever, name="twinline-ship", daemon=True).start()

    def stop(self) -> None:
        """Stop shipping, at the next occasion."""
        self._stopping.set()

    def ship(self) -> bool:
        """Ship all that waits now; False when the server does not take it."""
        with self._turn:  # else two threads send the same records
            try:
                while True:
                    taken = self._spool.take(BATCH_COUNT, BATCH_BYTES)
                    if not taken.payloads:
                        self._why = ""
                        return True
                    self._send(taken.payloads)
                    self._spool.done(taken)
            except (TwinlineError, httpx.HTTPError) as error:
                self._lost(error)
                return False

    def _ship_for_ever(self) -> None:
        while not self._stopping.wait(self._wait_seconds):
            try:
                shipped = self.ship()
                self._after()
            except RuntimeError:  # httpx's word for connections that were closed meanwhile
                if self._stopping.is_set():
                    return
                raise
            doubled = min(self._wait_seconds * 2, RETRY_SECONDS_MAX)
            self._wait_seconds = EVERY_SECONDS if shipped else doubled

    def _send(self, payloads: tuple[bytes, ...]) -> None:
        """Send records; those that the server cannot read are given up one by one."""
        try:
            result = self._http.post_json(
                BatchResult, "/inferences", b'{"inferences":[' + b",".join(payloads) + b"]}"
            )
        except Invalid as error:
            if len(payloads) == 1:
                self.refused += 1
                _log.warning("a record is refused and given up: %s", error.detail)
                return
            half = len(payloads) // 2
            self._send(payloads[:half])
            self._send(payloads[half:])
            return
        self.refused += result.refused
        for item in result.items:
            if item.result == "refused":
                _log.warning("the record %s is refused: %s", item.id, item.detail)

    def _lost(self, error: TwinlineError | httpx.HTTPError) -> None:
        why = error.detail if isinstance(error, TwinlineError) else str(error)
        if why != self._why:
            kind = "waits for the server" if isinstance(error, Unavailable) else "is not taken"
            _log.warning("what was recorded %s: %s", kind, why)
        self._why = why
