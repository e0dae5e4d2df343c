"""One segment whose lock this process holds, to write it or to ship it."""

import errno
import fcntl
import os
import secrets
from contextlib import suppress
from mmap import mmap
from pathlib import Path
from typing import Self

from twinline.client.spool import folder as files
from twinline.client.spool.lines import LINE_OVERHEAD_BYTES, Lines, scan

_READ_BYTES = 1 << 16
_CANNOT_RESERVE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


class Segment:
    """A locked segment.

    `end` is where its lines end, `shipped` where those begin that wait, and `judged` up to
    where damaged lines have been counted; all are bytes from its beginning.
    """

    __slots__ = ("_fd", "_map", "_room", "end", "judged", "path", "shipped")

    def __init__(self, path: Path, fd: int, memory: mmap | None, end: int, shipped: int) -> None:
        self.path = path
        self.end = end
        self.shipped = self.judged = shipped
        self._fd = fd
        self._map = memory
        self._room = 0 if memory is None else len(memory)

    @classmethod
    def create(cls, folder: Path, started_ms: int, segment_bytes: int) -> Self:
        """Make, lock and preallocate a segment to write to. Raises OSError.

        It gets its name when it is locked, so nobody takes it for an orphan before.
        """
        name = f"{started_ms:013d}-{os.getpid()}-{secrets.token_hex(4)}.seg"
        path, new = folder / name, folder / f"{name}.new"
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _reserve(fd, segment_bytes)
            memory = mmap(fd, segment_bytes)
            new.rename(path)
        except OSError:
            os.close(fd)
            with suppress(OSError):
                new.unlink()
            raise
        return cls(path, fd, memory, end=0, shipped=0)

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """Lock a segment that another process left; None if somebody has it, or had it."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_nlink:  # else another process shipped it since it was opened
                end, shipped = _end_of_lines(fd), files.read_progress(path)
                # Progress beyond the end is not to be believed: better twice than never.
                return cls(path, fd, None, end, shipped if shipped <= end else 0)
        except OSError:
            pass
        os.close(fd)
        return None

    @property
    def sealed(self) -> bool:
        """True if nobody writes to it any more, so that `end` is final."""
        return self._map is None

    def append(self, line: bytes) -> bool:
        """Copy a line behind the last one; False if there is no room."""
        end = self.end + len(line)
        if end > self._room or self._map is None:
            return False
        self._map[self.end : end] = line
        self.end = end
        return True

    def read(self, count_max: int, bytes_max: int) -> Lines:
        """The lines that wait, up to both limits but at least one. Raises OSError.

        It reads no more than the limits ask for, unless that is less than one good line.
        """
        start, left_bytes = self.shipped, self.end - self.shipped
        window_bytes = bytes_max + LINE_OVERHEAD_BYTES * count_max
        while window_bytes < left_bytes:
            data = os.pread(self._fd, window_bytes, start)
            lines = scan(data[: data.rfind(b"\n") + 1], start, count_max, bytes_max)
            if lines.payloads:
                return lines
            window_bytes *= 2
        return scan(os.pread(self._fd, left_bytes, start), start, count_max, bytes_max)

    def judge(self, lines: Lines) -> int:
        """How many of the damaged lines have not been counted before."""
        fresh = sum(1 for offset in lines.damaged if offset >= self.judged)
        self.judged = max(self.judged, lines.end)
        return fresh

    def ship(self, end: int) -> None:
        """Note that everything before `end` needs no shipping any more."""
        if end > self.shipped:
            self.shipped = end
            with suppress(OSError):  # it costs a second delivery after a restart, no more
                files.write_progress(self.path, end)

    def seal(self) -> None:
        """Write no more. The lock stays; the space that was not used is given back."""
        if self._map is not None:
            self._map.close()
            self._map = None
            with suppress(OSError):
                os.ftruncate(self._fd, self.end)

    def delete(self) -> None:
        """Delete it and let go of it. Raises OSError, and then it is still held."""
        files.delete(self.path)
        self.let_go()

    def release(self) -> None:
        """Leave it to the next process; nothing is left behind if nothing waits in it."""
        self.seal()
        if self.shipped >= self.end:
            with suppress(OSError):
                files.delete(self.path)
        self.let_go()

    def let_go(self) -> None:
        """Close it without a word to the file.

        The lock belongs to the open file, which a forked process shares: the parent keeps
        its lock when the child closes its copy, but would lose it if the child unlocked.
        """
        if self._map is not None:
            self._map.close()
            self._map = None
        fd, self._fd = self._fd, -1  # a number closed twice may be somebody else's file
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    def __del__(self) -> None:
        # A spool that was dropped without a close leaves its segments to the next taker.
        self.let_go()


def _reserve(fd: int, size_bytes: int) -> None:
    """Have the disk set space aside, so that writing to the mapping cannot fail."""
    try:
        os.posix_fallocate(fd, 0, size_bytes)
    except AttributeError:  # macOS has no such call
        _write_zeros(fd, size_bytes)
    except OSError as error:
        if error.errno not in _CANNOT_RESERVE:
            raise
        _write_zeros(fd, size_bytes)


def _write_zeros(fd: int, size_bytes: int) -> None:
    at = 0
    while at < size_bytes:
        at += os.pwrite(fd, bytes(min(_READ_BYTES, size_bytes - at)), at)


def _end_of_lines(fd: int) -> int:
    """Where the zero bytes begin that fill up a segment."""
    at = os.fstat(fd).st_size
    while at > 0:
        start = max(0, at - _READ_BYTES)
        if kept := os.pread(fd, at - start, start).rstrip(b"\0"):
            return start + len(kept)
        at = start
    return 0
