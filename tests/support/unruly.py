"""The way to a real MLflow, where answers get lost and requests come late."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable

import httpx

WRITES = ("POST", "DELETE")


class Unruly(httpx.AsyncBaseTransport):
    """Passes requests on, and misbehaves as it is told.

    Attributes:
        writes: the writes that MLflow was sent, in order.
        before_write: called once, just before the next write is passed on.
        lose_answers: how many of the next writes happen and get no answer.
        keep_back: how many of the next writes get no answer and happen at `let_go`.
        answer: given instead of asking MLflow at all.
        crowded: models about which two requests were under way at once.
    """

    def __init__(self) -> None:
        self.writes: list[str] = []
        self.before_write: Callable[[], None] | None = None
        self.lose_answers = 0
        self.keep_back = 0
        self.answer: httpx.Response | None = None
        self.crowded: set[str] = set()
        self._under_way: Counter[str] = Counter()
        self._kept_back: list[tuple[str, str, bytes]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.answer is not None:
            return self.answer
        model = request.url.params.get("name") or json.loads(await request.aread())["name"]
        self._under_way[model] += 1
        if self._under_way[model] > 1:
            self.crowded.add(model)
        try:
            return await self._passed(request)
        finally:
            self._under_way[model] -= 1

    async def _passed(self, request: httpx.Request) -> httpx.Response:
        if request.method in WRITES:
            body = await request.aread()
            self.writes.append(f"{request.method} {body.decode()}")
            hook, self.before_write = self.before_write, None
            if hook is not None:
                await asyncio.to_thread(hook)
            if self.keep_back:
                self.keep_back -= 1
                self._kept_back.append((request.method, str(request.url), body))
                raise httpx.ReadTimeout("kept back", request=request)
        async with httpx.AsyncHTTPTransport() as network:
            answer = await network.handle_async_request(request)
            found = httpx.Response(
                answer.status_code, headers=answer.headers, content=await answer.aread()
            )
        if request.method in WRITES and self.lose_answers:
            self.lose_answers -= 1
            raise httpx.ReadTimeout("the answer is lost", request=request)
        return found

    def let_go(self) -> int:
        """Have the oldest write that was kept back happen now; how many are left."""
        if self._kept_back:
            method, url, body = self._kept_back.pop(0)
            headers = {"content-type": "application/json"}
            httpx.request(method, url, content=body, headers=headers, timeout=30)
        return len(self._kept_back)
