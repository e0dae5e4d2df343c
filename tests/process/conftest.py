"""Servers as processes, started as people start them."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from twinline.client import Client

_URL = re.compile(r"serves at (http://\S+)")
_KEY = re.compile(r"TWINLINE_API_KEY=(twl_\S+)")


@dataclass
class Up:
    """A ``twinline up`` that runs."""

    process: subprocess.Popen[str]
    url: str
    key: str | None
    log: Path

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        self.process.kill()
        self.process.wait(10)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """As Ctrl-C does; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)

    def client(self, key: str) -> Client:
        return Client(self.url, key)


def environment(home: Path, **more: str) -> dict[str, str]:
    """A clean environment whose data folder is ``home``."""
    ours = ("TWINLINE_", "MLFLOW_")  # MLflow says in the environment what was used last
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    binaries = os.environ.get("TWINLINE_TEST_POSTGRES_BIN")
    chosen = {"TWINLINE_POSTGRES_BIN": binaries} if binaries else {}
    own = {"TWINLINE_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    return kept | chosen | own | more


def twinline(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "twinline", *words],
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=60,
    )


def launch(home: Path, log: Path, *words: str, **more: str) -> Up:
    """Start a server and wait until it is ready."""
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "twinline", "up", "--port", "0", *words],
            env=environment(home, **more),
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_heed_ctrl_c,
        )
    url = _wait_for(process, log)
    key = _KEY.search(log.read_text())
    return Up(process, url, key[1] if key else None, log)


def _heed_ctrl_c() -> None:
    """What a shell starts in the background ignores it, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Starts servers; whatever still runs at the end is stopped."""
    started: list[Up] = []

    def up(home: Path, *words: str, **more: str) -> Up:
        started.append(launch(home, tmp_path / f"up{len(started)}.log", *words, **more))
        return started[-1]

    yield up
    for one in started:
        if one.process.poll() is None:
            one.stop(signal.SIGTERM)


def _wait_for(process: subprocess.Popen[str], log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = _URL.search(log.read_text())
        if found and _ready(found[1]):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
