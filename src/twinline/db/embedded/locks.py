"""Locks that the kernel gives back when their last holder dies, however it dies."""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from twinline.language.errors import DataFolderRefused

_CANNOT_LOCK = {errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}


def opened(path: Path) -> int:
    """A descriptor of a file to lock, made if it is absent."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


@contextmanager
def locked(path: Path) -> Generator[int]:
    """Hold a file's exclusive lock, waiting for it; a child that inherits it holds it too."""
    descriptor = opened(path)
    try:
        _lock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take or change a lock if nobody else is in the way."""
    try:
        _lock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _lock(descriptor: int, operation: int) -> None:
    try:
        fcntl.flock(descriptor, operation)
    except OSError as error:
        if error.errno not in _CANNOT_LOCK:
            raise
        raise DataFolderRefused(
            "The file system of the data folder cannot lock it, as some network file systems; "
            "name a folder on a local disk in TWINLINE_HOME."
        ) from error
