"""The client for asyncio: resolving never waits for anything, and so never blocks the loop."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from twinline.client.aio_nouns import AsyncNouns
from twinline.client.client import Client
from twinline.client.local.calls import Call
from twinline.client.local.resolved import Resolved
from twinline.client.waiting import Answer, Given, Waiting
from twinline.language.records import Divergences


class AsyncClient(AsyncNouns):
    """A `Client` for programs with an event loop; it takes the same arguments.

    ::

        async with AsyncClient(url, key) as client:
            slot = await client.slots.get("support-answer@production")
            async for request in client.lineage.affected("prompts:/support/answer/5"):
                ...
            async with await client.inference("support-answer", context) as call:
                reply = await model(call.bundle.prompt.template)

    It has the nouns and methods of `Client`, each of which waits in a thread of the
    client's: what is cancelled is not waited for any longer, and may be done all the same.
    Tables become frames by `run`: ``await client.run(to_polars, client.inferences.table())``.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self.client = Client(*arguments, **more)
        self._waiting = Waiting()
        super().__init__(self.client, self._waiting)

    async def resolve(
        self, route: str, context: dict[str, Any] | None = None, **more: Any
    ) -> Resolved:
        """As `Client.resolve`; only the first one of an environment waits, in a thread.

        Raises:
            NotFound, Killed, NoActiveBundle, Unavailable: as there.
        """
        if self.client.resolves_at_once(more.get("environment")):
            return self.client.resolve(route, context, **more)
        return await self.run(self.client.resolve, route, context, **more)

    async def inference(
        self, route: str, context: dict[str, Any] | None = None, **more: Any
    ) -> "AsyncCall":
        """As `Client.inference`, for ``async with``.

        Raises:
            NotFound, Killed, NoActiveBundle, Unavailable: as there.
        """
        if self.client.resolves_at_once(more.get("environment")):
            return AsyncCall(self.client.inference(route, context, **more))
        return AsyncCall(await self.run(self.client.inference, route, context, **more))

    async def start(self, environment: str | None = None) -> None:
        """As `Client.start`.

        Raises:
            Unavailable: as there.
        """
        await self.run(self.client.start, environment)

    async def save_manifest(self, environment: str, file: Path) -> int:
        """As `Client.save_manifest`."""
        return await self.run(self.client.save_manifest, environment, file)

    async def divergences(
        self,
        environment: str | None = None,
        *,
        since: datetime | None = None,
        hours: float | None = None,
        grace_seconds: float | None = None,
        limit: int | None = None,
    ) -> Divergences:
        """As `Client.divergences`."""
        return await self.run(
            self.client.divergences,
            environment,
            since=since,
            hours=hours,
            grace_seconds=grace_seconds,
            limit=limit,
        )

    async def flush(self) -> bool:
        """As `Client.flush`."""
        return await self.run(self.client.flush)

    async def run(
        self, method: Callable[Given, Answer], *arguments: Given.args, **more: Given.kwargs
    ) -> Answer:
        """Call something that waits in a thread."""
        return await self._waiting.run(method, *arguments, **more)

    async def aclose(self) -> None:
        """Ship what is spooled, as far as the server takes it, and close the connections."""
        await self.run(self.client.close)
        self._waiting.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


class AsyncCall:
    """A `Call` whose block is asynchronous."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def __aenter__(self) -> Call:
        return self._call.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._call.__exit__(kind, error, trace)
