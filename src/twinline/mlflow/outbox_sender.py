"""The thread that tells Twinline what waits in the outbox.

It runs in every process of an MLflow server; the outbox says whose turn it is. What it may
do at the same time as another is harmless: Twinline keeps every change once.
"""

import json
import logging
import os
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from weakref import WeakSet

import httpx
from sqlalchemy.exc import SQLAlchemyError

from twinline.client.http import Http, segment
from twinline.language.errors import Conflict, Invalid, TwinlineError
from twinline.language.records import ChangesTaken
from twinline.mlflow.outbox import Outbox, Position, Waiting

POLL_SECONDS = 0.5
TIMEOUT_SECONDS = 10.0
LEASE_MS = 15_000
PAUSE_MS, PAUSE_MS_MAX = 500, 60_000
ROWS_MAX, BYTES_MAX = 100, 4 << 20
WAITING_MAX = 1_000_000
KEEP_MS = 7 * 24 * 3600 * 1000
TRIM_SECONDS = 600.0
WARN_SECONDS = 60.0
FORK_SECONDS = 5.0
"""How long a fork waits for the end of a turn."""

_GIVEN_UP = (
    "Twinline refuses the change with sequence %d of the outbox, and was told that it is lost; "
    "table twinline_outbox still has it for some days: %s"
)

_log = logging.getLogger("twinline.outbox")


@dataclass(frozen=True)
class Destination:
    """Where changes are told, and under which name of this MLflow server."""

    url: str
    api_key: str | None
    server: str = "default"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self | None:
        """What the environment says; None when it names no Twinline."""
        url = environment.get("TWINLINE_URL")
        server = environment.get("TWINLINE_MLFLOW_SERVER", "default")
        return cls(url, environment.get("TWINLINE_API_KEY"), server) if url else None


_senders: WeakSet["Sender"] = WeakSet()
_paused: list["Sender"] = []


def _before_fork() -> None:
    _paused.extend(sender for sender in list(_senders) if sender.before_fork())


def _after_fork() -> None:
    while _paused:
        _paused.pop().after_fork()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


