"""Make and revoke keys, find out who asks, and keep the audit log."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from twinline.access import rules, store
from twinline.access.rules import AuditFilter, Permission
from twinline.db.session import Reading, Writing
from twinline.language.errors import Invalid, KeyReused, NotAllowed, NotAuthenticated
from twinline.language.ids import EPOCH
from twinline.language.nearest import not_found
from twinline.language.records import (
    ApiKey,
    AuditEvent,
    ChainVerdict,
    IssuedKey,
    NewKey,
    Page,
    Role,
)

SYSTEM = "twinline"
"""The actor of what the system does by itself."""

TOPIC = "keys"
"""What is announced when a key was made or revoked."""

REMEMBER = timedelta(days=7)
"""How long an idempotency key stands for its first answer."""


LOOKED_THROUGH = 20_000
"""How many audit events one look for some of them goes through: there is no index of them."""

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class AuditLook:
    """Audit events that were looked for, and which were looked through, by their numbers.

    ``next``: look on before this number; None: everything that is meant was looked through.
    """

    events: tuple[AuditEvent, ...]
    first: int
    last: int
    next: int | None


@dataclass(frozen=True)
class Answer:
    """An answer that was given before."""

    status: int
    body: Any


def now(tx: Reading) -> datetime:
    """The database's clock, which is the one that history is kept by."""
    return store.now(tx)


def events_between(
    tx: Reading,
    actions: Collection[str],
    prefixes: Collection[str],
    since: datetime,
    until: datetime,
    limit: int,
) -> tuple[AuditEvent, ...]:
    """Audit events of these actions after ``since`` and up to ``until``, the newest first,
    whose subject begins with one of ``prefixes``."""
    if not prefixes:
        return ()
    first, last = store.events_until(tx, since) + 1, store.events_until(tx, until)
    return store.events_between(tx, actions, prefixes, first, last, limit)


def newest_events(
    tx: Reading, actions: Collection[str], *, within: int, limit: int
) -> tuple[AuditEvent, ...]:
    """Events of these actions among the newest ``within`` of all, the newest first: what it
    costs does not grow with the log."""
    return store.newest_events(tx, actions, within, limit)


def events_about(
    tx: Reading, actions: Collection[str], prefix: str, limit: int
) -> tuple[AuditEvent, ...]:
    """The newest audit events of these actions whose subject begins with ``prefix``, the
    newest first."""
    return store.events_about(tx, actions, prefix, limit)


def authorize(tx: Reading, key: str | None, permission: Permission) -> ApiKey:
    """Who holds ``key``, provided that its role has ``permission``.

    Raises:
        NotAuthenticated: there is no key, or it is unknown, expired or revoked.
        NotAllowed: the key's role lacks the permission.
    """
    return permitted(authenticate(tx, key), permission)


def permitted(found: ApiKey, permission: Permission) -> ApiKey:
    """The key itself, provided that its role has ``permission``.

    Raises:
        NotAllowed: it has not.
    """
    if not rules.may(found.role, permission):
        raise NotAllowed(
            f"The role {found.role.value!r} of key {found.prefix} lacks the permission "
            f"{permission.value!r}; ask an admin for a key with a role that has it.",
            role=found.role.value,
            permission=permission.value,
        )
    return found


def admit(tx: Writing, key: str | None, permission: Permission) -> ApiKey:
    """Let ``tx`` act for whoever holds ``key``, with all that its role may do.

    Raises:
        NotAuthenticated: there is no key, or it is unknown, expired or revoked.
        NotAllowed: the key's role lacks the permission.
    """
    found = authorize(tx, key, permission)
    tx.actor, tx.powers = found.owner, frozenset(rules.GRANTED[found.role])
    return found


def require(tx: Writing, permission: Permission, what: str) -> None:
    """Refuse unless the transaction's actor has a further permission, for ``what`` it does.

    Raises:
        NotAllowed: it has not, or no key opened this transaction.
    """
    if permission in tx.powers:
        return
    holders = " or ".join(role.value for role in Role if rules.may(role, permission))
    raise NotAllowed(
        f"{what} needs the permission {permission.value!r}, which {tx.actor!r} lacks; ask "
        f"somebody whose key has the role {holders}.",
        permission=permission.value,
    )


def authenticate(tx: Reading, key: str | None) -> ApiKey:
    """Who holds ``key``.

    Raises:
        NotAuthenticated: there is no key, or it is unknown, expired or revoked.
    """
    if not key:
        raise NotAuthenticated(
            "Send an API key as `X-API-Key: twl_...` or `Authorization: Bearer twl_...`."
        )
    if not rules.looks_like_key(key):
        raise NotAuthenticated("This is no API key of ours: prefix or checksum is wrong.")
    found = store.key_by_hash(tx, rules.hash_key(key))
    if found is None or not rules.usable(found, store.now(tx)):
        raise NotAuthenticated("This API key is unknown, expired or revoked.")
    return found


