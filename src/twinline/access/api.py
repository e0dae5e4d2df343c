"""Keys and the audit log over HTTP."""

from typing import Annotated

from fastapi import Path, Query, Response

from twinline.access import actions
from twinline.access.gate import Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.records import ApiKey, AuditEvent, ChainVerdict, IssuedKey, NewKey, Page

router = strict_router("access")
ReadingKeys = Annotated[Reading, reading(Permission.KEYS)]
WritingKeys = Annotated[Writing, writing(Permission.KEYS)]
ReadingAudit = Annotated[Reading, reading(Permission.AUDIT)]

Prefix = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9_-]{1,50}$",
        examples=["twl_2g3cAFHU"],
        description="The key's first 12 characters.",
    ),
]


@router.post("/keys", status_code=201, response_model=IssuedKey)
def issue_key(body: NewKey, tx: WritingKeys) -> IssuedKey:
    """Make an API key. Its secret is in this answer and nowhere else."""
    return actions.issue_key(tx, body)


@router.get("/keys")
def list_keys(tx: ReadingKeys) -> Page[ApiKey]:
    """All keys, without their secrets."""
    return actions.keys(tx)


@router.delete("/keys/{prefix}", response_model=ApiKey)
def revoke_key(prefix: Prefix, tx: WritingKeys, once: OnceOnly) -> Response:
    """Revoke a key: it is refused from the next request on."""
    return once(tx, lambda: (200, actions.revoke_key(tx, prefix)))


@router.get("/audit")
def read_audit(
    tx: ReadingAudit,
    cursor: Annotated[
        int | None, Query(ge=1, le=(1 << 63) - 1, description="`next` of the page before.")
    ] = None,
    limit: Limit = 100,
) -> Page[AuditEvent]:
    """Who did what, when, to what and why; the newest first."""
    return actions.audit_log(tx, before=cursor, limit=limit)


@router.get("/audit/verify")
def verify_audit(tx: ReadingAudit) -> ChainVerdict:
    """Recompute the hash of every audit event and say whether the chain is whole."""
    return actions.verify_log(tx)
