"""One request to an MLflow server, and the names of all the ways in which it can fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import httpx
from pydantic import ValidationError

from twinline.language.errors import AnswerTooLarge, Invalid, MlflowUnavailable
from twinline.mirror import answers

BODY_BYTES_MAX = 16 * 1024 * 1024
_API = "api/2.0/mlflow/"
_TRACES = "api/3.0/mlflow/traces/"

Kind = TypeVar("Kind", bound=answers.Answer)


@dataclass(frozen=True)
class _Reply:
    status: int
    content_type: str
    body: bytes


class Asking:
    """A conversation in progress: the open client, and the server's URL for messages."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = url

    async def ask(self, kind: type[Kind], path: str, **params: str) -> Kind | None:
        """The answer, or None when MLflow itself says that there is no such thing.

        Raises:
            MlflowUnavailable: it does not answer, or not as MLflow does.
            AnswerTooLarge: it answers with more than `BODY_BYTES_MAX`.
            Invalid: it refuses a parameter.
        """
        reply = await self._send("GET", _API + path, params=params)
        if reply.status != 200:
            return self._none_or_raise(reply, params)
        return self._read(kind, path, reply)

    async def tell(self, kind: type[Kind], method: str, path: str, body: dict[str, Any]) -> Kind:
        """Change something at MLflow; what it answers.

        Raises:
            MlflowUnavailable: it does not answer, or not as MLflow does.
            Invalid: it refuses what it is told.
        """
        reply = await self._send(method, _API + path, json=body)
        if reply.status != 200:
            said = _failure(reply).message
            if 400 <= reply.status < 500 and said:
                raise Invalid(f"MLflow at {self._url} refuses {path}: {said}", path=path)
            self._refuse(reply.status)
        return self._read(kind, path, reply)

    async def traces(self, kind: type[Kind], ids: Sequence[str]) -> Kind:
        """Whole traces by their ids.

        Raises:
            MlflowUnavailable: it does not answer, or not as MLflow does.
        """
        path = f"{_TRACES}batchGet"
        return self._found(kind, path, await self._send("GET", path, params={"trace_ids": ids}))

    async def search_traces(self, kind: type[Kind], wanted: Mapping[str, Any]) -> Kind:
        """A page of what is known about traces.

        Raises:
            MlflowUnavailable: it does not answer, or not as MLflow does.
        """
        path = f"{_TRACES}search"
        return self._found(kind, path, await self._send("POST", path, json=wanted))

    def _found(self, kind: type[Kind], path: str, reply: _Reply) -> Kind:
        if reply.status != 200:
            self._refuse(reply.status)
        return self._read(kind, path, reply)

    def _read(self, kind: type[Kind], path: str, reply: _Reply) -> Kind:
        try:
            return kind.model_validate_json(reply.body)
        except ValidationError as error:
            raise unavailable(
                self._url, f"answers {path} not as MLflow does, but with {reply.content_type}"
            ) from error

    async def healthy(self) -> bool:
        """Whether the health check says OK."""
        reply = await self._send("GET", "health")
        return reply.status == 200 and reply.body.strip() == b"OK"

    async def _send(self, method: str, path: str, **sent: Any) -> _Reply:
        try:
            async with self._http.stream(method, path, **sent) as response:
                body = await self._body(response, path)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise unavailable(self._url, f"cannot be read ({reason})") from error
        content_type = response.headers.get("content-type", "no content type")
        return _Reply(response.status_code, content_type, body)

    async def _body(self, response: httpx.Response, path: str) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise AnswerTooLarge(
                    f"MLflow at {self._url} answers {path} with more than {BODY_BYTES_MAX} bytes. "
                    "What is so large by itself has to be made smaller in MLflow: shorten its "
                    "text, or remove tags.",
                    url=self._url,
                )
        return bytes(body)

    def _none_or_raise(self, reply: _Reply, params: dict[str, str]) -> None:
        failure = _failure(reply)
        if failure.error_code == "RESOURCE_DOES_NOT_EXIST":
            return
        if failure.error_code == "INVALID_PARAMETER_VALUE":
            field, value = next(iter(params.items()), ("", ""))
            raise Invalid(f"MLflow refuses {value!r}: {failure.message}", field=field, value=value)
        self._refuse(reply.status)

    def _refuse(self, status: int) -> NoReturn:
        what = f"answers with HTTP {status}"
        if 300 <= status < 400:
            what = f"redirects us (HTTP {status}), perhaps to a login page"
        elif status in (401, 403):
            raise MlflowUnavailable(
                f"MLflow at {self._url} does not let us in (HTTP {status}). Set "
                "TWINLINE_MLFLOW_USERNAME and TWINLINE_MLFLOW_PASSWORD, or TWINLINE_MLFLOW_TOKEN, "
                "for a user who may read everything there; of a server in "
                "TWINLINE_MLFLOW_SERVERS, its `username` and `password`, or `token`.",
                url=self._url,
            )
        raise unavailable(self._url, what)


def unavailable(url: str, what: str) -> MlflowUnavailable:
    """The error for a server that does ``what``, with the remedy."""
    return MlflowUnavailable(
        f"MLflow at {url} {what}. Check that it is running and that TWINLINE_MLFLOW_URL "
        "is its address.",
        url=url,
    )


def _failure(reply: _Reply) -> answers.Failure:
    """What MLflow says about it; empty when it is not MLflow that speaks."""
    try:
        return answers.Failure.model_validate_json(reply.body)
    except ValidationError:
        return answers.Failure()
