"""One server over four weeks of history for all who test with it at once.

Playing takes seconds of a whole core, so that the first of several processes plays and
serves, and the others come along. It stops the server when the last has gone.
"""

import fcntl
import json
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from twinline.cli.demo.history.serving import served_history


class Served(NamedTuple):
    """Where a server is, and an admin's key."""

    url: str
    key: str


@contextmanager
def shared_history(folder: Path) -> Generator[Served]:
    """The server that belongs to ``folder``, which all who share it name."""
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "served.json"
    with (folder / "door").open("w") as door, (folder / "users").open("w") as users:
        fcntl.flock(door, fcntl.LOCK_EX)
        if told.exists():
            fcntl.flock(users, fcntl.LOCK_SH)
            fcntl.flock(door, fcntl.LOCK_UN)
            yield Served(*json.loads(told.read_text("utf-8")))
            return
        home = folder / f"home-{os.getpid()}"
        with served_history(home) as server:
            found = Served(server.url, server.admin_key())
            told.write_text(json.dumps(found), "utf-8")
            fcntl.flock(users, fcntl.LOCK_SH)
            fcntl.flock(door, fcntl.LOCK_UN)
            try:
                yield found
            finally:
                fcntl.flock(users, fcntl.LOCK_UN)
                _forget_when_alone(door, users, told)


def _forget_when_alone(door: IO[str], users: IO[str], told: Path) -> None:
    """Wait until nobody uses the server; from then on nobody finds it."""
    while True:
        fcntl.flock(door, fcntl.LOCK_EX)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(door, fcntl.LOCK_UN)
            time.sleep(0.1)
        else:
            told.unlink()
            return