def issue_key(tx: Writing, wanted: NewKey) -> IssuedKey:
    """Make a key. The answer holds the secret, which cannot be had again."""
    key = rules.format_key(secrets.token_urlsafe(32))
    values = {**wanted.model_dump(), "prefix": key[: rules.PUBLIC_LENGTH]}
    kept = store.add_key(tx, rules.hash_key(key), values)
    tx.announce(TOPIC)
    audit(tx, "key.issue", kept.prefix, after=kept.model_dump(mode="json"))
    return IssuedKey(**kept.model_dump(), key=key)


def issue_first_key(tx: Writing) -> IssuedKey | None:
    """Make an admin key when there is no key at all; None when there is one."""
    store.lock_keys(tx)
    if store.keys(tx):
        return None
    return issue_key(tx, NewKey(owner="admin", role=Role.ADMIN))


def revoke_key(tx: Writing, prefix: str) -> ApiKey:
    """Revoke a key; it is refused from the next request on.

    Raises:
        NotFound: there is no key with this prefix.
    """
    kept = store.revoke_key(tx, prefix)
    if kept is None:
        raise not_found("key", prefix, [known.prefix for known in store.keys(tx)])
    tx.announce(TOPIC)
    audit(tx, "key.revoke", prefix, after=kept.model_dump(mode="json"))
    return kept


def keys(tx: Reading) -> Page[ApiKey]:
    """All keys, without their secrets."""
    return Page(items=store.keys(tx))


def keys_by_hash(tx: Reading) -> dict[str, ApiKey]:
    """All keys by their hashes, for holding them in memory."""
    return store.keys_by_hash(tx)


def audit(
    tx: Writing,
    action: str,
    subject: str,
    *,
    why: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Append to the audit log what ``tx.actor`` does in this transaction.

    It is written just before the commit, together with whatever else is audited in this
    transaction: events form one chain, for whose end all writers queue. So all of them are
    of that moment, in the order in which they were said.
    """
    event = {
        "actor": tx.actor,
        "action": action,
        "subject": subject,
        "why": why,
        "before": before,
        "after": after,
    }
    tx.before_commit(_append_to_log, event, turn=(1, ""))


def _append_to_log(tx: Writing, events: list[dict[str, Any]]) -> None:
    store.lock_chain(tx)
    end = store.end_of_chain(tx)
    store.add_events(tx, rules.chained(events, after=end))


def audit_log(tx: Reading, *, before: int | None, limit: int) -> Page[AuditEvent]:
    """The audit log, the newest event first."""
    events = store.events(tx, before=before, limit=limit)
    return Page(items=events, next=str(events[-1].seq) if len(events) == limit else None)


def look_through_log(
    tx: Reading, wanted: AuditFilter, *, before: int | None, limit: int
) -> AuditLook:
    """The newest events that fit, of those with a lower number than ``before``, as far back as
    `LOOKED_THROUGH` events go.

    Raises:
        Invalid: the filter ends before it begins.
    """
    if wanted.begin and wanted.end and wanted.begin >= wanted.end:
        raise Invalid(
            f"The time ends ({wanted.end.isoformat()}) before it begins "
            f"({wanted.begin.isoformat()}).",
            field="to",
        )
    floor = store.events_until(tx, _before(wanted.begin)) + 1 if wanted.begin else 1
    until = store.events_until(tx, _before(wanted.end)) if wanted.end else None
    newest = store.end_of_chain(tx).seq if until is None else until
    last = newest if before is None else min(newest, before - 1)
    first = max(last - LOOKED_THROUGH + 1, floor)
    found = store.events_like(tx, wanted, first, last, limit)
    if len(found) == limit:
        first = found[-1].seq
    return AuditLook(found, first, last, first if first > floor else None)


def _before(at: datetime) -> datetime:
    return max(at, EPOCH) - _TICK


def verify_log(tx: Reading) -> ChainVerdict:
    """Recompute every hash of the audit log."""
    broken_at = rules.first_break(store.chain(tx))
    return ChainVerdict(
        events=store.end_of_chain(tx).seq, whole=broken_at is None, broken_at=broken_at
    )


def claim(tx: Writing, key: str, fingerprint: str) -> Answer | None:
    """Claim an idempotency key of ``tx.actor``; the first answer when it was used before.

    Raises:
        KeyReused: it was used for a request with another fingerprint.
    """
    if store.claim_key(tx, tx.actor, key, fingerprint):
        return None
    earlier = store.remembered(tx, tx.actor, key)
    if earlier["fingerprint"] != fingerprint:
        raise KeyReused(
            f"The idempotency key {key!r} was used for another request; take a new one.", key=key
        )
    return Answer(earlier["status"], earlier["answer"])


def remember(tx: Writing, key: str, status: int, body: Any) -> None:
    """Keep the answer that a claimed key stands for from now on."""
    store.remember(tx, tx.actor, key, status, body)


def forget(tx: Writing) -> None:
    """Drop the answers that are older than REMEMBER."""
    store.forget(tx, REMEMBER)
