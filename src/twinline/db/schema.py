"""Every table, on one page. Names are the glossary's words.

Three layers: a small graph (nodes and edges: versions, runs, datasets, bundles,
deployments), pointer history (label moves, deployments, pairings), and facts
(inferences, outcomes) with exact rollups beside them. Versions, bundles, deployments
and facts are never updated or deleted: triggers in the migrations refuse it.
Partitions of the ledger are made by `inferences/partitions.py`.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _json(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, JSONB(none_as_null=True), nullable=null)


def _at(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=null)


def _node_key() -> Column[int]:
    return Column("node_id", BigInteger, ForeignKey("node.id"), primary_key=True)


def _lifted() -> tuple[Column[Any] | CheckConstraint, ...]:
    """Who let it go on, and why; nobody yet while it is in force."""
    return (
        _text("lifted_by", null=True),
        _text("lifted_reason", null=True),
        _at("lifted_at", null=True),
        CheckConstraint(
            "(lifted_at is null) = (lifted_by is null)"
            " and (lifted_at is null) = (lifted_reason is null)",
            name="lifted_whole",
        ),
    )


# --- the graph -------------------------------------------------------------------------

node = Table(
    "node",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("kind"),
    Column("ref", Text, nullable=False, unique=True),
    _at("created_at"),
)
edge = Table(
    "edge",
    metadata,
    Column("source", BigInteger, ForeignKey("node.id"), nullable=False),
    Column("target", BigInteger, ForeignKey("node.id"), nullable=False),
    _text("kind"),
    _at("since"),
    _at("until", null=True),
    _json("evidence", null=True),
    PrimaryKeyConstraint("source", "target", "kind", "since"),
    CheckConstraint("until > since", name="ends_after_it_began"),
    Index(None, "target", "source"),
    Index(None, "source", "target", "kind", unique=True, postgresql_where=text("until is null")),
)
custom_node = Table(
    "custom_node",
    metadata,
    _node_key(),
    _text("type"),
    _text("name"),
    _text("description"),
    _json("properties"),
    _text("owner"),
    _text("actor"),
    _at("since"),
    UniqueConstraint("type", "name"),
)
withdrawal = Table(
    "withdrawal",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("node_id", BigInteger, ForeignKey("node.id"), nullable=False),
    _text("kind"),
    _text("reason"),
    _text("actor"),
    _at("at"),
    *_lifted(),
    CheckConstraint("kind in ('retired', 'recalled')", name="kind"),
    Index(None, "node_id", "kind", unique=True, postgresql_where=text("lifted_at is null")),
)
recall = Table(
    "recall",
    metadata,
    Column("number", BigInteger, ForeignKey("withdrawal.number"), primary_key=True),
    _json("report"),
    _text("report_digest"),
    _text("executed_by", null=True),
    _at("executed_at", null=True),
    _json("execution", null=True),
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
    _text("description"),
    _json("tags"),
    _at("created_at"),
)
prompt_version = Table(
    "prompt_version",
    metadata,
    _node_key(),
    Column("prompt_id", BigInteger, ForeignKey("prompt.id"), nullable=False),
    Column("number", Integer, nullable=False),
    _text("kind"),
    _json("template"),
    _json("variables"),
    _json("parameters"),
    _text("digest"),
    _text("message"),
    _text("author"),
    _at("created_at"),
    UniqueConstraint("prompt_id", "number"),
    UniqueConstraint("prompt_id", "digest"),
    CheckConstraint("number > 0", name="number_positive"),
    CheckConstraint("kind in ('text', 'chat')", name="kind"),
)
label_move = Table(
    "label_move",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("prompt_id", BigInteger, nullable=False),
    _text("label"),
    Column("number", Integer, nullable=False),
    Column("previous", Integer),
    _text("reason"),
    _text("actor"),
    _at("at"),
    ForeignKeyConstraint(
        ["prompt_id", "number"], ["prompt_version.prompt_id", "prompt_version.number"]
    ),
    CheckConstraint("label <> 'latest'", name="latest_is_kept_by_the_system"),
    Index(None, "prompt_id", "label", "id"),
)

# --- models ----------------------------------------------------------------------------

model = Table(
    "model",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    _text("source"),
    _at("created_at"),
    CheckConstraint("source in ('mlflow', 'provider')", name="source"),
)
model_version = Table(
    "model_version",
    metadata,
    _node_key(),
    Column("model_id", BigInteger, ForeignKey("model.id"), nullable=False),
    Column("number", Integer, nullable=False),
    _text("source_uri"),
    Column("pinned", Boolean, nullable=False),
    _text("digest"),
    Column("run_node_id", BigInteger, ForeignKey("run.node_id")),
    _json("params"),
    _json("metrics"),
    _json("tags"),
    _json("aliases"),
    _at("created_at"),
    UniqueConstraint("model_id", "number"),
    CheckConstraint("number > 0", name="number_positive"),
)
run = Table(
    "run",
    metadata,
    _node_key(),
    Column("id", Text, nullable=False, unique=True),
    _text("name"),
    _text("experiment"),
    _text("status"),
    _at("started_at", null=True),
    _at("ended_at", null=True),
    _json("params"),
    _json("metrics"),
    _json("tags"),
    _at("created_at"),
)
dataset = Table(
    "dataset",
    metadata,
    _node_key(),
    _text("name"),
    _text("digest"),
    _text("source_type"),
    _text("source"),
    _json("profile"),
    _at("created_at"),
    UniqueConstraint("name", "digest"),
)

# --- environments and kill switches -----------------------------------------------------

environment = Table(
    "environment",
    metadata,
    Column("name", Text, primary_key=True),
    Column("epoch", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    Column("version", BigInteger, nullable=False),
    _at("changed_at"),
)
kill = Table(
    "kill",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    _text("subject"),
    _text("reason"),
    _text("actor"),
    _at("at"),
    *_lifted(),
    Index(None, "subject", unique=True, postgresql_where=text("lifted_at is null")),
)

# --- bundles ---------------------------------------------------------------------------

bundle = Table(
    "bundle",
    metadata,
    _node_key(),
    Column("digest", Text, nullable=False, unique=True),
    _text("kind"),
    Column("model_version", BigInteger, ForeignKey("model_version.node_id")),
    Column("prompt_version", BigInteger, ForeignKey("prompt_version.node_id")),
    _json("parameters"),
    _json("words", null=True),
    _at("created_at"),
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
    _text("status"),
    _text("evidence"),
    _text("reason"),
    _text("actor"),
    _at("at"),
    CheckConstraint("status in ('designed_for', 'compatible', 'incompatible')", name="status"),
    Index(None, "prompt_version", "model_version", "id"),
)
evaluation = Table(
    "evaluation",
    metadata,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("node_id", BigInteger, ForeignKey("node.id"), nullable=False, unique=True),
    Column("subject", BigInteger, ForeignKey("node.id"), nullable=False),
    _text("suite"),
    Column("passed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("score", Double),
    Column("threshold", Double),
    _text("evidence"),
    _text("actor"),
    _at("at"),
    Index(None, "subject", "suite", "id"),
)

# --- deployments -----------------------------------------------------------------------

slot = Table(
    "slot",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("route"),
    _text("environment"),
    Column("node_id", BigInteger, ForeignKey("node.id"), nullable=False, unique=True),
    _at("created_at"),
    UniqueConstraint("route", "environment"),
)
ownership = Table(
    "ownership",
    metadata,
    Column("subject", Text, primary_key=True),
    _text("owner"),
    _text("contact"),
    _text("actor"),
    _at("at"),
)
deployment = Table(
    "deployment",
    metadata,
    Column("slot_id", BigInteger, ForeignKey("slot.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("node_id", BigInteger, ForeignKey("node.id"), nullable=False, unique=True),
    _json("policy"),
    _text("digest"),
    Column("bundle", BigInteger, ForeignKey("bundle.node_id"), nullable=False),
    _text("kind"),
    Column("undoes", Integer),
    _text("actor"),
    _text("reason"),
    _at("at"),
    PrimaryKeyConstraint("slot_id", "number"),
    ForeignKeyConstraint(["slot_id", "undoes"], ["deployment.slot_id", "deployment.number"]),
    CheckConstraint("number > 0", name="number_positive"),
    CheckConstraint("undoes < number", name="undoes_an_earlier_one"),
    CheckConstraint("(undoes is not null) = (kind <> 'deploy')", name="only_ways_back_undo"),
    CheckConstraint("kind in ('deploy', 'rollback', 'recall', 'guard')", name="kind"),
    Index(None, "slot_id", "at"),
)

# --- the ledger ------------------------------------------------------------------------

_MEASURES = (
    ("status", SmallInteger),
    ("latency_ms", Double),
    ("input_tokens", Integer),
    ("output_tokens", Integer),
    ("cost_usd", Double),
    ("score", Double),
)


def _measures() -> tuple[Column[object], ...]:
    return tuple(Column(name, kind) for name, kind in _MEASURES)


inference = Table(
    "inference",
    metadata,
    Column("id", Uuid, primary_key=True),
    _at("at"),
    # No foreign keys here: they took half of what recording costs. The statement that
    # records takes these ids from the tables themselves, whose rows are never deleted.
    Column("slot_id", BigInteger),
    Column("deployment", Integer),
    Column("bundle_id", BigInteger, nullable=False),
    _text("arm", null=True),
    _text("rule", null=True),
    _text("reason", null=True),
    _text("context_digest", null=True),
    _json("context", null=True),
    _text("decision", null=True),
    _text("trace_id", null=True),
    Column("parent_id", Uuid),
    Column("role", SmallInteger, nullable=False, server_default=text("0")),
    _text("experiment", null=True),
    Column("unit_hash", BigInteger),
    Column("assigned_id", BigInteger),
    _text("served_from", null=True),
    Column("stale_seconds", Double),
    Column("manifest_version", BigInteger),
    # The transaction that recorded it; null before this column was there.
    Column("arrived", BigInteger, server_default=text("(pg_current_xact_id()::text)::bigint")),
    *_measures(),
    Index(None, "bundle_id", "id"),
    Index(None, "decision", postgresql_where=text("decision is not null")),
    Index(None, "trace_id", postgresql_where=text("trace_id is not null")),
    postgresql_partition_by="range (id)",
)
outcome = Table(
    "outcome",
    metadata,
    Column("inference_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("id", Uuid, nullable=False),
    _text("source"),
    _at("at"),
    *_measures(),
    PrimaryKeyConstraint("inference_id", "number"),
    UniqueConstraint("inference_id", "id"),
    postgresql_partition_by="range (inference_id)",
)


def _rollup(period: str) -> Table:
    """Counts by bundle, slot, deployment, rule, arm, role and ``period`` (slot 0,
    deployment 0, rule and arm empty: none)."""
    return Table(
        f"rollup_{period}",
        metadata,
        Column("bundle_id", BigInteger, nullable=False),
        Column("slot_id", BigInteger, nullable=False),
        Column("deployment", Integer, nullable=False),
        _text("rule"),
        _text("arm"),
        Column("role", SmallInteger, nullable=False),
        _at(period),
        Column("requests", BigInteger, nullable=False),
        Column("errors", BigInteger, nullable=False),
        Column("decision_requests", BigInteger, nullable=False),
        Column("latencies", ARRAY(BigInteger), nullable=False),
        Column("input_tokens", BigInteger, nullable=False),
        Column("output_tokens", BigInteger, nullable=False),
        Column("cost_usd", Numeric, nullable=False),
        Column("scored", BigInteger, nullable=False),
        Column("score_sum", Numeric, nullable=False),
        Column("score_squares", Numeric, nullable=False),
        _at("first_at"),
        _at("last_at"),
        PrimaryKeyConstraint("bundle_id", "slot_id", "deployment", "rule", "arm", "role", period),
        Index(None, "slot_id", period),
    )


rollup_hour = _rollup("hour")
rollup_day = _rollup("day")

exposure = Table(
    "exposure",
    metadata,
    Column("slot_id", BigInteger, nullable=False),
    _text("experiment"),
    Column("unit_hash", BigInteger, nullable=False),
    _text("arm"),
    _at("first_at"),
    PrimaryKeyConstraint("slot_id", "experiment", "unit_hash", "arm"),
)

# --- manifests -------------------------------------------------------------------------

signing_key = Table(
    "signing_key",
    metadata,
    Column("id", Text, primary_key=True),
    _text("public"),
    _text("private"),
    _at("created_at"),
)
client_report = Table(
    "client_report",
    metadata,
    Column("id", Uuid, primary_key=True),
    _text("environment"),
    Column("epoch", Uuid),
    Column("version", BigInteger),
    _text("served_from"),
    Column("stale_seconds", Double),
    Column("spooled", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("damaged", BigInteger, nullable=False),
    _text("host"),
    Column("pid", Integer, nullable=False),
    _text("library"),
    _text("owner"),
    _at("started_at"),
    _at("reported_at"),
    Index(None, "environment", "reported_at"),
)

# --- access ----------------------------------------------------------------------------

api_key = Table(
    "api_key",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("prefix", Text, nullable=False, unique=True),
    _text("owner"),
    _text("role"),
    _text("created_by"),
    _at("created_at"),
    _at("expires_at", null=True),
    _at("revoked_at", null=True),
)
audit_event = Table(
    "audit_event",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _at("at"),
    _text("actor"),
    _text("action"),
    _text("subject"),
    _text("why"),
    _json("before", null=True),
    _json("after", null=True),
    _text("previous_hash"),
    Column("hash", Text, nullable=False, unique=True),
)
idempotency = Table(
    "idempotency",
    metadata,
    _text("principal"),
    _text("key"),
    _text("fingerprint"),
    Column("status", SmallInteger),
    _json("answer", null=True),
    _at("at"),
    PrimaryKeyConstraint("principal", "key"),
    Index(None, "at"),
)
