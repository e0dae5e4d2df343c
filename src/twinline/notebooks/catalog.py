"""The catalog that a notebook reads."""

import atexit
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from twinline.client import Client

_running = ExitStack()


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

    folder = Path(_running.enter_context(tempfile.TemporaryDirectory(prefix="twinline-demo-")))
    atexit.register(_running.close)
    server = _running.enter_context(served_history(folder))
    os.environ |= {"TWINLINE_URL": server.url, "TWINLINE_API_KEY": server.admin_key()}
