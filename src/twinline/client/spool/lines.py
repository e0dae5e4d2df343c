"""The format of one record: a checksum, a space, the payload, a newline."""

from dataclasses import dataclass
from zlib import crc32

LINE_OVERHEAD_BYTES = 10


@dataclass(frozen=True, slots=True)
class Lines:
    """What a run of bytes held.

    `end` is the offset behind the last line looked at, `damaged` the offsets of the lines
    that were skipped; both count from the beginning of the segment.
    """

    payloads: tuple[bytes, ...]
    end: int
    damaged: tuple[int, ...]


def line_of(payload: bytes) -> bytes:
    """A payload as a line, ready to be written."""
    return b"%08x %b\n" % (crc32(payload), payload)


def payload_of(line: bytes) -> bytes | None:
    """The payload of a line (without its newline), or None if the line is damaged."""
    payload = line[9:]
    return payload if line[:9] == b"%08x " % crc32(payload) else None


def scan(data: bytes, start: int, count_max: int, bytes_max: int) -> Lines:
    """Read lines up to both limits, but at least one good line if there is any.

    `start` is where in its segment `data` begins. A last line that lacks nothing but its
    newline is good, as its checksum shows.
    """
    payloads: list[bytes] = []
    damaged: list[int] = []
    at = payloads_bytes = 0
    while at < len(data) and len(payloads) < count_max:
        newline = data.find(b"\n", at)
        stop = len(data) if newline < 0 else newline
        payload = payload_of(data[at:stop])
        if payload is None:
            damaged.append(start + at)
        elif payloads and payloads_bytes + len(payload) > bytes_max:
            break
        else:
            payloads.append(payload)
            payloads_bytes += len(payload)
        at = min(stop + 1, len(data))
    return Lines(tuple(payloads), start + at, tuple(damaged))
