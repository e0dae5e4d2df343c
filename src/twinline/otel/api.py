"""OTLP/HTTP traces."""

from collections.abc import Callable, Coroutine, MutableMapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.routing import APIRoute

from twinline.access.gate import BodyRefused, Caller, caller
from twinline.access.rules import Permission
from twinline.language.errors import TwinlineError, UnsupportedMedia
from twinline.otel import actions, wire
from twinline.otel.counts import Counts

PATH = "/v1/traces"


class ExportRoute(APIRoute):
    """Says what is wrong in the words that exporters understand: a ``google.rpc.Status``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Serves a request; FastAPI asks for it once."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except (TwinlineError, BodyRefused) as refused:
                counts(request).refused()
                error = refused.error if isinstance(refused, BodyRefused) else refused
                try:
                    encoding = wire.encoding_of(request.headers.get("content-type"))
                except UnsupportedMedia:
                    raise error from None
                said = wire.failed(encoding, error.status, error.detail)
                headers = _HEADERS.get(error.status, {})
                return Response(said.content, error.status, headers, media_type=said.encoding)

        return answer


_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}
_MESSAGE: dict[str, Any] = {
    wire.PROTOBUF: {"schema": {"type": "string", "format": "binary"}},
    wire.JSON: {"schema": {"type": "object", "additionalProperties": True}},
}

router = APIRouter(tags=["opentelemetry"], route_class=ExportRoute)
Exporter = Annotated[Caller, caller(Permission.RECORD)]

EXPORT: dict[str, Any] = {
    "openapi_extra": {"requestBody": {"required": True, "content": _MESSAGE}},
    "responses": {
        200: {"description": "ExportTraceServiceResponse", "content": _MESSAGE},
        "4XX": {"description": "google.rpc.Status", "content": _MESSAGE},
        "5XX": {"description": "google.rpc.Status", "content": _MESSAGE},
    },
    "response_class": Response,
}
"""How a route that takes trace exports is declared."""


async def _body(request: Request) -> bytes:
    return await request.body()


def counts(request: Request) -> Counts:
    """What this process has received so far."""
    return request.app.state.otlp


@router.post(PATH, **EXPORT)
def take(
    by: Exporter,
    body: Annotated[bytes, Depends(_body)],
    counted: Annotated[Counts, Depends(counts)],
    content_type: Annotated[
        str | None, Header(description="`application/x-protobuf` or `application/json`.")
    ] = None,
    content_encoding: Annotated[str | None, Header(description="`gzip`, or none.")] = None,
) -> Response:
    """Take an OTLP trace export: what is a model call becomes an inference.

    The body is an ``ExportTraceServiceRequest`` in protobuf or JSON, plain or by gzip, up
    to 16 MB unpacked. A span with ``twinline.inference_id`` adds an outcome to that
    inference. Other spans are ignored; those that are refused, as from before the oldest
    day of the ledger, are told as partial success. Sending spans again changes nothing.
    """
    encoding = wire.encoding_of(content_type)
    spans = wire.spans(wire.unpacked_body(body, content_encoding), encoding)
    taken = actions.take(by.writing, spans)
    counted.took(taken.counts)
    answer = wire.accepted(encoding, len(taken.refused), taken.why)
    return Response(answer.content, media_type=answer.encoding)


def is_export(scope: MutableMapping[str, Any]) -> bool:
    """Whether this is a trace export, of which no trace must be made: exported to ourselves
    it would be one more, without end. Other doors take exports at addresses that end alike."""
    return str(scope.get("path")).endswith(PATH)
