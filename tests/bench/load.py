"""Load for one turn: keep-alive connections with requests made beforehand.

Each connection sends its next request when the answer to the last is whole. It speaks
just enough HTTP for that, so that the measuring takes little from what is measured.
"""

import asyncio
import gc
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import psycopg
import uvloop

PATIENCE_SECONDS = 30.0

_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
_OPTIONS = "-c plan_cache_mode=force_generic_plan -c jit=off"


@dataclass(frozen=True)
class Taken:
    """Nanoseconds of each answered request, and of the whole turn."""

    each: list[int]
    whole: int


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], stop: int, taken: list[int]) -> None:
        self._requests = requests
        self._stop = stop
        self._taken = taken
        self._head = b""
        self._left: int | None = None  # of the body; None: the head is not whole yet
        self._begun = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        if self._left is None:
            self._head += data
            end = self._head.find(_END)
            if end < 0:
                return
            head = self._head[:end].lower()
            if not head.startswith(b"http/1.1 200"):
                self._fail(self._head)
                return
            length = int(head.partition(_LENGTH)[2].partition(b"\r\n")[0])
            self._left = length - (len(self._head) - end - len(_END))
        else:
            self._left -= len(data)
        if self._left == 0:
            self._answered()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._fail(b"the connection was closed")

    def _send(self) -> None:
        request = next(self._requests)
        self._head, self._left = b"", None
        self._begun = time.perf_counter_ns()
        self._transport.write(request)

    def _answered(self) -> None:
        now = time.perf_counter_ns()
        self._taken.append(now - self._begun)
        if now < self._stop:
            self._send()
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()

    def _fail(self, said: bytes) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(said.decode(errors="replace")))
        self._transport.close()


def http_turn(
    ports: Sequence[int], connections: int, requests: Sequence[bytes], seconds: float
) -> Taken:
    """Keep ``connections`` busy, spread over servers on this machine."""
    gc.collect()
    gc.freeze()
    return uvloop.run(_turn(ports, connections, requests, seconds))


async def _turn(
    ports: Sequence[int], connections: int, requests: Sequence[bytes], seconds: float
) -> Taken:
    loop = asyncio.get_running_loop()
    endless = itertools.cycle(requests)
    taken: list[int] = []
    begun = time.perf_counter_ns()
    stop = begun + int(seconds * 1e9)
    opened: list[asyncio.Future[None]] = []
    for port in itertools.islice(itertools.cycle(ports), connections):
        _, connection = await loop.create_connection(
            lambda: _Connection(endless, stop, taken), "127.0.0.1", port
        )
        opened.append(connection.done)
    await asyncio.wait_for(asyncio.gather(*opened), seconds + PATIENCE_SECONDS)
    return Taken(taken, time.perf_counter_ns() - begun)


def statement_turn(url: str, statement: str, rows: Sequence[str], seconds: float) -> Taken:
    """Execute a prepared statement over and over, each time with one row, durably."""
    options = {"autocommit": True, "cursor_factory": psycopg.RawCursor, "options": _OPTIONS}
    taken: list[int] = []
    with psycopg.connect(url, **options) as connection:
        cursor = connection.cursor()
        begun = time.perf_counter_ns()
        for row in rows:
            now = time.perf_counter_ns()
            if now - begun >= seconds * 1e9:
                break
            cursor.execute(statement.encode(), (row,), prepare=True)
            cursor.fetchall()
            taken.append(time.perf_counter_ns() - now)
    return Taken(taken, time.perf_counter_ns() - begun)