class Sender:
    """Tells what waits in an outbox, until it is closed or the process ends.

    Args:
        outbox: what is told.
        destination: to whom; None keeps house only, and changes wait.
        waiting_max: how many changes may wait; of more the oldest are lost, which is told.
    """

    def __init__(
        self, outbox: Outbox, destination: Destination | None, *, waiting_max: int = WAITING_MAX
    ) -> None:
        self._outbox = outbox
        self._destination = destination
        self._waiting_max = waiting_max
        self._http: Http | None = None
        self._trimmed = self._warned = -TRIM_SECONDS
        self._turning = threading.Lock()
        self._begin()
        _senders.add(self)
        if destination is None:
            self._warn("TWINLINE_URL is not set: changes wait in the outbox, told to nobody.")

    def wake(self) -> None:
        """There is something to tell. In a process that was forked this also starts the
        thread, which stayed with the parent."""
        if self._pid != os.getpid():
            self._outbox.forget_connections()
            self._begin()
        self._woken.set()

    def close(self) -> None:
        """End the thread, after what it is sending."""
        self._closed.set()
        self._woken.set()
        self._thread.join()
        self._outbox.close()
        if self._http is not None:
            self._http.close()

    def before_fork(self) -> bool:
        """Wait for the end of a turn, up to `FORK_SECONDS`, so that the new process has no lock
        that a thread of this one would have let go; whether it was waited out."""
        return self._turning.acquire(timeout=FORK_SECONDS)

    def after_fork(self) -> None:
        """Go on, in both processes, after a fork that was waited for."""
        self._turning.release()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._woken, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="twinline-outbox", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._woken.clear()
            try:
                with self._turning:
                    self._turn()
            except SQLAlchemyError as error:
                self._warn(f"The outbox cannot be read: {error}")
            except Exception:  # noqa: BLE001 -- nobody would start this thread again
                _log.exception("The outbox's sender failed, and goes on")
            self._woken.wait(POLL_SECONDS)

    def _turn(self) -> None:
        if time.monotonic() - self._trimmed > TRIM_SECONDS:
            self._keep_house()
        if self._destination is None:
            return
        position = self._outbox.position()
        waiting = position.delivered < position.last and position.wait_ms <= 0
        if waiting and self._outbox.claim(LEASE_MS):
            self._tell_all(self._destination, position)

    def _tell_all(self, destination: Destination, position: Position) -> None:
        try:
            delivered = position.delivered
            while batch := self._outbox.after(delivered, rows_max=ROWS_MAX, bytes_max=BYTES_MAX):
                try:
                    delivered = self._tell(destination, position.outbox, delivered, batch)
                except Invalid:
                    delivered = self._tell_singly(destination, position.outbox, delivered, batch)
                self._outbox.settle(delivered, LEASE_MS)
            self._outbox.release()
        except _Anew as anew:
            self._outbox.begin_anew(anew.delivered)
            self._outbox.release()
            self._warn(f"{anew} The outbox goes on under a new id.")
        except (TwinlineError, httpx.HTTPError, httpx.InvalidURL) as error:
            self._put_off(position, error)

    def _tell(
        self, destination: Destination, outbox: str, delivered: int, batch: Sequence[Waiting]
    ) -> int:
        """Tell a batch; from where to go on."""
        if self._http is None:
            url, key = destination.url, destination.api_key
            self._http = Http(url, key, timeout_seconds=TIMEOUT_SECONDS)
        path = f"/mlflow/servers/{segment(destination.server)}/changes"
        try:
            return self._http.post_json(ChangesTaken, path, _body(outbox, delivered, batch)).through
        except Conflict as error:
            if retold := error.fields.get("retold"):
                raise _Anew(error.detail, delivered=retold - 1) from error
            wanted = error.fields.get("wanted")
            if wanted is None or wanted - 1 == delivered:
                raise
            return wanted - 1

    def _tell_singly(
        self, destination: Destination, outbox: str, delivered: int, batch: Sequence[Waiting]
    ) -> int:
        """Tell the changes of a batch that is refused one by one; from where to go on.

        What Twinline will never take is told to be lost, with the next change that it takes,
        so that one does not hold up the others. If it takes none, more is wrong than a change:
        nothing is given up then.
        """
        begun, refusals = delivered, dict[int, Invalid]()
        for change in batch:
            try:
                through = self._tell(destination, outbox, delivered, [change])
            except Invalid as error:
                refusals[change.sequence] = error
                continue
            if through < change.sequence:  # it wants to be told from there on
                return through
            for sequence in range(delivered + 1, change.sequence):
                if sequence in refusals:
                    _log.error(_GIVEN_UP, sequence, refusals[sequence])
            delivered = through
        if delivered == begun:
            raise refusals[batch[-1].sequence]
        return delivered

    def _put_off(self, position: Position, error: Exception) -> None:
        pause_ms = min(PAUSE_MS << min(position.failures, 20), PAUSE_MS_MAX)
        pause_ms = round(pause_ms * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter
        self._outbox.put_off(position.failures + 1, pause_ms)
        self._warn(f"{position.last - position.delivered} changes wait for Twinline: {error}")

    def _keep_house(self) -> None:
        self._trimmed = time.monotonic()
        lost = self._outbox.trim(keep_ms=KEEP_MS, waiting_max=self._waiting_max)
        if lost:
            _log.warning(
                "The outbox holds no more than %d changes: the oldest %d that waited for Twinline "
                "are lost, and Twinline will be told so.",
                self._waiting_max,
                lost,
            )

    def _warn(self, message: str) -> None:
        if time.monotonic() - self._warned > WARN_SECONDS:
            self._warned = time.monotonic()
            _log.warning(message)


class _Anew(Exception):
    """Twinline knows another past of this outbox, from the sequence after ``delivered`` on."""

    def __init__(self, detail: str, *, delivered: int) -> None:
        super().__init__(detail)
        self.delivered = delivered


def _body(outbox: str, delivered: int, batch: Sequence[Waiting]) -> bytes:
    told = [{"sequence": one.sequence, "at": one.at, **json.loads(one.content)} for one in batch]
    lost = batch[0].sequence - delivered - 1
    body = {"outbox": outbox, "lost": lost, "changes": told}
    return json.dumps(body, ensure_ascii=False).encode()
