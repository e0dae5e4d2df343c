"""The graph, and what stands in it: prompts, models, bundles and what is known of them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    text,
)

from twinline.db.schema.columns import at_, json_, lifted, metadata, node_key, text_
from twinline.language.records import EDGE_KINDS

# --- the graph -------------------------------------------------------------------------

node = Table(
    "node",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text_("kind"),
    Column("ref", Text, nullable=False, unique=True),
    at_("created_at"),
)
edge = Table(
    "edge",
    metadata,
    Column("source", BigInteger, ForeignKey("node.id"), nullable=False),
    Column("target", BigInteger, ForeignKey("node.id"), nullable=False),
    text_("kind"),
    at_("since"),
    at_("until", null=True),
    json_("evidence", null=True),
    PrimaryKeyConstraint("source", "target", "kind", "since"),
    CheckConstraint("until > since", name="ends_after_it_began"),
    Index(None, "target", "source"),
    Index(None, "source", "target", "kind", unique=True, postgresql_where=text("until is null")),
    Index("edge_peoples_idx", "source", postgresql_where=text(f"kind not in {EDGE_KINDS}")),
)
custom_node = Table(
    "custom_node",
    metadata,
    node_key(),
    text_("type"),
    text_("name"),
    text_("description"),
    json_("properties"),
    text_("owner"),
    text_("actor"),
    at_("since"),
    UniqueConstraint("type", "name"),
)
withdrawal = Table(
    "withdrawal",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("node_id", BigInteger, ForeignKey("node.id"), nullable=False),
    text_("kind"),
    Column("whole", Boolean, nullable=False, server_default=text("false")),
    text_("reason"),
    text_("actor"),
    at_("at"),
    *lifted(),
    CheckConstraint("kind in ('retired', 'recalled')", name="kind"),
    Index(None, "node_id", "kind", unique=True, postgresql_where=text("lifted_at is null")),
)
recall = Table(
    "recall",
    metadata,
    Column("number", BigInteger, ForeignKey("withdrawal.number"), primary_key=True),
    json_("report"),
    text_("report_digest"),
    text_("executed_by", null=True),
    at_("executed_at", null=True),
    json_("execution", null=True),
    CheckConstraint(
        "(executed_at is null) = (executed_by is null)"
        " and (executed_at is null) = (execution is null)",
        name="executed_whole",
    ),
)

# --- prompts ---------------------------------------------------------------------------

prompt = Table(
    "prompt",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    text_("description"),
    json_("tags"),
    at_("created_at"),
    Index(None, "tags", postgresql_using="gin"),
    Index(None, "name", postgresql_ops={"name": "text_pattern_ops"}),
)
prompt_version = Table(
    "prompt_version",
    metadata,
    node_key(),
    Column("prompt_id", BigInteger, ForeignKey("prompt.id"), nullable=False),
    Column("number", Integer, nullable=False),
    text_("kind"),
    json_("template"),
    json_("composed", null=True),
    Column("syntax", Text, nullable=False, server_default="twinline"),
    json_("variables"),
    json_("examples", default="[]"),
    json_("includes", default="[]"),
    json_("parameters"),
    text_("digest"),
    json_("notes", default="[]"),
    json_("origin", null=True),
    text_("message"),
    text_("author"),
    at_("created_at"),
    UniqueConstraint("prompt_id", "number"),
    UniqueConstraint("prompt_id", "digest"),
    CheckConstraint("number > 0", name="number_positive"),
    CheckConstraint("kind in ('text', 'chat')", name="kind"),
    CheckConstraint("syntax in ('twinline', 'jinja2')", name="syntax"),
    CheckConstraint("(composed is null) = (includes = '[]')", name="composed_of_includes"),
    Index(None, "author", "prompt_id"),
)
label_move = Table(
    "label_move",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("prompt_id", BigInteger, nullable=False),
    text_("label"),
    Column("number", Integer),
    Column("previous", Integer),
    text_("reason"),
    text_("actor"),
    at_("at"),
    ForeignKeyConstraint(
        ["prompt_id", "number"], ["prompt_version.prompt_id", "prompt_version.number"]
    ),
    CheckConstraint("label <> 'latest'", name="latest_is_kept_by_the_system"),
    CheckConstraint("number is distinct from previous", name="moved"),
    Index(None, "prompt_id", "label", "id"),
)

# --- models ----------------------------------------------------------------------------

model = Table(
    "model",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    text_("source"),
    at_("created_at"),
    CheckConstraint("source in ('mlflow', 'provider')", name="source"),
)
model_version = Table(
    "model_version",
    metadata,
    node_key(),
    Column("model_id", BigInteger, ForeignKey("model.id"), nullable=False),
    Column("number", Integer, nullable=False),
    text_("source_uri"),
    Column("pinned", Boolean, nullable=False),
    text_("digest"),
    Column("run_node_id", BigInteger, ForeignKey("run.node_id")),
    json_("params"),
    json_("metrics"),
    json_("tags"),
    json_("aliases"),
    at_("created_at"),
    UniqueConstraint("model_id", "number"),
    CheckConstraint("number > 0", name="number_positive"),
    Index(None, "source_uri", postgresql_using="hash"),
)
model_name = Table(
    "model_name",
    metadata,
    text_("provider"),
    text_("name"),
    Column("version", BigInteger, ForeignKey("model_version.node_id"), nullable=False),
    text_("reason"),
    text_("actor"),
    at_("at"),
    PrimaryKeyConstraint("provider", "name"),
)
run = Table(
    "run",
    metadata,
    node_key(),
    Column("id", Text, nullable=False, unique=True),
    text_("name"),
    text_("experiment"),
    text_("status"),
    at_("started_at", null=True),
    at_("ended_at", null=True),
    json_("params"),
    json_("metrics"),
    json_("tags"),
    at_("created_at"),
)
dataset = Table(
    "dataset",
    metadata,
    node_key(),
    text_("name"),
    text_("digest"),
    text_("source_type"),
    text_("source"),
    json_("profile"),
    at_("created_at"),
    UniqueConstraint("name", "digest"),
)

# --- bundles ---------------------------------------------------------------------------

bundle = Table(
    "bundle",
    metadata,
    node_key(),
    Column("digest", Text, nullable=False, unique=True),
    text_("kind"),
    Column("model_version", BigInteger, ForeignKey("model_version.node_id")),
    Column("prompt_version", BigInteger, ForeignKey("prompt_version.node_id")),
    json_("parameters"),
    json_("words", null=True),
    at_("created_at"),
    CheckConstraint(
        "case kind when 'pair' then model_version is not null and prompt_version is not null"
        " and words is null when 'unresolved' then words is not null else false end",
        name="kind",
    ),
    Index(None, "model_version"),
    Index(None, "prompt_version"),
)
pairing = Table(
    "pairing",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("model_version", BigInteger, ForeignKey("model_version.node_id"), nullable=False),
    Column("prompt_version", BigInteger, ForeignKey("prompt_version.node_id"), nullable=False),
    text_("status"),
    text_("evidence"),
    text_("reason"),
    text_("actor"),
    at_("at"),
    CheckConstraint("status in ('designed_for', 'compatible', 'incompatible')", name="status"),
    Index(None, "prompt_version", "model_version", "id"),
)
evaluation = Table(
    "evaluation",
    metadata,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("node_id", BigInteger, ForeignKey("node.id"), nullable=False, unique=True),
    Column("subject", BigInteger, ForeignKey("node.id"), nullable=False),
    text_("suite"),
    Column("passed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("score", Double),
    Column("threshold", Double),
    text_("dataset", null=True),
    text_("run", null=True),
    text_("evidence"),
    Column("note", Text, nullable=False, server_default=""),
    Column("cases", Integer, nullable=False, server_default="0"),
    text_("actor"),
    at_("at"),
    Index(None, "subject", "suite", "id"),
    Index(None, "suite", "id"),
)
