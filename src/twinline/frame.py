"""What is around every request: its id, the limit on its body, and its last resort.

Plain ASGI, because a middleware of Starlette's base class costs more than most of our
requests.
"""

import logging
import re
from time import time_ns

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twinline.access.gate import BodyRefused
from twinline.language.errors import TooLarge, TwinlineError
from twinline.language.ids import new_id_text

BODY_MAX = 1 << 20
BATCH_MAX = 16 << 20
BATCH_PATHS = re.compile(
    r"/api/v1/(inferences|prompts/import|mlflow/servers/[^/]+/changes|evaluations(/pending/[0-9]+/report)?)"
    r"|/v1/traces|/api/public/(otel/v1/traces|ingestion)"
    r"|/write(/(checks|draft))?"  # a form takes up to six bytes for each of a prompt
)

_request_id = re.compile(r"[A-Za-z0-9._-]{1,100}")
_log = logging.getLogger("twinline")


def problem(error: TwinlineError) -> JSONResponse:
    """The answer for an error of ours: RFC 9457 problem details."""
    headers = {"Retry-After": "1"} if error.status == 503 else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        error.problem(), error.status, headers=headers, media_type="application/problem+json"
    )


class Frame:
    """The outermost part of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sent = headers.get("x-request-id", "")
        id = sent if _request_id.fullmatch(sent) else new_id_text(time_ns() // 1_000_000)
        scope["twinline.request_id"] = id
        begun = False

        async def framed(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                answer = MutableHeaders(scope=message)
                answer["X-Request-Id"] = id
                answer["X-Content-Type-Options"] = "nosniff"
            await send(message)

        limit = BATCH_MAX if BATCH_PATHS.fullmatch(scope["path"]) else BODY_MAX
        try:
            if int(headers.get("content-length", "0")) > limit:
                await problem(_too_large(limit))(scope, receive, framed)
                return
            await self.app(scope, _limited(receive, limit), framed)
        except (TwinlineError, BodyRefused) as error:  # from the door in front of the framework
            if begun:
                raise
            refused = error.error if isinstance(error, BodyRefused) else error
            await problem(refused)(scope, receive, framed)


class LastResort:
    """Answers what nobody foresaw, so that it is said in our words and logged with its id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except (TwinlineError, BodyRefused):
            raise  # foreseen: the frame says it
        except ClientDisconnect:
            return  # nobody is there to be answered
        except Exception:
            if scope["type"] != "http":
                raise
            id = scope.get("twinline.request_id")
            _log.exception("request %s failed: %s %s", id, scope["method"], scope["path"])
            if begun:
                raise
            unforeseen = TwinlineError(
                "Something went wrong on our side; the server's log has it under this request id.",
                request_id=id,
            )
            await problem(unforeseen)(scope, receive, send)


def _limited(receive: Receive, limit: int) -> Receive:
    """Refuse a body as soon as it is longer than ``limit`` bytes, whatever it announced."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise BodyRefused(_too_large(limit))
        return message

    return counted


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The body is larger than {limit >> 20} MB; send less at once.", limit_bytes=limit
    )
