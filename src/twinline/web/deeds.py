"""Forms with consequences, and what they have in common.

Each is carried out once, however often it is sent; only on what was looked at; and where
an environment is protected, by whoever types its name. What is refused is shown again,
as things are by then, with everything that was typed; also when the session ended meanwhile.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from fastapi import Response
from pydantic import Field

from twinline.access import actions as access
from twinline.db.session import Reading, Writing
from twinline.language.canonical import digest
from twinline.language.errors import (
    Conflict,
    Invalid,
    KeyReused,
    Stale,
    TwinlineError,
    Unavailable,
)
from twinline.prompts import labels
from twinline.web import forms, rendering
from twinline.web.gate import TOKEN, Fields, Refused, Sender, Visitor
from twinline.web.page import Page

ONCE = "once"
EXPECTED = "expected"
REASON = "reason"
ENVIRONMENT = "environment-"
_SIGNED_IN = (
    "You signed in again since this form was opened, and nothing was done. Below is how things "
    "are now, with all that you typed; look, then decide again."
)
_KEY = re.compile(r"[A-Za-z0-9_-]{22}")
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Named:
    """A protected environment, why it is, and what was typed as its name."""

    environment: str
    why: str
    typed: str

    @property
    def field(self) -> str:
        """The form's field for it."""
        return f"{ENVIRONMENT}{self.environment}"


@dataclass(frozen=True)
class Deed:
    """What such a form holds beside what is its own.

    ``expected`` is what was looked at: a deployment's number, or a plan's digest. ``once`` is
    the key of a form of which nobody knows whether it was carried out: sent again by the same
    key it is not done twice. It is empty for all others, each of which has a new one.
    """

    expected: str
    once: str = ""
    reason: str = ""
    names: tuple[Named, ...] = ()
    refused: str = ""
    stale: bool = False

    def key(self) -> str:
        """By which one form is carried out once: each form of a page has its own."""
        return self.once or secrets.token_urlsafe(16)


@dataclass(frozen=True)
class Typed:
    """What was typed into a form that is shown again, and why it is; nothing at first."""

    fields: Fields = field(default_factory=lambda: Fields({}))
    refused: str = ""
    stale: bool = False
    errors: Mapping[str, str] = field(default_factory=dict[str, str])
    once: str = ""


FIRST = Typed()
"""Nothing was typed yet."""


class SignedOutPage(Page, template="signed_out.html"):
    """A form that was sent after its session had ended; nothing of it was done."""

    heading = "Your session is over"

    kept: dict[str, list[str]] = Field(
        description="Everything that was typed, to be taken along when you signed in again."
    )


class LaterPage(Page, template="later.html"):
    """A form that was sent while the database did not answer."""

    heading = "Not now"

    detail: str = Field(description="What does not answer.")
    kept: dict[str, list[str]] = Field(
        description="Everything that was sent, to be sent again: by the same key, so that what "
        "was carried out all the same is not done twice."
    )


def deed(tx: Reading, typed: Typed, expected: object, environments: Iterable[str]) -> Deed:
    """The common part of a page's forms, as things are now."""
    return Deed(
        expected=str(expected),
        once=typed.once,
        reason=typed.fields.text(REASON),
        names=tuple(
            Named(name, why, typed.fields.text(f"{ENVIRONMENT}{name}"))
            for name, why in protected(tx, environments).items()
        ),
        refused=typed.refused,
        stale=typed.stale,
    )


def protected(tx: Reading, environments: Iterable[str]) -> Mapping[str, str]:
    """Those of these environments whose label is protected for all prompts, and why it is.

    Where it is protected in a folder of prompts alone, that holds for moves of the label there;
    the environment serves other prompts as well, and does not ask for its name.
    """
    why = {one.label: one.reason for one in labels.protections(tx).items if not one.domain}
    return {name: why[name] for name in sorted(set(environments)) if name in why}


def refuse_unnamed(tx: Reading, fields: Fields, environments: Iterable[str]) -> None:
    """Return when the name of each protected environment was typed.

    Raises:
        Invalid: one was not.
    """
    for name in protected(tx, environments):
        typed = fields.text(f"{ENVIRONMENT}{name}").strip()
        if typed != name:
            said = f"you typed {typed!r}" if typed else "nothing was typed"
            raise Invalid(
                f"{name} is protected: type its name, {name}, to say that you mean it; {said}.",
                field=f"{ENVIRONMENT}{name}",
            )


