"""The gate of the pages: who a browser is, by its session, and what it sends, if it is ours.

A page asks for its ``visitor(PERMISSION)``, a form's address for its ``sender(PERMISSION)``.
A visitor can only read; a sender writes, too, in transactions in its name.
"""

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import Depends, Request
from fastapi.params import Depends as Dependency

from twinline.access import rules, sessions
from twinline.access.gate import Admission, database
from twinline.access.rules import GRANTED, Permission
from twinline.db.session import Database, Reading, Writing
from twinline.language.errors import Invalid, NotAllowed, NotAuthenticated, Unavailable
from twinline.language.records import ApiKey, Role

COOKIE = "__Host-twinline"
TOKEN = "form"  # noqa: S105 -- the name of a field
"""The field of each form that says that our page made it."""

_FORM = "application/x-www-form-urlencoded"
_FIELDS_MOST = 2_000


@dataclass(frozen=True)
class Visitor:
    """Somebody who is signed in, and where they are."""

    key: ApiKey
    database: Database
    path: str
    done: str = ""
    """What was done just before, as a word of `said.DONE`."""
    session: str = field(default="", repr=False)

    def reading(self) -> AbstractContextManager[Reading]:
        """A read-only transaction."""
        return self.database.reading()

    @property
    def form_token(self) -> str:
        """What each form of this session carries."""
        return rules.form_token(self.session)

    def may(self, permission: str) -> bool:
        """Whether the visitor's role has a permission, as ``"deployments:write"``."""
        return rules.may(self.key.role, Permission(permission))


def who_may(permission: str) -> str:
    """The roles that have a permission, in words: "releaser or admin"."""
    return " or ".join(role.value for role in Role if rules.may(role, Permission(permission)))


class Fields:
    """What a form sent: text by name, each name once or several times."""

    def __init__(self, sent: Mapping[str, list[str]]) -> None:
        self._sent = sent

    def text(self, name: str) -> str:
        """What was typed, with the line ends that were meant; empty when it was left out."""
        return self._sent.get(name, [""])[-1].replace("\r\n", "\n")

    def every(self, name: str) -> list[str]:
        """Everything that was chosen under a name."""
        return self._sent.get(name, [])

    def ticked(self, name: str) -> bool:
        """Whether a box was ticked."""
        return bool(self.text(name))

    @property
    def all(self) -> dict[str, list[str]]:
        """Everything that was sent."""
        return {name: list(texts) for name, texts in self._sent.items()}

    def without(self, name: str) -> dict[str, list[str]]:
        """Everything that was sent but for one field."""
        return {one: texts for one, texts in self.all.items() if one != name}


@dataclass(frozen=True)
class Sender(Visitor):
    """Somebody who is signed in and sent a form of ours."""

    fields: Fields = field(default_factory=lambda: Fields({}))

    @contextmanager
    def writing(self) -> Generator[Writing]:
        """A transaction in the sender's name, with all that its role may do."""
        with self.database.writing(self.key.owner) as tx:
            tx.powers = frozenset(GRANTED[self.key.role])
            yield tx


def known(request: Request, permission: Permission) -> Visitor:
    """Whoever is signed in and holds ``permission``.

    Raises:
        NotAuthenticated: nobody is, or no longer.
        NotAllowed: the role of who is lacks the permission.
    """
    session = request.cookies.get(COOKIE, "")
    with database(request).reading() as tx:
        key = sessions.authorize(tx, session, permission)
    return Visitor(key, database(request), request.url.path, _done(request), session)


def _done(request: Request) -> str:
    """What our form did just before, by its word; nothing when another site, or a link that
    somebody sent, led here."""
    led_by_us = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    return request.query_params.get("done", "") if led_by_us else ""


class _Visiting(Admission):
    def __call__(self, request: Request) -> Visitor:
        return known(request, self.permission)


async def fields(request: Request) -> Fields:
    """What a form sent.

    Raises:
        Invalid: it is no form, or has too many fields, or text that is no UTF-8.
        NotAllowed: another site's page made the browser send it.
    """
    _same_site(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM:
        raise Invalid(f"A form is sent as {_FORM}, not as {kind or 'nothing'!r}.")
    body = await request.body()
    try:
        sent = parse_qs(
            body.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_FIELDS_MOST,
        )
    except (ValueError, UnicodeError) as error:
        raise Invalid(f"This form cannot be read: {error}") from error
    for name, texts in sent.items():
        if any("\0" in text for text in texts):
            raise Invalid(f"{name}: the character U+0000 cannot be kept; leave it out.", field=name)
    return Fields(sent)


SentFields = Annotated[Fields, Depends(fields)]


@dataclass(frozen=True)
class Refused:
    """Somebody whose form was refused before anything was done with it."""

    error: NotAuthenticated | NotAllowed | Unavailable
    visitor: Visitor | None
    """Who it is now, if anybody is signed in."""


class _Sending(Admission):
    def __call__(self, request: Request, sent: SentFields) -> Sender:
        return _sent_by(request, sent, self.permission)


class _Trying(Admission):
    def __call__(self, request: Request, sent: SentFields) -> Sender | Refused:
        try:
            return _sent_by(request, sent, self.permission)
        except (NotAuthenticated, Unavailable) as error:
            return Refused(error, None)
        except NotAllowed as error:
            return Refused(error, known(request, Permission.READ))


def _sent_by(request: Request, sent: Fields, permission: Permission) -> Sender:
    who = known(request, permission)
    if not compare_digest(sent.text(TOKEN).encode(), who.form_token.encode()):
        raise NotAllowed(
            "This form was made for another session; open the page again and repeat what you meant."
        )
    return Sender(who.key, who.database, who.path, "", who.session, sent)


def _same_site(request: Request) -> None:
    """Refuse what another site's page made the browser send.

    Browsers say in ``Sec-Fetch-Site`` who made them; older ones only in ``Origin``.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    ours = site == "same-origin" if site else origin is None or _host(origin) == request.url.netloc
    if not ours:
        raise NotAllowed(
            f"This form came from {origin or 'another site'}; open our page and send its own form."
        )


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def visitor(permission: Permission) -> Dependency:
    """Whoever is signed in and holds ``permission``; for addresses that only show."""
    return Depends(_Visiting(permission))


def sender(permission: Permission) -> Dependency:
    """Whoever is signed in, holds ``permission`` and sent one of our forms."""
    return Depends(_Sending(permission))


def trying(permission: Permission) -> Dependency:
    """Likewise, or why not: for a form in which much is typed, which shows it again."""
    return Depends(_Trying(permission))


Reader = Annotated[Visitor, visitor(Permission.READ)]
"""Who may read: what most pages ask for."""

ReleaserOrRefused = Annotated[Sender | Refused, trying(Permission.DEPLOY)]
"""Who may decide what is live, or why not: of the forms that carry out a deed."""
