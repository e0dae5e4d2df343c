"""A server as a child process that ends with its parent."""

import os
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import httpx

from twinline.language.errors import StartRefused

_FOLLOW_PARENT = """\
import ctypes, os, signal, sys
parent, *command = sys.argv[1:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG, kept over exec
    if os.getppid() != int(parent):
        sys.exit("the parent is gone")
os.execv(command[0], command)
"""
"""Run in the child, not as ``preexec_fn``, which may deadlock a parent with threads.

SIGTERM, because MLflow's parent process passes that on to its worker."""


class ChildServer(ABC):
    """A server on loopback, with its data and log in ``folder``.

    Entering starts the process and returns at once, so that the caller can do
    something else; then call ``wait_until_ready``. Leaving stops the whole process
    group. On Linux it also ends when the thread that started it ends, so start it from
    the main thread.

    Args:
        folder: made if it is not there; keeps the data, so a second start finds it.
        port: where it will listen.
        log_name: the file in ``folder`` that gets what it prints.
    """

    name: ClassVar[str]
    health_path: ClassVar[str]

    def __init__(self, folder: Path, port: int, *, log_name: str) -> None:
        self.folder = folder.resolve()
        self.log = self.folder / log_name
        self.port = port
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What runs."""

    def environment(self) -> dict[str, str]:
        """What it runs in; ours, unless a subclass knows better."""
        return dict(os.environ)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                _following(self.command()),
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            _stop_group(process)

    def wait_until_ready(
        self,
        on_wait: Callable[[float], None] = lambda _seconds: None,
        *,
        deadline_seconds: float = 60.0,
    ) -> None:
        """Return when the server answers; ``on_wait`` hears the seconds waited so far.

        Raises:
            StartRefused: it died, or did not answer in time; with the end of its log.
        """
        begun = time.monotonic()
        with httpx.Client(timeout=2.0, trust_env=False) as http:
            while not _healthy(http, self.url + self.health_path):
                waited = time.monotonic() - begun
                self._refuse_if_dead()
                if waited > deadline_seconds:
                    raise self._refused(f"did not answer within {deadline_seconds:.0f} s")
                on_wait(waited)
                time.sleep(0.05)
        self._refuse_if_dead()  # somebody else may have answered on our port

    def _refuse_if_dead(self) -> None:
        if self._process is None:
            raise StartRefused(f"The {self.name} is not started: enter it first.")
        code = self._process.poll()
        if code is not None:
            raise self._refused(f"ended with exit code {code}")

    def _refused(self, what: str) -> StartRefused:
        tail = self.log.read_text("utf-8", "replace").splitlines()[-15:]
        return StartRefused(
            f"The {self.name} on port {self.port} {what}. The end of {self.log}:\n"
            + "\n".join(tail),
            port=self.port,
            log=str(self.log),
        )


def _following(command: list[str]) -> list[str]:
    return [sys.executable, "-ISc", _FOLLOW_PARENT, str(os.getpid()), *command]


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _healthy(http: httpx.Client, url: str) -> bool:
    try:
        return http.get(url).status_code == 200
    except httpx.TransportError:
        return False


def _stop_group(process: subprocess.Popen[bytes], patience_seconds: float = 5.0) -> None:
    """Ask the group to end; what is left after ``patience_seconds`` is killed."""
    _signal_group(process.pid, signal.SIGTERM)
    try:
        process.wait(patience_seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
