"""What was refused, as a page: what it was, what to do, and a way on."""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from twinline.access.gate import BodyRefused
from twinline.access.rules import Permission
from twinline.language.errors import (
    Invalid,
    NotAllowed,
    NotAuthenticated,
    TwinlineError,
    Unavailable,
)
from twinline.web import addresses, forms, rendering
from twinline.web.gate import COOKIE, Visitor, known
from twinline.web.page import Page

_log = logging.getLogger("twinline")


class ProblemPage(Page, template="problem.html"):
    """Something was refused or is not there."""

    status: int = Field(description="The HTTP status of this answer.")
    problem: str = Field(description="What kind of problem it is.")
    detail: str = Field(description="What was wrong, and what to do about it.")
    nearest: tuple[str, ...] = Field(description="The names most like the one that is not there.")
    who_may: str = Field(description="Who may do what you may not.")
    back: str = Field(description="Where you came from, if that was a page of ours.")

    @property
    def title(self) -> str:
        """The kind of problem."""
        return self.problem


class PageRoute(APIRoute):
    """Answers what a page refuses with a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Serves a request; FastAPI asks for it once."""
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handle(request)
            except BodyRefused as refused:
                error = refused.error
            except TwinlineError as refused:
                error = refused
            except RequestValidationError as refused:
                error = _invalid(refused)
            except (HTTPException, ClientDisconnect):
                raise
            except Exception:  # noqa: BLE001 -- the last resort of pages: said in our words, and logged
                id = request.scope.get("twinline.request_id")
                _log.exception("request %s failed: %s %s", id, request.method, request.url.path)
                error = _unforeseen(id)
            # It asks the database who is signed in, for which no other request may wait.
            return await run_in_threadpool(answer, request, error)

        return told


def page_router() -> APIRouter:
    """The router that every file of pages begins with."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def answer(request: Request, error: TwinlineError) -> Response:
    """The page for an error; who is not signed in is asked to, and comes back."""
    if isinstance(error, NotAuthenticated) and request.method == "GET":
        here = _here(request)
        return RedirectResponse(addresses.asked("/login", next=here if here != "/" else ""), 303)
    if isinstance(error, Unavailable):
        id = request.scope.get("twinline.request_id")
        _log.warning("request %s was refused: %s", id, error.detail)
    return rendering.answer(_known(request), page(request, error), error.status)


def page(request: Request, error: TwinlineError) -> ProblemPage:
    """What the page for an error says."""
    permission = error.fields.get("permission") if isinstance(error, NotAllowed) else None
    return ProblemPage(
        status=error.status,
        problem=error.title,
        detail=error.detail,
        nearest=tuple(map(str, error.fields.get("nearest", ()))),
        who_may=rendering.who_may(permission) if permission else "",
        back=_back(request),
    )


def not_a_page(request: Request, status: int) -> Response | None:
    """The page for an address that is none, for a browser; None for a program."""
    wanted = request.headers.get("accept", "")
    if "text/html" not in wanted or request.url.path.startswith(("/api/", "/v1/", "/ofrep/")):
        return None
    phrase, path = HTTPStatus(status).phrase, request.url.path
    found = ProblemPage(
        status=status,
        problem=phrase,
        detail=f"{path} takes what a form of ours sends, and is no page by itself."
        if status == HTTPStatus.METHOD_NOT_ALLOWED
        else f"There is no page at {path}. Look for what you meant by its name.",
        nearest=(),
        who_may="",
        back=_back(request),
    )
    return rendering.answer(_known(request), found, status)


def _known(request: Request) -> Visitor | None:
    """Whoever is signed in, for the navigation; nobody when that cannot be known. What was done
    before is not said beside a problem."""
    if COOKIE not in request.cookies:
        return None
    try:
        return replace(known(request, Permission.READ), done="")
    except TwinlineError:
        return None


def _here(request: Request) -> str:
    """The address to come back to; what was done before is not said once more then."""
    asked = parse_qsl(request.url.query, keep_blank_values=True)
    query = urlencode([(name, value) for name, value in asked if name != "done"])
    return request.url.path + (f"?{query}" if query else "")


def _back(request: Request) -> str:
    try:
        came = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return ""
    if came.netloc != request.url.netloc or not came.path.startswith("/"):
        return ""
    address = forms.own(came.path + (f"?{came.query}" if came.query else ""))
    return "" if address == "/" else address


def _invalid(error: RequestValidationError) -> Invalid:
    said = (f"{_name(item['loc'])}: {item['msg']} (it was {item.get('input')!r:.100})"
            for item in error.errors())  # fmt: skip
    return Invalid("; ".join(said))


def _name(place: tuple[Any, ...]) -> str:
    return ".".join(map(str, place[1:])) or str(place[0])


def _unforeseen(id: object) -> TwinlineError:
    return TwinlineError(
        f"Something went wrong on our side; the server's log has it under the request id {id}."
    )