def expected_number(fields: Fields) -> int:
    """The number of the deployment that was looked at.

    Raises:
        Invalid: the form holds none.
    """
    text = fields.text(EXPECTED)
    if not _NUMBER.fullmatch(text):
        raise Invalid(
            f"This form does not say which deployment was looked at ({text!r}); look at the "
            "page again.",
            field=EXPECTED,
        )
    return int(text)


def carried_out(
    by: Sender | Refused,
    sent: Fields,
    act: Callable[[Writing], tuple[str, str]],
    again: Callable[[Reading, Typed], Page],
) -> Response:
    """Carry a form out in one transaction, once, and lead to what it did.

    Args:
        by: who sent the form, or why it is not taken from whoever it was.
        sent: what it holds.
        act: does it; gives the address to go to, and a word of `said.DONE`.
        again: the form as things are now, when it was refused.

    Raises:
        NotAllowed: the role of who sent it lacks the permission.
    """

    def once(tx: Writing, by: Sender) -> Response:
        earlier = claimed(tx, by)
        if earlier is not None:
            return forms.done(earlier["address"], "done-before")
        address, word = act(tx)
        remember(tx, by, 303, {"address": address})
        return forms.done(address, word)

    return answered(by, sent, once, lambda tx, _, typed: again(tx, typed))


def answered(
    by: Sender | Refused,
    sent: Fields,
    act: Callable[[Writing, Sender], Response],
    again: Callable[[Reading, Visitor, Typed], Page],
) -> Response:
    """As `carried_out`, of a form that answers by itself; it asks what was `claimed`, too.

    Raises:
        NotAllowed: the role of who sent it lacks the permission.
    """
    try:
        if isinstance(by, Refused):
            return _not_taken(by, sent, again)
        return _tried(by, sent, act, again)
    except Unavailable as away:
        return rendering.answer(None, LaterPage(detail=away.detail, kept=sent.all), away.status)


def _tried(
    by: Sender,
    sent: Fields,
    act: Callable[[Writing, Sender], Response],
    again: Callable[[Reading, Visitor, Typed], Page],
) -> Response:
    try:
        with by.writing() as tx:
            return act(tx, by)
    except TwinlineError as refused:
        errors = refused.fields.get("errors", {})
        stale, unknown = isinstance(refused, Stale), isinstance(refused, Unavailable)
        once = sent.text(ONCE) if unknown else ""
        with by.reading() as now:
            page = again(now, by, Typed(sent, refused.detail, stale, errors, once))
        return rendering.answer(by, page, Conflict.status if stale else refused.status)


def _not_taken(
    by: Refused, sent: Fields, again: Callable[[Reading, Visitor, Typed], Page]
) -> Response:
    """What was typed, to be sent again; and how things are only to who is signed in."""
    if isinstance(by.error, Unavailable):
        raise by.error
    if by.visitor is None:
        return rendering.answer(None, SignedOutPage(kept=sent.without(TOKEN)), by.error.status)
    if "permission" in by.error.fields:
        raise by.error
    with by.visitor.reading() as tx:
        page = again(tx, by.visitor, Typed(sent, _SIGNED_IN))
    return rendering.answer(by.visitor, page, by.error.status)


def claimed(tx: Writing, by: Sender) -> Mapping[str, str] | None:
    """As `access.gate.Once` does for the API, by the key that the form was shown with: what
    was remembered when it was carried out before; None when it was not.

    Raises:
        Invalid: the form has no key.
        Conflict: it was carried out with other words.
    """
    key = by.fields.text(ONCE)
    if not _KEY.fullmatch(key):
        raise Invalid(
            "This form has no key, so it could be carried out twice. The one below has; look "
            "it over and send it.",
            field=ONCE,
        )
    sent = digest({"path": by.path, "fields": by.fields.without(TOKEN)})
    try:
        earlier = access.claim(tx, f"page-{key}", sent)
    except KeyReused:
        raise Conflict(
            "This form was carried out already, with other words than are in it now; sending it "
            "again changed nothing. Below is how things are since; look, then decide again."
        ) from None
    return earlier.body if earlier else None


def remember(tx: Writing, by: Sender, status: int, body: Mapping[str, str]) -> None:
    """Keep what a claimed form did, for when it is sent again; nothing secret."""
    access.remember(tx, f"page-{by.fields.text(ONCE)}", status, dict(body))
