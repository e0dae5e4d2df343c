"""What is known of MLflow: its names, their versions, where aliases and tags were, and what
happened there that the catalog keeps apart."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
)

from twinline.db.schema.columns import at_, json_, metadata, text_


def _series_id() -> Column[int]:
    return Column("series_id", BigInteger, ForeignKey("mirror_series.id"), nullable=False)


def _learnt() -> Column[str]:
    return text_("learnt")


# --- places and how far they are swept -------------------------------------------------

mirror_place = Table(
    "mirror_place",
    metadata,
    text_("server"),
    text_("workspace"),
    at_("known_since"),
    at_("sweep_at", null=True),
    at_("full_sweep_at", null=True),
    json_("sweep", null=True),
    Column("watermark_ms", BigInteger),
    at_("swept_at", null=True),
    at_("fully_swept_at", null=True),
    at_("synced_at", null=True),
    text_("trouble", null=True),
    at_("trouble_since", null=True),
    PrimaryKeyConstraint("server", "workspace"),
    CheckConstraint("(trouble is null) = (trouble_since is null)", name="trouble_whole"),
)

# --- names and versions ----------------------------------------------------------------

mirror_series = Table(
    "mirror_series",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text_("server"),
    text_("workspace"),
    text_("kind"),
    text_("name"),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    text_("catalog_name"),
    text_("fingerprint", null=True),
    at_("known_since"),
    at_("swept_at", null=True),
    at_("ended_at", null=True),
    UniqueConstraint("server", "workspace", "kind", "name", "created_ms"),
    UniqueConstraint("kind", "catalog_name"),
    CheckConstraint("kind in ('model', 'prompt')", name="kind"),
    Index(
        None, "server", "workspace", "name", unique=True, postgresql_where=text("ended_at is null")
    ),
    Index(None, "server", "workspace", "created_ms"),
)
mirror_version = Table(
    "mirror_version",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _series_id(),
    Column("number", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    text_("digest"),
    text_("fingerprint"),
    Column("node_id", BigInteger, ForeignKey("node.id")),
    text_("state"),
    Column("retired", Boolean),
    at_("known_since"),
    UniqueConstraint("series_id", "number", "created_ms", "digest"),
    CheckConstraint("state in ('present', 'deleted', 'renamed', 'replaced')", name="state"),
    Index(None, "series_id", "number", unique=True, postgresql_where=text("state = 'present'")),
    Index(None, "node_id"),
    Index(
        None,
        "id",
        postgresql_where=text("state in ('deleted', 'replaced') and retired is null"),
    ),
)

# --- history ---------------------------------------------------------------------------

mirror_alias = Table(
    "mirror_alias",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _series_id(),
    text_("alias"),
    Column("number", Integer, nullable=False),
    at_("since"),
    at_("until", null=True),
    text_("actor", null=True),
    _learnt(),
    Index(None, "series_id", "alias", unique=True, postgresql_where=text("until is null")),
    Index(None, "series_id", "alias", "since"),
)
mirror_tag = Table(
    "mirror_tag",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _series_id(),
    Column("number", Integer),
    text_("key"),
    text_("value"),
    at_("since"),
    at_("until", null=True),
    text_("actor", null=True),
    _learnt(),
    Index(
        None,
        "series_id",
        "number",
        "key",
        unique=True,
        postgresql_where=text("until is null"),
        postgresql_nulls_not_distinct=True,
    ),
)
mirror_drift = Table(
    "mirror_drift",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _series_id(),
    Column("number", Integer),
    text_("kind"),
    json_("before"),
    json_("after", null=True),
    at_("found_at"),
    _learnt(),
    CheckConstraint("kind in ('deleted', 'renamed', 'recreated', 'tampered')", name="kind"),
    Index(None, "series_id"),
)

# --- hints -----------------------------------------------------------------------------

mirror_inbox = Table(
    "mirror_inbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text_("server"),
    text_("delivery_id"),
    json_("payload"),
    text_("state"),
    at_("received_at"),
    at_("done_at", null=True),
    UniqueConstraint("server", "delivery_id"),
    CheckConstraint("state in ('waiting', 'done', 'ignored')", name="state"),
    CheckConstraint("(state = 'waiting') = (done_at is null)", name="done_whole"),
    Index(None, "id", postgresql_where=text("state = 'waiting'")),
)
mirror_mark = Table(
    "mirror_mark",
    metadata,
    text_("server"),
    text_("workspace"),
    text_("kind"),
    text_("name"),
    at_("since"),
    _learnt(),
    Column("marks", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    at_("not_before"),
    text_("trouble", null=True),
    PrimaryKeyConstraint("server", "workspace", "kind", "name"),
    CheckConstraint("kind in ('model', 'prompt')", name="kind"),
    CheckConstraint("learnt in ('webhook', 'sweep', 'change')", name="learnt"),
    Index(None, "not_before"),
)
