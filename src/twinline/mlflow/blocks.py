"""A block that answers one request: its bundle, its trace, its record."""

import asyncio
from functools import partial
from types import TracebackType
from typing import Any

from twinline.client import AsyncClient, Client
from twinline.client.local.calls import Call
from twinline.language.records import ServedBundle
from twinline.mlflow.tracing import CallSpan, open_span

AnyClient = Client | AsyncClient


def inference(
    client: AnyClient,
    route: str,
    context: dict[str, Any] | None = None,
    *,
    environment: str | None = None,
    default: ServedBundle | None = None,
    decision: str | None = None,
    traceparent: str | None = None,
    keep_context: bool = False,
) -> "InferenceBlock":
    """As `Client.inference`, in an MLflow trace that names what answered::

        with twinline.mlflow.inference(client, "support-answer", {"tenant": "acme"}) as call:
            reply = openai.chat.completions.create(model=..., messages=...)

    The trace that is going on is gone on with; else this is a new one. The inference has
    the trace's id, and what its spans say of tokens, cost, latency and status, except for
    what you `observe` yourself. With ``async with`` nothing blocks the event loop.

    ``traceparent`` counts when MLflow does not trace. To go on with a caller's MLflow
    trace, put the block into ``mlflow.tracing.set_tracing_context_from_http_request_headers``.

    Raises:
        NotFound, Killed, NoActiveBundle, Unavailable: on entering, as `Client.resolve`.
    """
    plain = client.client if isinstance(client, AsyncClient) else client
    begin = partial(
        plain.inference,
        route,
        context,
        environment=environment,
        default=default,
        decision=decision,
        traceparent=traceparent,
        keep_context=keep_context,
    )
    return InferenceBlock(plain, environment, begin)


class InferenceBlock:
    """The block of one inference, for ``with`` and ``async with``; it gives the `Call`."""

    def __init__(self, client: Client, environment: str | None, begin: "partial[Call]") -> None:
        self._client = client
        self._environment = environment
        self._resolve = begin
        self._call: Call | None = None
        self.span: CallSpan | None = None

    def __enter__(self) -> Call:
        return self._begin(self._resolve())

    async def __aenter__(self) -> Call:
        if self._client.resolves_at_once(self._environment):
            return self.__enter__()
        return self._begin(await asyncio.to_thread(self._resolve))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._call is not None
        if kind is GeneratorExit:  # whoever reads a stream may stop when he has enough
            kind = error = trace = None
        if self.span is not None:
            self.span.close(kind, error, trace)
        self._call.__exit__(kind, error, trace)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

    def _begin(self, call: Call) -> Call:
        self._call = call.__enter__()
        self.span = open_span(call)
        return call
