"""Sign in to the pages, and out.

A session belongs to an API key and ends with it. The browser has an opaque token, the
database its hash; what a session may do is what its key's role may do.
"""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from twinline.access import actions, rules, session_store, store
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.errors import NotAuthenticated
from twinline.language.records import ApiKey

LASTS = timedelta(hours=12)
"""How long somebody stays signed in: a working day."""


def sign_in(tx: Writing, key: str) -> str:
    """Begin a session of whoever holds ``key``; its token, which is nowhere else.

    Raises:
        NotAuthenticated: the key is unknown, expired or revoked.
        NotAllowed: the key's role may not read.
    """
    actions.admit(tx, key, Permission.READ)
    token = secrets.token_urlsafe(32)
    session_store.add(tx, rules.hash_key(token), rules.hash_key(key), LASTS)
    return token


def authorize(tx: Reading, token: str | None, permission: Permission) -> ApiKey:
    """The key whose session this is, provided that its role has ``permission``.

    Raises:
        NotAuthenticated: there is no such session, or its key is no longer good.
        NotAllowed: the key's role lacks the permission.
    """
    found = session_store.holder(tx, rules.hash_key(token)) if token else None
    if found is None or not rules.usable(found, store.now(tx)):
        raise NotAuthenticated("You are not signed in, or no longer.")
    return actions.permitted(found, permission)


def sign_out(tx: Writing, token: str) -> None:
    """End a session; one that is over already stays over."""
    session_store.end(tx, rules.hash_key(token))


class Standing(NamedTuple):
    """When a session ends, and how many sessions its key has, with this one."""

    ends_at: datetime
    of_this_key: int


def standing(tx: Reading, token: str) -> Standing | None:
    """How a session stands; None when it is over."""
    found = session_store.standing(tx, rules.hash_key(token))
    return Standing(*found) if found else None


def sign_out_everywhere(tx: Writing, token: str) -> None:
    """End every session of the key whose session this is, on whatever machine."""
    session_store.end_all(tx, rules.hash_key(token))


def forget(tx: Writing) -> None:
    """Drop the sessions that are over."""
    session_store.forget(tx)
