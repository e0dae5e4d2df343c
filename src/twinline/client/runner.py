"""A runner: claims pending evaluations, keeps their leases, and reports what it found."""

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Literal, NamedTuple, Protocol, TypeVar
from uuid import uuid4

from twinline.language.errors import Invalid, LeaseLost, TwinlineError, Unavailable
from twinline.language.records import Evaluation, PendingEvaluation, SuiteResult

Score = Callable[[PendingEvaluation], SuiteResult]
"""Runs a suite for one subject. What is no `SuiteResult`, nor a dictionary of its members, is
told as a failure."""

ERROR_CHARACTERS_MAX = 2000
RETRY_SECONDS_MAX = 30.0
_Answer = TypeVar("_Answer")


class Told(NamedTuple):
    """What happened to an evaluation that a runner claimed.

    ``lost``: somebody else has its lease. ``away``: the server does not answer.
    """

    what: Literal["claimed", "recorded", "failed", "lost", "away"]
    pending: PendingEvaluation | None
    evaluation: Evaluation | None = None
    why: str = ""


class Leases(Protocol):
    """What a runner asks of the server; `Evaluations` is one."""

    def claim(
        self, suites: tuple[str, ...], *, lease_seconds: int, runner: str, token: str
    ) -> tuple[PendingEvaluation, str] | None:
        """Lease the oldest that waits."""
        ...

    def renew(self, number: int, token: str, *, lease_seconds: int) -> PendingEvaluation:
        """Keep a lease."""
        ...

    def report(self, number: int, token: str, found: SuiteResult) -> Evaluation:
        """Record what was found."""
        ...

    def fail(self, number: int, token: str, error: str) -> PendingEvaluation:
        """Give a lease up."""
        ...


class Runner:
    """Works in the thread that calls `work`; a second thread keeps the lease meanwhile.

    Args:
        server: where work is claimed and reported.
        suites: what can be run.
        score: runs one.
        lease_seconds: how long a lease holds without a heartbeat; there are three in it.
        poll_seconds: the pause when nothing waits.
        name: which runner of its key it is; default: host and process.
        stop: ends the work after the evaluation that is being run.
        told: hears what happens.
    """

    def __init__(
        self,
        server: Leases,
        suites: tuple[str, ...],
        score: Score,
        *,
        lease_seconds: int,
        poll_seconds: float,
        name: str | None,
        stop: threading.Event,
        told: Callable[[Told], None],
    ) -> None:
        self._server = server
        self._suites = suites
        self._score = score
        self._lease_seconds = lease_seconds
        self._poll_seconds = poll_seconds
        self._name = name or f"{socket.gethostname()}/{os.getpid()}"
        self._stop = stop
        self._told = told

    def work(self, *, until_empty: bool) -> int:
        """Run one after the other; how many were taken.

        Raises:
            TwinlineError: the server refuses to let us claim, say for want of a permission.
        """
        taken = 0
        while not self._stop.is_set():
            found = self._claim()
            if found is not None:
                taken += 1
                self._run(*found)
            elif until_empty:
                break
            else:
                self._stop.wait(self._poll_seconds * (0.5 + random.random()))  # noqa: S311 -- jitter
        return taken

    def _claim(self) -> tuple[PendingEvaluation, str] | None:
        token = uuid4().hex
        return self._persist(
            lambda: self._server.claim(
                self._suites, lease_seconds=self._lease_seconds, runner=self._name, token=token
            ),
            None,
            self._stop,
        )

    def _run(self, pending: PendingEvaluation, token: str) -> None:
        self._told(Told("claimed", pending))
        with self._lease_kept(pending, token) as lost:
            try:
                found = SuiteResult.model_validate(self._score(pending))
            except Exception as error:  # noqa: BLE001 -- whatever it raises, people have to hear of it
                self._fail(pending, token, _said(error), lost)
            else:
                self._report(pending, token, found, lost)

    def _report(
        self, pending: PendingEvaluation, token: str, found: SuiteResult, lost: threading.Event
    ) -> None:
        try:
            made = self._persist(
                lambda: self._server.report(pending.number, token, found), pending, lost
            )
        except LeaseLost as error:
            self._told(Told("lost", pending, why=error.detail))
        except Invalid as error:
            self._fail(pending, token, f"The result was refused: {error.detail}", lost)
        else:
            if made is None:
                self._told(Told("lost", pending, why="The lease ran out before it was reported."))
            else:
                self._told(Told("recorded", pending, made))

    def _fail(
        self, pending: PendingEvaluation, token: str, why: str, lost: threading.Event
    ) -> None:
        said = why[:ERROR_CHARACTERS_MAX]
        try:
            told = self._persist(
                lambda: self._server.fail(pending.number, token, said), pending, lost
            )
        except TwinlineError as error:  # it can be claimed again when the lease is over
            self._told(Told("lost", pending, why=f"{why} ({error.detail})"))
        else:
            self._told(Told("failed" if told else "lost", pending, why=why))

    def _persist(
        self,
        act: Callable[[], _Answer],
        pending: PendingEvaluation | None,
        until: threading.Event,
    ) -> _Answer | None:
        """Try until the server answers; None when ``until`` is set before that."""
        pause = 0.5
        while True:
            try:
                return act()
            except Unavailable as error:
                self._told(Told("away", pending, why=error.detail))
                if until.wait(pause):
                    return None
                pause = min(pause * 2, RETRY_SECONDS_MAX)

    @contextmanager
    def _lease_kept(self, pending: PendingEvaluation, token: str) -> Generator[threading.Event]:
        """Renew a lease in a thread until the block ends; what is yielded is set as soon as
        it is lost."""
        over, lost = threading.Event(), threading.Event()
        held_until = time.monotonic() + self._lease_seconds

        def keep() -> None:
            nonlocal held_until
            while not over.wait(self._lease_seconds / 3):
                asked = time.monotonic()
                try:
                    self._server.renew(pending.number, token, lease_seconds=self._lease_seconds)
                except Unavailable:
                    if time.monotonic() > held_until:
                        lost.set()
                except TwinlineError:
                    lost.set()
                    return
                else:
                    held_until = asked + self._lease_seconds

        keeper = threading.Thread(target=keep, name="twinline-lease", daemon=True)
        keeper.start()
        try:
            yield lost
        finally:
            over.set()
            keeper.join()


def _said(error: Exception) -> str:
    """An error in words that JSON and PostgreSQL can keep, whatever it says."""
    said = f"{type(error).__name__}: {error}"
    return said.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
