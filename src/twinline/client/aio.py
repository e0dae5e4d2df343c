"""The client for asyncio: resolving never waits for anything, and so never blocks the loop."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from twinline.client.client import Client
from twinline.client.local.calls import Call
from twinline.client.local.resolved import Resolved

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


class AsyncClient:
    """A `Client` for programs with an event loop; it takes the same arguments.

    ::

        async with AsyncClient(url, key) as client:
            async with await client.inference("support-answer", context) as call:
                reply = await model(call.bundle.prompt.template)

    Everything but `resolve` and `inference` is asked for through `run`, in a thread.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self.client = Client(*arguments, **more)

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

    async def run(
        self, method: Callable[Given, Answer], *arguments: Given.args, **more: Given.kwargs
    ) -> Answer:
        """Call a method of the client in a thread: ``await c.run(c.client.slots.get, slot)``."""
        return await asyncio.to_thread(method, *arguments, **more)

    async def aclose(self) -> None:
        """Ship what is spooled, as far as the server takes it, and close the connections."""
        await self.run(self.client.close)

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
