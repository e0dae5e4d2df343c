"""Requests and answers: the one place where the client talks to the server."""

import os
import socket
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote
from uuid import uuid4
from weakref import WeakSet

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from twinline.client.tries import Tries, asked_seconds
from twinline.language import errors
from twinline.language.errors import PROBLEM_PREFIX, CutShort, TwinlineError, Unavailable
from twinline.language.records import Page

Answer = TypeVar("Answer")
Query = Mapping[str, Any]

TRIES = 3
_STRETCH_SECONDS = 60.0
"""How long a long answer may be silent: the server gives up on a stretch of it after half."""
_AWAY = {429, 502, 503, 504}
"""What is answered by a server with too much to do, and by a proxy whose server is away."""


class Stream(NamedTuple):
    """The lines of an answer that goes on, and how another thread ends it."""

    lines: Iterator[str]
    hang_up: Callable[[], None]


class Http:
    """Sends requests to one server with one key.

    Every write carries an idempotency key, so what got no answer is sent again (up to
    three times in all) without happening twice, and so is what a server that is busy
    refused, until ``total_seconds`` are over.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        *,
        timeout_seconds: float = 10.0,
        total_seconds: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._total_seconds = total_seconds
        self.url = url.rstrip("/")
        self._settings: dict[str, Any] = {
            "base_url": f"{self.url}/api/v1",
            "headers": {"X-API-Key": api_key} if api_key else {},
            "timeout": timeout_seconds,
            "transport": transport,
        }
        self._client = httpx.Client(**self._settings)
        _open.add(self)

    def connect_anew(self) -> None:
        """In a child process: connections of its own; the inherited ones are the parent's."""
        self._client = httpx.Client(**self._settings)

    def get(self, kind: type[Answer], path: str, query: Query | None = None) -> Answer:
        """Read a record."""
        return _read(kind, self._send("GET", path, query=query))

    def document(self, path: str, query: Query | None = None) -> httpx.Response:
        """Read what is no record: a document, with what is said about it."""
        return self._send("GET", path, query=query)

    def pages(self, kind: type[Answer], path: str, query: Query | None = None) -> Iterator[Answer]:
        """Read a list item by item, page after page."""
        query = dict(query or {})
        while True:
            page: Page[Answer] = _read(Page[kind], self._send("GET", path, query=query))
            yield from page.items
            if page.next is None:
                return
            query["cursor"] = page.next

    def write(
        self,
        kind: type[Answer],
        method: str,
        path: str,
        body: BaseModel | None = None,
        *,
        query: Query | None = None,
        expected: int | None = None,
        key: str | None = None,
        tries: int = TRIES,
        timeout_seconds: float | None = None,
    ) -> Answer:
        """Write something. ``expected`` is the live deployment that it is based on, ``key`` an
        idempotency key of the caller's own, ``timeout_seconds`` for what takes longer."""
        headers = {"Idempotency-Key": key or uuid4().hex}
        if expected is not None:
            headers["If-Match"] = f'"{expected}"'
        sent = self._send(
            method,
            path,
            query=query,
            body=body,
            headers=headers,
            tries=tries,
            timeout=timeout_seconds,
        )
        return _read(kind, sent)

    def post_json(self, kind: type[Answer], path: str, body: bytes) -> Answer:
        """Send a body that can be sent twice without harm."""
        return _read(kind, self._post(path, body))

    def post_report(self, path: str, report: BaseModel) -> None:
        """Send something that nothing is answered to."""
        self._post(path, report.model_dump_json().encode())

    def raw(
        self, method: str, path: str, query: Query, headers: Mapping[str, str]
    ) -> httpx.Response:
        """Ask once, and answer as the server did when it did not refuse."""
        answer = self._client.request(method, path, params=_given(query), headers=headers)
        return answer if answer.status_code == HTTPStatus.NOT_MODIFIED else _unless_refused(answer)

    @contextmanager
    def streamed(self, path: str, query: Query, silence_seconds: float) -> Generator[Stream]:
        """An answer that goes on; it ends after ``silence_seconds`` of silence."""
        timeout = httpx.Timeout(self._client.timeout.connect, read=silence_seconds)
        sent = self._client.build_request("GET", path, params=_given(query), timeout=timeout)
        answer = self._client.send(sent, stream=True)
        try:
            if not answer.is_success:
                answer.read()
                raise _error(answer)
            yield Stream(answer.iter_lines(), lambda: _hang_up(answer))
        finally:
            answer.close()

    def chunks(self, path: str, query: Query) -> Generator[bytes]:
        """A long answer in chunks, as they come; tried again until the first one came.

        Raises:
            CutShort: it broke off; what came of it is not all.
        """
        count = 0
        timeout = httpx.Timeout(self._client.timeout.connect, read=_STRETCH_SECONDS)
        left = Tries(TRIES, self._total_seconds)
        while True:
            try:
                with self._client.stream(
                    "GET", path, params=_given(query), timeout=timeout
                ) as answer:
                    if answer.is_success:
                        for chunk in answer.iter_bytes():
                            count += len(chunk)
                            yield chunk
                        return
                    answer.read()
            except httpx.TransportError as error:
                if count:
                    raise self._cut_short(count) from error
                if not left.again():
                    raise self._silent(error) from error
            else:
                if not _may_ask_again(answer, left):
                    raise _error(answer)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: BaseModel | None = None,
        headers: Mapping[str, str] | None = None,
        tries: int = TRIES,
        timeout: float | None = None,
    ) -> httpx.Response:
        sent: dict[str, Any] = {"params": _given(query), "headers": dict(headers or {})}
        if body is not None:
            sent["content"] = body.model_dump_json(exclude_unset=True)
            sent["headers"]["Content-Type"] = "application/json"
        silence: float = self._settings["timeout"] if timeout is None else timeout
        left = Tries(tries, max(self._total_seconds, timeout or 0))
        while True:
            try:
                answer = self._client.request(method, path, timeout=left.timeout(silence), **sent)
            except httpx.TransportError as error:
                if not left.again():
                    raise self._silent(error) from error
            else:
                if not _may_ask_again(answer, left):
                    return _unless_refused(answer)

    def _post(self, path: str, body: bytes) -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        try:
            return _unless_refused(self._client.post(path, content=body, headers=headers))
        except httpx.TransportError as error:
            raise self._silent(error) from error

    def _cut_short(self, count: int) -> CutShort:
        return CutShort(
            f"The answer of {self.url} broke off after {count:,} bytes; ask again.", url=self.url
        )

    def _silent(self, error: httpx.TransportError) -> Unavailable:
        return Unavailable(
            f"The server at {self.url} does not answer ({error or type(error).__name__}). "
            "Is it running? `twinline up` starts one; TWINLINE_URL says where it is.",
            url=self.url,
        )


