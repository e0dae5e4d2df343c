"""What lies in the folder of a spool: names, sizes, progress, litter."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_NAME = re.compile(r"(\d{13})-\d+-[0-9a-f]+\.seg(\.done)?(\.new)?")
_LITTER_AGE_MS = 3_600_000
_READ_BYTES = 1 << 16


def now_ms() -> int:
    """Milliseconds since 1970, by the wall clock."""
    return time.time_ns() // 1_000_000


def started_ms(path: Path) -> int:
    """When a segment was begun, in milliseconds since 1970: its name says so."""
    return int(path.name[:13])


def segments(folder: Path) -> list[Path]:
    """All segments of all processes, the oldest first; none if the folder cannot be read."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [folder / name for name in names if name.endswith(".seg") and _NAME.fullmatch(name)]


def bytes_on_disk(folder: Path) -> int:
    """The size of all segments, those in the making included. Raises OSError."""
    total_bytes = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name) and ".done" not in entry.name:
                with suppress(FileNotFoundError):  # shipped and deleted by another process
                    total_bytes += entry.stat(follow_symlinks=False).st_size
    return total_bytes


def sweep(folder: Path) -> None:
    """Delete files that belong to no segment: a process died while it made or deleted one.

    Only old ones, since another process may be making its segment right now.
    """
    try:
        names = set(os.listdir(folder))
    except OSError:
        return
    for name in names:
        stem = name[: name.find(".seg") + 4]
        if not _NAME.fullmatch(name) or stem in names:
            continue
        if now_ms() - int(name[:13]) > _LITTER_AGE_MS:
            with suppress(OSError):
                (folder / name).unlink()


def read_progress(path: Path) -> int:
    """How many bytes of a segment need no shipping; 0 if that is not known."""
    try:
        return max(0, int(_progress_path(path).read_bytes()))
    except (OSError, ValueError):
        return 0


def write_progress(path: Path, offset: int) -> None:
    """Note how many bytes of a segment need no shipping, all or nothing. Raises OSError."""
    new = path.with_name(path.name + ".done.new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(fd, b"%d" % offset)
    finally:
        os.close(fd)
    new.replace(_progress_path(path))


def delete(path: Path) -> None:
    """Delete a segment and what lies beside it. Raises OSError.

    The segment goes first: progress without a segment is litter, a segment without its
    progress would be shipped again.
    """
    path.unlink(missing_ok=True)
    _progress_path(path).unlink(missing_ok=True)
    path.with_name(path.name + ".done.new").unlink(missing_ok=True)


def count_lines(path: Path, offset: int) -> int:
    """The number of lines behind an offset, damaged ones included; 0 if it cannot be read."""
    try:
        return sum(chunk.count(b"\n") for chunk in _chunks(path, offset))
    except OSError:
        return 0


def _chunks(path: Path, offset: int) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        while chunk := file.read(_READ_BYTES):
            yield chunk


def _progress_path(path: Path) -> Path:
    return path.with_name(path.name + ".done")
