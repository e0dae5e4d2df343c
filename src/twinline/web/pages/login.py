"""Sign in with an API key, and out."""

from typing import Annotated

from fastapi import Request, Response
from pydantic import Field

from twinline.access import actions, sessions
from twinline.access.gate import database
from twinline.access.rules import Permission
from twinline.db.session import Database
from twinline.language.errors import NotAllowed, NotAuthenticated
from twinline.web import forms, rendering
from twinline.web.gate import COOKIE, Sender, SentFields, sender
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()
_LOCAL = {"localhost", "127.0.0.1", "::1"}


class LoginPage(Page, template="login.html"):
    """Who are you?"""

    heading = "Sign in"

    next: str = Field(description="The page that you come to when you are signed in.")
    wrong: str = Field(description="Why the key was not taken, or is not asked for.")
    asks: bool = Field(default=True, description="Whether a key can be sent safely from here.")


@router.get("/login")
def ask(request: Request, next: str = "/") -> Response:
    """The form; none where the key could be read on the way."""
    wrong = _insecure(request)
    page = LoginPage(next=forms.own(next), wrong=wrong, asks=not wrong)
    return rendering.answer(None, page, NotAllowed.status if wrong else 200)


@router.post("/login")
def sign_in(request: Request, sent: SentFields) -> Response:
    """Begin a session."""
    next = forms.own(sent.text("next") or "/")
    try:
        if wrong := _insecure(request):
            raise NotAllowed(wrong)
        token = _begin(database(request), sent.text("key").strip())
    except (NotAuthenticated, NotAllowed) as refused:
        return rendering.answer(None, LoginPage(next=next, wrong=refused.detail), refused.status)
    answer = forms.to(next)
    answer.set_cookie(
        COOKIE, token, max_age=int(sessions.LASTS.total_seconds()), secure=True, httponly=True,
        samesite="lax",
    )  # fmt: skip
    return answer


@router.post("/logout")
def sign_out(by: Annotated[Sender, sender(Permission.READ)]) -> Response:
    """End the session, or with ``everywhere`` every session of its key."""
    end = sessions.sign_out_everywhere if by.fields.ticked("everywhere") else sessions.sign_out
    with by.writing() as tx:
        end(tx, by.session)
    answer = forms.to("/login")
    answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")
    return answer


def _begin(database: Database, key: str) -> str:
    with database.writing(actions.SYSTEM) as tx:
        return sessions.sign_in(tx, key)


def _insecure(request: Request) -> str:
    """Why nobody signs in here, empty when one can: no browser would keep the session of a page
    that came over plain HTTP from another machine.

    ``Sec-Fetch-Site`` is sent where a browser trusts the connection, also behind a proxy
    that ends TLS.
    """
    trusted = request.url.scheme == "https" or request.url.hostname in _LOCAL
    if trusted or "sec-fetch-site" in request.headers:
        return ""
    return (
        "This page came over plain HTTP from another machine: a browser keeps no session "
        "for it, and the key could be read on the way. Serve Twinline behind HTTPS, or "
        "open it on its own machine or through a tunnel as http://localhost. If you sent a key "
        "from here, have it revoked."
    )
