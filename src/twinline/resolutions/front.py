"""The door that most requests come through: plain ASGI, in front of the web framework.

It serves what is plainly right, from memory and the group-commit writer. Everything
else - a body, key or route that is not surely good - goes on to the web framework,
which has the same route over the same resolver, and says what is wrong.
"""

import json
import time

from starlette.datastructures import State
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twinline.access.keyring import KeyRing
from twinline.access.rules import Permission
from twinline.language.errors import TwinlineError
from twinline.resolutions import codec
from twinline.resolutions.answers import Given
from twinline.resolutions.codec import Wanted
from twinline.resolutions.resolver import Resolver

PATH = "/api/v1/resolve"
FRESH_SECONDS = 60.0

_HEADERS = [(b"content-type", b"application/json")]


class Front:
    """Answers the plain requests to resolve; passes on all others."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        state = self.state
        body, messages = await _read(receive)
        resolver: Resolver = state.resolver
        begun = _begin(resolver, body) if _let_in(state.keyring, scope) else None
        if begun is None:
            await self.app(scope, _again(messages, receive), send)
            return
        given, more = begun
        answer = given.json() if given.id is None else await resolver.record(given, more)
        content = answer.encode()
        length = (b"content-length", str(len(content)).encode())
        start = {"type": "http.response.start", "status": 200, "headers": [*_HEADERS, length]}
        await send(start)
        await send({"type": "http.response.body", "body": content})


def _begin(resolver: Resolver, body: bytes) -> tuple[Given, str] | None:
    """What to answer and what to record with it; None when it takes a slower look."""
    wanted = codec.read(body)
    held = resolver.feed.fresh(wanted.environment) if wanted else None
    if wanted is None or held is None or not _surely_recordable(wanted):
        return None
    form = codec.canonical_context(body, wanted)
    if form is None:
        return None
    try:
        given = resolver.choose(
            held, wanted.route, wanted.context, record=wanted.record, id=wanted.inference_id
        )
    except TwinlineError:
        return None
    if given.shadow and wanted.inference_id:
        return None  # if it comes again, the shadows of another deployment must not join its own
    return given, _more(wanted, form)


def _surely_recordable(wanted: Wanted) -> bool:
    """Whether the ledger takes the id without looking: none was given, or a fresh one."""
    id = wanted.inference_id
    if id is None or not wanted.record:
        return True
    return id.version == 7 and abs((id.int >> 80) / 1000 - time.time()) < FRESH_SECONDS


def _more(wanted: Wanted, form: bytes) -> str:
    parts = [f',"context_digest":"{codec.context_digest(form)}"']
    if wanted.keep_context:
        parts.append(f',"context":{form.decode()}')
    for name in ("decision", "trace_id"):
        value = getattr(wanted, name)
        if value is not None:
            parts.append(f',"{name}":{json.dumps(value)}')
    if wanted.parent_id is not None:
        parts.append(f',"parent_id":"{wanted.parent_id}"')
    return "".join(parts)


def _let_in(keyring: KeyRing, scope: Scope) -> bool:
    """Whether this is surely JSON, from somebody who may resolve."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name, value)  # of several the first counts
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    sent = headers.get(b"x-api-key") or _bearer(headers.get(b"authorization", b""))
    if kind != b"application/json" or not sent:
        return False
    return keyring.holder(sent.decode("latin-1"), Permission.RESOLVE) is not None


def _bearer(value: bytes) -> bytes:
    return value[7:] if value[:7].lower() == b"bearer " else b""


async def _read(receive: Receive) -> tuple[bytes, list[Message]]:
    """The whole body, and the messages that it came in."""
    messages: list[Message] = []
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request" or not message.get("more_body", False):
            return b"".join(part.get("body", b"") for part in messages), messages


def _again(messages: list[Message], receive: Receive) -> Receive:
    """Give the messages again, and then whatever comes."""
    waiting = iter(messages)

    async def replayed() -> Message:
        message = next(waiting, None)
        return await receive() if message is None else message

    return replayed
