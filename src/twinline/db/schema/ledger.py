"""Facts, and their exact rollups."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from twinline.db.schema.columns import at_, json_, metadata, text_

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
    at_("at"),
    # No foreign keys here: they took half of what recording costs. The statement that
    # records takes these ids from the tables themselves, whose rows are never deleted.
    Column("slot_id", BigInteger),
    Column("deployment", Integer),
    Column("bundle_id", BigInteger, nullable=False),
    text_("arm", null=True),
    text_("rule", null=True),
    text_("reason", null=True),
    text_("context_digest", null=True),
    json_("context", null=True),
    text_("decision", null=True),
    text_("trace_id", null=True),
    Column("parent_id", Uuid),
    Column("role", SmallInteger, nullable=False, server_default=text("0")),
    text_("experiment", null=True),
    Column("unit_hash", BigInteger),
    Column("assigned_id", BigInteger),
    text_("served_from", null=True),
    Column("stale_seconds", Double),
    Column("manifest_version", BigInteger),
    # The transaction that recorded it; null before this column was there.
    Column("arrived", BigInteger, server_default=text("(pg_current_xact_id()::text)::bigint")),
    *_measures(),
    Index(None, "bundle_id", "id"),
    Index(None, "decision", postgresql_where=text("decision is not null")),
    Index(None, "trace_id", postgresql_where=text("trace_id is not null")),
    Index(None, "arrived", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
    postgresql_partition_by="range (id)",
)
outcome = Table(
    "outcome",
    metadata,
    Column("inference_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("id", Uuid, nullable=False),
    text_("source"),
    at_("at"),
    *_measures(),
    PrimaryKeyConstraint("inference_id", "number"),
    UniqueConstraint("inference_id", "id"),
    postgresql_partition_by="range (inference_id)",
)


# Calls in traces that are about an inference which is not recorded yet.
waiting_call = Table(
    "waiting_call",
    metadata,
    Column("inference_id", Uuid, nullable=False),
    Column("id", Uuid, nullable=False),
    json_("sent"),
    at_("at"),
    PrimaryKeyConstraint("inference_id", "id"),
    Index(None, "at"),
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
        text_("rule"),
        text_("arm"),
        Column("role", SmallInteger, nullable=False),
        at_(period),
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
        at_("first_at"),
        at_("last_at"),
        PrimaryKeyConstraint("bundle_id", "slot_id", "deployment", "rule", "arm", "role", period),
        Index(None, "slot_id", period),
    )


rollup_hour = _rollup("hour")
rollup_day = _rollup("day")

exposure = Table(
    "exposure",
    metadata,
    Column("slot_id", BigInteger, nullable=False),
    text_("experiment"),
    Column("unit_hash", BigInteger, nullable=False),
    text_("arm"),
    at_("first_at"),
    PrimaryKeyConstraint("slot_id", "experiment", "unit_hash", "arm"),
)