def _may_ask_again(answer: httpx.Response, left: Tries) -> bool:
    """Whether a server was too busy; then as soon as it may be asked again."""
    asked = asked_seconds(answer.headers.get("Retry-After"))
    return answer.status_code in _AWAY and left.again(asked)


def _hang_up(answer: httpx.Response) -> None:
    """Shut the socket: closing it would not wake a thread that waits for it."""
    stream = answer.extensions.get("network_stream")
    found = stream.get_extra_info("socket") if stream is not None else None
    if isinstance(found, socket.socket):
        with suppress(OSError):  # not TLS's own shutdown, which is not for two threads
            socket.socket.shutdown(found, socket.SHUT_RDWR)


_open: WeakSet[Http] = WeakSet()


def _after_fork() -> None:
    for http in list(_open):
        http.connect_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def segment(text: str) -> str:
    """Text as one segment of a path; slashes stay, because names may hold them."""
    return quote(text, safe="/@")


def _given(query: Query | None) -> dict[str, str | list[str]]:
    return {name: _plain(value) for name, value in (query or {}).items() if value is not None}


def _plain(value: Any) -> str | list[str]:
    match value:
        case list() | tuple():
            return [str(one) for one in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- any items
        case datetime():
            return value.isoformat()
        case _:
            return str(value)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _read(kind: type[Answer], answer: httpx.Response) -> Answer:
    try:
        return _adapter(kind).validate_json(answer.content)
    except ValidationError as error:
        raise TwinlineError(
            f"{answer.request.url} answered {answer.status_code} with something else than this "
            f"version of Twinline understands: {error.errors()[0]['msg']}."
        ) from error


def _unless_refused(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    raise _error(answer)


def _error(answer: httpx.Response) -> TwinlineError:
    """The error that the server raised, from its problem details."""
    try:
        problem: dict[str, Any] = dict(answer.json())
    except (TypeError, ValueError):  # not ours, say a proxy's page
        problem = {}
    detail = problem.pop("detail", None) or f"The server answered {answer.status_code}."
    code = str(problem.pop("type", "")).removeprefix(PROBLEM_PREFIX)
    away = answer.status_code in _AWAY
    kind = _kinds().get(code, Unavailable if away else TwinlineError)
    fields = {name: problem[name] for name in problem.keys() - {"title", "status"}}
    return kind(detail, **fields)


@cache
def _kinds() -> dict[str, type[TwinlineError]]:
    found = (kind for kind in vars(errors).values() if isinstance(kind, type))
    return {kind.code: kind for kind in found if issubclass(kind, TwinlineError)}
