"""What is live where, and what stops it."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from twinline.db.schema.columns import at_, json_, lifted, metadata, text_

# --- environments and kill switches ----------------------------------------------------

environment = Table(
    "environment",
    metadata,
    Column("name", Text, primary_key=True),
    Column("epoch", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    Column("version", BigInteger, nullable=False),
    at_("changed_at"),
)
kill = Table(
    "kill",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    text_("subject"),
    text_("reason"),
    text_("actor"),
    at_("at"),
    *lifted(),
    Index(None, "subject", unique=True, postgresql_where=text("lifted_at is null")),
)

# --- deployments -----------------------------------------------------------------------

slot = Table(
    "slot",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text_("route"),
    text_("environment"),
    Column("node_id", BigInteger, ForeignKey("node.id"), nullable=False, unique=True),
    at_("created_at"),
    UniqueConstraint("route", "environment"),
)
ownership = Table(
    "ownership",
    metadata,
    Column("subject", Text, primary_key=True),
    text_("owner"),
    text_("contact"),
    text_("actor"),
    at_("at"),
)
deployment = Table(
    "deployment",
    metadata,
    Column("slot_id", BigInteger, ForeignKey("slot.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("node_id", BigInteger, ForeignKey("node.id"), nullable=False, unique=True),
    json_("policy"),
    text_("digest"),
    Column("bundle", BigInteger, ForeignKey("bundle.node_id"), nullable=False),
    text_("kind"),
    Column("undoes", Integer),
    text_("actor"),
    text_("reason"),
    at_("at"),
    PrimaryKeyConstraint("slot_id", "number"),
    ForeignKeyConstraint(["slot_id", "undoes"], ["deployment.slot_id", "deployment.number"]),
    CheckConstraint("number > 0", name="number_positive"),
    CheckConstraint("undoes < number", name="undoes_an_earlier_one"),
    CheckConstraint("(undoes is not null) = (kind <> 'deploy')", name="only_ways_back_undo"),
    CheckConstraint("kind in ('deploy', 'rollback', 'recall', 'guard')", name="kind"),
    Index(None, "slot_id", "at"),
)

# --- manifests -------------------------------------------------------------------------

signing_key = Table(
    "signing_key",
    metadata,
    Column("id", Text, primary_key=True),
    text_("public"),
    text_("private"),
    at_("created_at"),
)
client_report = Table(
    "client_report",
    metadata,
    Column("id", Uuid, primary_key=True),
    text_("environment"),
    Column("epoch", Uuid),
    Column("version", BigInteger),
    text_("served_from"),
    Column("stale_seconds", Double),
    Column("spooled", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("damaged", BigInteger, nullable=False),
    text_("host"),
    Column("pid", Integer, nullable=False),
    text_("library"),
    text_("owner"),
    at_("started_at"),
    at_("reported_at"),
    Index(None, "environment", "reported_at"),
)
