"""Where the calls of a client for asyncio wait: in threads of its own.

Those of the event loop look up names for whoever else uses it, and a server that is busy
would have all of them asleep between two tries.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

AT_ONCE = 32
"""Calls of one client that wait at the same time; more wait for their turn."""


class Waiting:
    """Threads that are made when they are needed, up to `AT_ONCE`."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, "twinline-client")

    async def run(
        self, method: Callable[Given, Answer], *arguments: Given.args, **more: Given.kwargs
    ) -> Answer:
        """Call something that waits, with the context of who asks."""
        call = partial(copy_context().run, method, *arguments, **more)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        """Take no more calls; those that wait end by themselves."""
        self._threads.shutdown(wait=False)
