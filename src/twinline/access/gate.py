"""The gate: the one place where a request is let in.

An endpoint asks for its transaction by ``reading(PERMISSION)`` or
``writing(PERMISSION)``; opening it checks the key and the permission. The transaction
ends before the answer leaves (``scope="function"``), so a 2xx means committed. An
endpoint that must ask another system first takes a ``caller(PERMISSION)`` and writes
when it has the answer, so that no transaction waits for a network.
"""

import hashlib
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, Response
from fastapi.params import Depends as Dependency
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from twinline.access import actions
from twinline.access.keyring import KeyRing
from twinline.access.rules import GRANTED, Permission
from twinline.db.session import Database, Reading, Writing
from twinline.language import strict_json
from twinline.language.errors import TwinlineError
from twinline.language.records import ApiKey

_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="`twl_...`")
_bearer = HTTPBearer(auto_error=False, description="`Authorization: Bearer twl_...`")


def _sent_key(
    header: Annotated[str | None, Depends(_header)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str | None:
    return header or (bearer.credentials if bearer else None)


SentKey = Annotated[str | None, Depends(_sent_key)]


def database(request: Request) -> Database:
    """The database that this application serves."""
    return request.app.state.database


@dataclass(frozen=True)
class Admission:
    """Opens a transaction for whoever holds ``permission``."""

    permission: Permission


class _ReadingAdmission(Admission):
    def __call__(self, request: Request, key: SentKey) -> Iterator[Reading]:
        with database(request).reading() as tx:
            actions.authorize(tx, key, self.permission)
            yield tx


class _WritingAdmission(Admission):
    def __call__(self, request: Request, key: SentKey) -> Iterator[Writing]:
        with database(request).writing(actions.SYSTEM) as tx:
            actions.admit(tx, key, self.permission)
            yield tx


def reading(permission: Permission) -> Dependency:
    """A read-only transaction for whoever holds ``permission``."""
    return Depends(_ReadingAdmission(permission), scope="function")


def writing(permission: Permission) -> Dependency:
    """A transaction that commits before the answer leaves."""
    return Depends(_WritingAdmission(permission), scope="function")


@dataclass(frozen=True)
class Caller:
    """Somebody who was let in, before anything is read or written for them."""

    name: str
    database: Database
    powers: frozenset[str] = frozenset()

    @contextmanager
    def writing(self) -> Generator[Writing]:
        """A transaction in the caller's name."""
        with self.database.writing(self.name) as tx:
            tx.powers = self.powers
            yield tx


class _CallerAdmission(Admission):
    def __call__(self, request: Request, key: SentKey) -> Caller:
        with database(request).reading() as tx:
            known = actions.authorize(tx, key, self.permission)
        return Caller(known.owner, database(request), frozenset(GRANTED[known.role]))


def caller(permission: Permission) -> Dependency:
    """Whoever holds ``permission``, with no transaction open."""
    return Depends(_CallerAdmission(permission))


@dataclass(frozen=True)
class Reader:
    """Somebody who may read, in as many transactions as a long answer takes."""

    _database: Database

    def reading(self) -> AbstractContextManager[Reading]:
        """A read-only transaction."""
        return self._database.reading()


class _ReaderAdmission(Admission):
    def __call__(self, request: Request, key: SentKey) -> Reader:
        with database(request).reading() as tx:
            actions.authorize(tx, key, self.permission)
        return Reader(database(request))


def reader(permission: Permission) -> Dependency:
    """Whoever holds ``permission``, for an answer too long for one transaction."""
    return Depends(_ReaderAdmission(permission))


class _RingAdmission(Admission):
    async def __call__(self, request: Request, key: SentKey) -> ApiKey:
        keyring: KeyRing = request.app.state.keyring
        known = keyring.holder(key, self.permission) if key else None
        return known or await run_in_threadpool(self._judge, request, key, keyring)

    def _judge(self, request: Request, key: str | None, keyring: KeyRing) -> ApiKey:
        keyring.load(database(request))
        with database(request).reading() as tx:
            return actions.authorize(tx, key, self.permission)


def admitted(permission: Permission) -> Dependency:
    """Whoever holds ``permission``, known from memory: no transaction for each request."""
    return Depends(_RingAdmission(permission))


class BodyRefused(HTTPException):
    """Carries an error of ours through FastAPI's reading of the body."""

    def __init__(self, error: TwinlineError) -> None:
        super().__init__(error.status, error.detail)
        self.error = error


class _StrictRequest(Request):
    async def json(self) -> Any:
        try:
            return strict_json.loads(await self.body())
        except TwinlineError as error:
            raise BodyRefused(error) from error


class StrictRoute(APIRoute):
    """Reads bodies by `strict_json` instead of by Python's lenient reader."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Serves a request; FastAPI asks for it once."""
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strictly


Cursor = Annotated[str | None, Query(max_length=2000, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500, description="Items on a page.")]


def strict_router(*tags: str, prefix: str = "") -> APIRouter:
    """The router that every noun's ``api`` begins with."""
    return APIRouter(prefix=prefix, tags=list(tags), route_class=StrictRoute)


@dataclass(frozen=True)
class Once:
    """Makes a write happen once per ``Idempotency-Key``.

    The key is claimed in the transaction of the write, so either both are kept or
    neither, and a second request with the key waits for the first.
    """

    key: str | None
    fingerprint: str

    def __call__(self, tx: Writing, act: Callable[[], tuple[int, BaseModel]]) -> Response:
        """Answer with what ``act`` returns (status, record), or as the first time.

        Raises:
            KeyReused: the key was used for another request.
        """
        if self.key is None:
            return _answer(*act())
        earlier = actions.claim(tx, self.key, self.fingerprint)
        if earlier is not None:
            return JSONResponse(
                earlier.body, earlier.status, headers={"Idempotent-Replayed": "true"}
            )
        status, record = act()
        actions.remember(tx, self.key, status, record.model_dump(mode="json"))
        return _answer(status, record)


def _answer(status: int, record: BaseModel) -> Response:
    return Response(record.model_dump_json(), status, media_type="application/json")


async def _once(
    request: Request,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            max_length=200,
            description="A key of yours: the same request with the same key happens once.",
        ),
    ] = None,
) -> Once:
    key = key or None  # an empty header asks for nothing
    body = await request.body() if key else b""
    parts: tuple[Any, ...] = (request.method, request.url.path, request.url.query)
    seen = "\n".join(map(str, parts)).encode() + b"\n" + body
    return Once(key, hashlib.sha256(seen).hexdigest())


OnceOnly = Annotated[Once, Depends(_once)]
