"""Keys, sessions of the pages, the audit log, and remembered answers."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)

from twinline.db.schema.columns import at_, json_, metadata, text_

api_key = Table(
    "api_key",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("prefix", Text, nullable=False, unique=True),
    text_("owner"),
    text_("role"),
    text_("created_by"),
    at_("created_at"),
    at_("expires_at", null=True),
    at_("revoked_at", null=True),
)
session = Table(
    "session",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("key_hash", Text, ForeignKey("api_key.hash"), nullable=False),
    at_("begun_at"),
    at_("ends_at"),
    Index(None, "ends_at"),
)
audit_event = Table(
    "audit_event",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    at_("at"),
    text_("actor"),
    text_("action"),
    text_("subject"),
    text_("why"),
    json_("before", null=True),
    json_("after", null=True),
    text_("previous_hash"),
    Column("hash", Text, nullable=False, unique=True),
    Index(
        None,
        "subject",
        postgresql_ops={"subject": "text_pattern_ops"},
        postgresql_where=text("action in ('model.register', 'model.update')"),
    ),
)
idempotency = Table(
    "idempotency",
    metadata,
    text_("principal"),
    text_("key"),
    text_("fingerprint"),
    Column("status", SmallInteger),
    json_("answer", null=True),
    at_("at"),
    PrimaryKeyConstraint("principal", "key"),
    Index(None, "at"),
)
