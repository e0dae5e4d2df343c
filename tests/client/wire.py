"""A way to a server that a test can cut, mend and hold; and a transport that meddles."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

_CHUNK_BYTES = 1 << 16


class Wire:
    """Passes on every byte between applications and one server.

    Attributes:
        url: where applications find the server.
    """

    def __init__(self, server_url: str) -> None:
        self._there = urlsplit(server_url)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._loop = asyncio.new_event_loop()
        self._listening: socket.socket | None = None
        self._connecting: set[asyncio.Task[None]] = set()
        self._ends: set[asyncio.StreamWriter] = set()
        self._requests, self._answers = asyncio.Event(), asyncio.Event()
        self._requests.set()
        self._answers.set()
        self._delay_seconds = 0.0
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire")

    def __enter__(self) -> Self:
        self._thread.start()
        self.mend()
        return self

    def __exit__(self, *_error: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Nobody answers any more, and every connection is gone."""
        self._run(self._cut())

    def mend(self) -> None:
        """The server is there again."""
        self._run(self._mend())

    @contextmanager
    def away(self) -> Generator[None]:
        """The server is gone while the block runs."""
        self.cut()
        try:
            yield
        finally:
            self.mend()

    def hold(self) -> None:
        """Connections are taken, and nothing is passed on."""
        self._loop.call_soon_threadsafe(self._requests.clear)
        self._loop.call_soon_threadsafe(self._answers.clear)

    def hold_answers(self) -> None:
        """What is asked reaches the server, and its answers reach nobody."""
        self._loop.call_soon_threadsafe(self._answers.clear)

    def let_go(self) -> None:
        """All that was held is passed on."""
        self._loop.call_soon_threadsafe(self._requests.set)
        self._loop.call_soon_threadsafe(self._answers.set)

    def slow_down(self, delay_seconds: float) -> None:
        """Every piece takes so long from now on."""
        self._delay_seconds = delay_seconds

    def _run(self, doing: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(10)

    async def _cut(self) -> None:
        if self._listening is not None:
            self._loop.remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        this = asyncio.current_task()
        while others := asyncio.all_tasks() - {this}:  # also of what was taken just now
            for end in self._ends:
                end.transport.abort()
            await asyncio.wait(others, timeout=0.01)

    async def _mend(self) -> None:
        if self._listening is None:
            self._listening = socket.create_server(("127.0.0.1", self._port))
            self._listening.setblocking(False)
            self._loop.add_reader(self._listening, self._take, self._listening)

    def _take(self, listening: socket.socket) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):  # who asked is gone again
            taken, _ = listening.accept()
            connecting = self._loop.create_task(self._connect(taken))
            self._connecting.add(connecting)
            connecting.add_done_callback(self._connecting.discard)

    async def _connect(self, taken: socket.socket) -> None:
        asking, told = await asyncio.open_connection(sock=taken)
        async with self._end(told):
            try:
                answering, asked = await asyncio.open_connection(
                    self._there.hostname, self._there.port
                )
            except OSError:
                return
            async with self._end(asked):
                pumps = [
                    asyncio.create_task(self._pump(asking, asked, self._requests)),
                    asyncio.create_task(self._pump(answering, told, self._answers)),
                ]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for pump in pumps:
                    pump.cancel()

    @asynccontextmanager
    async def _end(self, end: asyncio.StreamWriter) -> AsyncGenerator[None]:
        """One to abort until it is closed, which it is after the block."""
        self._ends.add(end)
        try:
            yield
        finally:
            end.close()
            with suppress(OSError):
                await end.wait_closed()
            self._ends.remove(end)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, open: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await source.read(_CHUNK_BYTES):
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                await open.wait()
                sink.write(data)
                await sink.drain()


Meddle = Callable[[httpx.Request, httpx.Response], httpx.Response | None]


class Meddler(httpx.BaseTransport):
    """Passes on every request, counts it, and may give another answer than the server's.

    Attributes:
        asked: how often each path was asked for.
        meddle: given the request and the answer, another answer; None for the same.
    """

    def __init__(self, meddle: Meddle | None = None) -> None:
        self._network = httpx.HTTPTransport()
        self.asked: Counter[str] = Counter()
        self.meddle = meddle

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1")
        self.asked[path] += 1
        answer = self._network.handle_request(request)
        other = self.meddle(request, answer) if self.meddle else None
        if other is None:
            return answer
        answer.close()
        return other

    def close(self) -> None:
        self._network.close()
