"""What the outboxes of MLflow servers told."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)

from twinline.db.schema.columns import at_, json_, metadata, text_

mlflow_change = Table(
    "mlflow_change",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    text_("server"),
    Column("outbox", Uuid, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    at_("at"),
    text_("workspace"),
    text_("entity"),
    text_("action"),
    text_("name", null=True),
    text_("new_name", null=True),
    json_("key"),
    json_("before", null=True),
    json_("after", null=True),
    text_("actor", null=True),
    text_("reported_by"),
    at_("received_at"),
    UniqueConstraint("outbox", "sequence"),
    CheckConstraint("sequence > 0", name="sequence_positive"),
    CheckConstraint("action in ('insert', 'update', 'delete', 'lost')", name="action"),
    CheckConstraint("(action = 'lost') = (name is null)", name="only_what_is_lost_has_no_name"),
    Index(None, "server", "number"),
    Index(None, "server", "name", "number"),
    Index(None, "server", "new_name", "number", postgresql_where=text("new_name is not null")),
)
