"""The spool: append on one side, take and done on the other."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from zlib import crc32

from twinline.client.spool import folder as files
from twinline.client.spool.answers import Depth, Taken
from twinline.client.spool.forks import watch
from twinline.client.spool.lines import LINE_OVERHEAD_BYTES
from twinline.client.spool.segment import Segment

_RETRY_S = 1.0
_RETIREMENT = 8  # a segment is written for at most this part of the age bound


class Spool:
    """Records on disk until they are shipped; see the package for format and promises.

    It does no disk work before the first append or take. Every method may be called from
    any thread. A forked child begins anew: with its own segment, and with counts of 0.

    `folder` is made if missing, for its owner only. `bytes_max` bounds the segments of all
    processes together; `age_max` is how long what cannot be shipped is kept (a record is
    kept for at least seven eighths of it); `segment_bytes` is the size of one file and, less
    10 bytes, of the largest record. Raises ValueError if no segment fits into `bytes_max`
    or a bound is not positive.
    """

    def __init__(
        self,
        folder: Path,
        *,
        bytes_max: int = 256 << 20,
        age_max: timedelta = timedelta(days=7),
        segment_bytes: int = 1 << 20,
    ) -> None:
        if not LINE_OVERHEAD_BYTES < segment_bytes <= bytes_max:
            raise ValueError(f"no segment of {segment_bytes} bytes fits into {bytes_max} bytes")
        if age_max <= timedelta(0):
            raise ValueError(f"records cannot be kept for {age_max}")
        self._folder = folder
        self._bytes_max = bytes_max
        self._age_max_ms = age_max // timedelta(milliseconds=1)
        self._segment_bytes = segment_bytes
        self._closed = False
        self._begin()
        watch(self)

    def _begin(self) -> None:
        # Whoever needs both locks takes _shipping first. _appending guards _current, the
        # list _sealed and the counts; _shipping guards the rest, and every closing of a file.
        self._shipping, self._appending = Lock(), Lock()
        self._current: Segment | None = None
        self._sealed: list[Segment] = []
        self._adopted: list[Segment] = []
        self._dropped = self._damaged = 0
        self._retry_at_s = 0.0
        self._last_ms = 0

    def append(self, payload: bytes) -> bool:
        """Keep a record.

        True: it is in the page cache and survives the death of this process. False: it was
        dropped and counted, because the spool or the disk is full, the folder cannot be
        written, the spool is closed, or the payload holds a newline or is too large for a
        segment. After a refusal by the disk the next try is a second later. Never raises
        OSError.
        """
        line = b"%08x %b\n" % (crc32(payload), payload)  # `line_of`, without the call
        with self._appending:
            # This runs for every answer, so the usual case comes first and calls once.
            current = self._current
            if current is not None and b"\n" not in payload and current.append(line):
                return True
            if b"\n" not in payload and self._append_to_fresh(line):
                return True
            self._dropped += 1
            return False

    def take(self, count_max: int, bytes_max: int) -> Taken:
        """The oldest waiting payloads: of orphans first, then of this process.

        At most `count_max` payloads of `bytes_max` bytes together, from one segment; one
        payload if the first alone is larger. Empty if nothing waits. Until `done`, the next
        take answers with the same payloads again. Damaged lines are skipped and counted.
        Deletes segments past the age bound and counts their records as dropped. Raises
        ValueError if a limit is below 1.
        """
        if count_max < 1 or bytes_max < 1:
            raise ValueError("take at least one payload and one byte")
        with self._shipping:
            if self._closed:
                return Taken()
            self._retire()
            self._expire()
            files.sweep(self._folder)
            for segment in self._shippable():
                taken = self._take_from(segment, count_max, bytes_max)
                if taken.payloads:
                    return taken
            return Taken()

    def done(self, taken: Taken) -> None:
        """Forget payloads that were shipped.

        A segment that is shipped and that nobody writes to is deleted. A `taken` of a
        segment that this spool no longer holds (it was closed, or forked) is ignored.
        """
        with self._shipping:
            for segment in self._held():
                if segment.path.name == taken.segment:
                    if segment.sealed and taken.end >= segment.end:
                        segment.shipped = segment.end
                        self._delete(segment)
                    else:
                        segment.ship(taken.end)

    def depth(self) -> Depth:
        """How full the spool is. Reads every segment in the folder, some 1 ms per 4 MiB."""
        with self._shipping:
            shipped = {segment.path: segment.shipped for segment in self._held()}
        waiting = {
            path: files.count_lines(path, shipped.get(path) or files.read_progress(path))
            for path in files.segments(self._folder)
        }
        oldest_ms = min((files.started_ms(path) for path in waiting if waiting[path]), default=None)
        return Depth(
            waiting=sum(waiting.values()),
            bytes_on_disk=self._used_bytes(),
            dropped=self._dropped,
            damaged=self._damaged,
            oldest_at=None if oldest_ms is None else datetime.fromtimestamp(oldest_ms / 1000, UTC),
        )

    def close(self) -> None:
        """Let go of all segments. What waits in them stays for the next process."""
        with self._shipping, self._appending:
            self._closed = True
            for segment in self._held():
                segment.release()
            self._current = None
            self._sealed, self._adopted = [], []

    def _held(self) -> list[Segment]:
        current = self._current
        # The current one is read first: sealed meanwhile, it is listed twice, not left out.
        return list(dict.fromkeys([*self._adopted, *self._sealed, *([current] if current else [])]))

    def _append_to_fresh(self, line: bytes) -> bool:
        """Begin a new segment. The old one stays in use if that fails: less may still fit."""
        now_s = time.monotonic()
        if len(line) > self._segment_bytes or self._closed or now_s < self._retry_at_s:
            return False
        with suppress(OSError):
            if (fresh := self._create()) is not None:
                self._seal()
                self._current = fresh
                return fresh.append(line)
        self._retry_at_s = now_s + _RETRY_S
        return False

    def _create(self) -> Segment | None:
        """A new segment, or None if the folder is full. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if files.bytes_on_disk(self._folder) + self._segment_bytes > self._bytes_max:
            return None
        self._last_ms = max(self._last_ms + 1, files.now_ms())
        fresh = Segment.create(self._folder, self._last_ms, self._segment_bytes)
        # Two processes may have seen the same free space: whoever sees too much gives way.
        if files.bytes_on_disk(self._folder) > self._bytes_max:
            fresh.release()
            return None
        return fresh

    def _seal(self) -> None:
        if self._current is not None:
            self._sealed.append(self._current)
            self._current.seal()
            self._current = None

    def _retire(self) -> None:
        """Seal a segment that is written slowly, lest young records expire with old ones."""
        with self._appending:
            current = self._current
            if current is not None and current.end and self._age(current.path) * _RETIREMENT > 1:
                self._seal()

    def _age(self, path: Path) -> float:
        """The age of a segment; 1.0 is the age bound."""
        return (files.now_ms() - files.started_ms(path)) / max(1, self._age_max_ms)

    def _expire(self) -> None:
        for segment in [*self._adopted, *self._sealed]:
            if self._age(segment.path) > 1:
                self._drop(segment)
        for path in self._foreign():
            if self._age(path) > 1 and (orphan := Segment.adopt(path)) is not None:
                self._adopted.append(orphan)
                self._drop(orphan)

    def _drop(self, segment: Segment) -> None:
        records = files.count_lines(segment.path, segment.shipped)
        segment.shipped = segment.end
        self._delete(segment)
        with self._appending:
            self._dropped += records

    def _foreign(self) -> list[Path]:
        own = {segment.path for segment in self._held()}
        return [path for path in files.segments(self._folder) if path not in own]

    def _shippable(self) -> Iterator[Segment]:
        yield from list(self._adopted)
        for path in self._foreign():
            if (orphan := Segment.adopt(path)) is not None:
                self._adopted.append(orphan)
                yield orphan
        yield from [segment for segment in self._held() if segment not in self._adopted]

    def _take_from(self, segment: Segment, count_max: int, bytes_max: int) -> Taken:
        final = segment.sealed  # asked before reading: it may be appended to and sealed since
        try:
            lines = segment.read(count_max, bytes_max)
        except OSError:
            return Taken()
        with self._appending:
            self._damaged += segment.judge(lines)
        if final and not lines.payloads:
            segment.shipped = segment.end
            self._delete(segment)
        return Taken(lines.payloads, segment.path.name, lines.end)

    def _delete(self, segment: Segment) -> None:
        with suppress(OSError):  # it stays held and counts as shipped; the next take tries again
            segment.delete()
            with self._appending:
                self._retry_at_s = 0.0
                for segments in (self._adopted, self._sealed):
                    if segment in segments:
                        segments.remove(segment)

    def _used_bytes(self) -> int:
        try:
            return files.bytes_on_disk(self._folder)
        except OSError:
            return 0

    def hold_for_fork(self) -> None:
        """Wait until no file is half opened, so that a child inherits none unknowingly."""
        self._shipping.acquire()
        self._appending.acquire()

    def resume_after_fork(self) -> None:
        """Go on, in the parent."""
        self._appending.release()
        self._shipping.release()

    def begin_after_fork(self) -> None:
        """Begin anew, in the child: the segments and their locks are the parent's."""
        for segment in self._held():
            segment.let_go()
        self._begin()
