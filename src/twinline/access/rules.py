"""Which role may do what, what a key looks like, and how audit events are chained."""

import hashlib
import hmac
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from twinline.language.canonical import digest
from twinline.language.records import ApiKey, AuditEvent, Role

KEY_PREFIX = "twl_"
PUBLIC_LENGTH = 12
GENESIS = "0" * 64


class Permission(StrEnum):
    """What an endpoint can ask for."""

    READ = "read"
    RESOLVE = "resolve"
    RECORD = "inferences:write"
    PROMPTS = "prompts:write"
    LABELS = "labels:write"
    PROTECTED = "labels:protected"
    MODELS = "models:write"
    MLFLOW = "mlflow:write"
    BUNDLES = "bundles:write"
    EVALUATIONS = "evaluations:write"
    RUN = "evaluations:run"
    SUITES = "suites:write"
    LINEAGE = "lineage:write"
    REPORT = "mlflow:report"
    DEPLOY = "deployments:write"
    KILL = "kills:write"
    AUDIT = "audit:read"
    KEYS = "keys:write"


_AUTHORING = {
    Permission.READ,
    Permission.PROMPTS,
    Permission.LABELS,
    Permission.MODELS,
    Permission.BUNDLES,
    Permission.EVALUATIONS,
    Permission.RUN,
    Permission.LINEAGE,
}

GRANTED: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.AUTHOR: frozenset(_AUTHORING),
    Role.RELEASER: frozenset(
        {Permission.READ, Permission.BUNDLES, Permission.DEPLOY, Permission.KILL}
        | {Permission.LABELS, Permission.PROTECTED}
    ),
    Role.SERVICE: frozenset({Permission.READ, Permission.RESOLVE, Permission.RECORD}),
    Role.RUNNER: frozenset({Permission.READ, Permission.RUN}),
    Role.AUDITOR: frozenset({Permission.READ, Permission.AUDIT}),
    Role.MLFLOW: frozenset({Permission.REPORT}),
    Role.ADMIN: frozenset(Permission),
}


@dataclass(frozen=True)
class AuditFilter:
    """Which audit events are looked for; what is empty or None narrows nothing.

    Args:
        actor: who did it, by the whole name.
        action: how the action begins: ``deployment`` or ``deployment.create``.
        subject: how the reference or name of what it was done to begins.
        begin: from this moment on.
        end: up to, not including, this moment.
    """

    actor: str = ""
    action: str = ""
    subject: str = ""
    begin: datetime | None = None
    end: datetime | None = None


def may(role: Role, permission: Permission) -> bool:
    """Whether a role holds a permission; what is not granted is denied."""
    return permission in GRANTED[role]


def format_key(secret: str) -> str:
    """The key that people see: prefix, secret, and a checksum that catches typing errors."""
    return f"{KEY_PREFIX}{secret}{_checksum(secret)}"


def looks_like_key(key: str) -> bool:
    """Whether prefix and checksum are right, which says nothing about the key being known."""
    body = key.removeprefix(KEY_PREFIX)
    return key.startswith(KEY_PREFIX) and len(body) > 8 and _checksum(body[:-8]) == body[-8:]


def hash_key(key: str) -> str:
    """What is stored instead of a key. It has 256 random bits, so no salt is needed."""
    return hashlib.sha256(key.encode()).hexdigest()


def usable(key: ApiKey, now: datetime) -> bool:
    """Whether a known key is neither revoked nor expired."""
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def form_token(session: str) -> str:
    """What the forms of a session carry: who can make a browser send a form cannot know it.

    It is derived from the session's token, which it does not tell.
    """
    return hmac.digest(session.encode(), b"twinline form", "sha256").hex()


class ChainEnd(NamedTuple):
    """Where the audit chain ends: with ``seq`` 0 before its first event. It is read ``at`` the
    moment that is the time of what is appended to it."""

    seq: int
    hash: str
    at: datetime


def chained(events: Iterable[Mapping[str, Any]], *, after: ChainEnd) -> list[AuditEvent]:
    """Events as they go into the chain, each with the hash of the one before it."""
    found: list[AuditEvent] = []
    previous = after.hash
    for seq, event in enumerate(events, after.seq + 1):
        place = {"seq": seq, "at": after.at, "previous_hash": previous, "hash": ""}
        unhashed = AuditEvent.model_validate({**event, **place})
        previous = event_hash(unhashed.model_dump(mode="json"))
        found.append(unhashed.model_copy(update={"hash": previous}))
    return found


def event_hash(event: dict[str, Any]) -> str:
    """The hash of an audit event over everything in it but its own hash."""
    return digest({name: value for name, value in event.items() if name != "hash"})


def first_break(events: Iterable[AuditEvent]) -> int | None:
    """The sequence number of the first event that does not fit the chain, None if all do."""
    previous, expected = GENESIS, 1
    for event in events:
        recomputed = event_hash(event.model_dump(mode="json"))
        if (event.seq, event.previous_hash, event.hash) != (expected, previous, recomputed):
            return expected
        previous, expected = event.hash, expected + 1
    return None


def _checksum(secret: str) -> str:
    return f"{zlib.crc32(secret.encode()):08x}"
