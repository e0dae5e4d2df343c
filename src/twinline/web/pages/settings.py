"""Keys, one's own session, and what each role may do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import Field

from twinline.access import actions, rules, sessions
from twinline.access.api import Prefix
from twinline.access.rules import GRANTED, Permission
from twinline.access.sessions import Standing
from twinline.db.session import Reading, Writing
from twinline.language.errors import Conflict, Invalid
from twinline.language.nearest import not_found
from twinline.language.records import ApiKey, IssuedKey, NewKey, Role
from twinline.web import deeds, forms, rendering
from twinline.web.deeds import Deed, Typed
from twinline.web.gate import (
    Fields,
    Reader,
    Refused,
    Sender,
    SentFields,
    Visitor,
    sender,
    trying,
    visitor,
)
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()
KeyKeeper = Annotated[Visitor, visitor(Permission.KEYS)]
KeySender = Annotated[Sender, sender(Permission.KEYS)]
KeyMaker = Annotated[Sender | Refused, trying(Permission.KEYS)]

KEYS_SHOWN = 200
_MAY: Mapping[Permission, str] = {
    Permission.READ: "read the catalog",
    Permission.RESOLVE: "resolve",
    Permission.RECORD: "record requests and outcomes",
    Permission.PROMPTS: "write prompts",
    Permission.LABELS: "move labels",
    Permission.PROTECTED: "move protected labels",
    Permission.MODELS: "register models",
    Permission.MLFLOW: "set up MLflow",
    Permission.BUNDLES: "pair bundles",
    Permission.EVALUATIONS: "record evaluations",
    Permission.RUN: "run pending evaluations",
    Permission.SUITES: "define and require suites, and let bundles off",
    Permission.LINEAGE: "state lineage",
    Permission.REPORT: "tell what happened in MLflow",
    Permission.DEPLOY: "deploy, roll back and recall",
    Permission.KILL: "kill and let go on",
    Permission.AUDIT: "read the audit log",
    Permission.KEYS: "make and revoke keys",
}
"""Each permission in words."""


@dataclass(frozen=True)
class Granted:
    """A role, and what it may do in words."""

    role: Role
    may: str


@dataclass(frozen=True)
class KeyRow:
    """A key, and whether it opens anything now."""

    key: ApiKey
    state: Literal["good", "expired", "revoked"]


class SettingsPage(Page, template="settings.html"):
    """Keys and sessions."""

    heading = "Settings: keys and sessions"

    keys: tuple[KeyRow, ...] = Field(
        description=f"The newest {KEYS_SHOWN} keys, without their secrets; those that were revoked "
        "or that expired only when they are asked for."
    )
    hidden: int = Field(description="Keys that are not shown.")
    every: bool = Field(
        title="all keys", description="Whether revoked and expired keys are shown, too."
    )
    roles: tuple[Granted, ...] = Field(description="What a key of each role may do.")
    session: Standing | None = Field(
        description="When you are signed out by itself, and on how many browsers somebody is "
        "signed in with your key."
    )
    typed: Mapping[str, str] = Field(
        title="new key", description="The key that is to be made: for whom, what for, until when."
    )
    deed: Deed = Field(
        title="the form",
        description="Why no key was made; a form that is sent twice makes one key.",
    )


class IssuedPage(Page, template="issued_key.html"):
    """A new key."""

    heading = "A new key"

    made: IssuedKey = Field(
        title="key", description="The key with its secret, which is shown this once."
    )
    may: str = Field(description="What it may do.")


class RevokePage(Page, template="revoke_key.html"):
    """Before a key is revoked."""

    heading = "Revoke a key"

    key: ApiKey = Field(description="The key that would be refused from the next request on.")
    own: bool = Field(description="Whether it is the key that you are signed in with.")


@router.get("/settings")
def settings(by: Reader, keys: Annotated[Literal["", "all"], Query()] = "") -> Response:
    """Keys and sessions."""
    with by.reading() as tx:
        page = _page(tx, by, every=keys == "all", typed=deeds.FIRST)
    return rendering.answer(by, page)


@router.post("/settings/keys")
def issue(sent: SentFields, by: KeyMaker) -> Response:
    """Make a key, once; its secret is on the answer and nowhere else."""

    def act(tx: Writing, who: Sender) -> Response:
        earlier = deeds.claimed(tx, who)
        if earlier is not None:
            raise Conflict(
                f"Made already: {earlier['prefix']}; its secret was shown then. Revoke it if "
                "nobody has it."
            )
        wanted = _wanted(sent)
        if wanted.expires_at and wanted.expires_at <= actions.now(tx):
            raise Invalid(
                f"expires: {wanted.expires_at:%Y-%m-%d %H:%M}Z is past; a key has to be good "
                "for a while.",
                field="expires",
            )
        made = actions.issue_key(tx, wanted)
        deeds.remember(tx, who, 201, {"prefix": made.prefix})
        return rendering.answer(who, IssuedPage(made=made, may=in_words(made.role)), 201)

    def again(tx: Reading, who: Visitor, typed: Typed) -> Page:
        return _page(tx, who, every=False, typed=typed)

    return deeds.answered(by, sent, act, again)


@router.get("/settings/keys/{prefix}/revoke")
def ask_revoke(by: KeyKeeper, prefix: Prefix) -> Response:
    """What revoking a key means."""
    with by.reading() as tx:
        key = _key(tx, prefix)
    own = key.prefix == by.key.prefix
    return rendering.answer(by, RevokePage(key=key, own=own))


@router.post("/settings/keys/{prefix}/revoke")
def revoke(by: KeySender, prefix: Prefix) -> Response:
    """Revoke a key."""
    with by.writing() as tx:
        actions.revoke_key(tx, prefix)
    return forms.done("/settings", "key-revoked")


def in_words(role: Role) -> str:
    """What a role may do."""
    if role is Role.ADMIN:
        return "everything"
    return ", ".join(_MAY[one] for one in Permission if one in GRANTED[role])


def _wanted(sent: Fields) -> NewKey:
    values = {
        "owner": sent.text("owner").strip(),
        "role": sent.text("role"),
        "expires_at": forms.moment(sent.text("expires"), "expires"),
    }
    return forms.filled(NewKey, values)


def _key(tx: Reading, prefix: str) -> ApiKey:
    every = actions.keys(tx).items
    found = next((one for one in every if one.prefix == prefix), None)
    if found is None:
        raise not_found("key", prefix, [one.prefix for one in every])
    return found


def _page(tx: Reading, by: Visitor, *, every: bool, typed: Typed) -> SettingsPage:
    now = actions.now(tx)
    known = actions.keys(tx).items if by.may(Permission.KEYS) else ()
    rows = [KeyRow(one, _state(one, now)) for one in known]
    shown = [row for row in rows if every or row.state == "good"][:KEYS_SHOWN]
    return SettingsPage(
        keys=tuple(shown),
        hidden=len(rows) - len(shown),
        every=every,
        roles=tuple(Granted(role, in_words(role)) for role in Role),
        session=sessions.standing(tx, by.session),
        typed={
            "owner": typed.fields.text("owner"),
            "role": typed.fields.text("role") or Role.VIEWER.value,
            "expires": typed.fields.text("expires"),
        },
        deed=deeds.deed(tx, typed, "", ()),
    )


def _state(key: ApiKey, now: datetime) -> Literal["good", "expired", "revoked"]:
    if key.revoked_at:
        return "revoked"
    return "good" if rules.usable(key, now) else "expired"
