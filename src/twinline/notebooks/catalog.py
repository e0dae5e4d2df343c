"""The catalog that a notebook reads."""

import atexit
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from twinline.client import Client
from twinline.language.records import Role

_running = ExitStack()

_SWEEP = """\
import fcntl, os, shutil, sys, time
folder = sys.argv[1]
sys.stdin.read()
with open(folder + "/server.lock", "a") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
for _ in range(60):
    shutil.rmtree(folder, ignore_errors=True)
    if not os.path.exists(folder):
        break
    time.sleep(0.5)
"""
"""Waits until nobody holds the other end of its input, then for the server's lock; a
PostgreSQL that is still stopping may be removing files, too."""


def connect() -> Client:
    """The catalog that ``TWINLINE_URL`` and ``TWINLINE_API_KEY`` name; without an address a
    demo's, which ends with this process.

    The demo is four weeks of history, played on this machine in some ten seconds; a
    second call finds the same one. Call it from the main thread, as a cell does: the
    demo's server ends with the thread that started it.

    Raises:
        StartRefused: the demo's server does not start.
        ModuleNotFoundError: a library is missing that the extra ``notebooks`` brings.
    """
    if "TWINLINE_URL" not in os.environ:
        _start_demo()
    return Client(os.environ["TWINLINE_URL"], os.environ.get("TWINLINE_API_KEY"))


def _start_demo() -> None:
    from twinline.cli.demo.history.serving import served_history  # scikit-learn comes with it

    atexit.register(_running.close)
    folder = _running.enter_context(passing_folder())
    server = _running.enter_context(served_history(folder))
    with Client(server.url, server.admin_key()) as admin:
        reads = admin.keys.issue("notebooks", Role.VIEWER)
    os.environ |= {"TWINLINE_URL": server.url, "TWINLINE_API_KEY": reads.key}


@contextmanager
def passing_folder() -> Generator[Path]:
    """A folder that is gone soon after this process, whatever ends it.

    Who stops a kernel gives it two seconds, less than a database may take to stop; so
    another process removes what is left.
    """
    folder = Path(tempfile.mkdtemp(prefix="twinline-demo-"))
    sweep = [sys.executable, "-ISc", _SWEEP, str(folder)]
    with subprocess.Popen(sweep, stdin=subprocess.PIPE, start_new_session=True):
        yield folder
