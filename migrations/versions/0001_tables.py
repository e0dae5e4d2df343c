"""The tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

TABLES = (
    "node",
    "edge",
    "prompt",
    "prompt_version",
    "label_move",
    "model",
    "run",
    "dataset",
    "model_version",
    "bundle",
    "pairing",
    "evaluation",
    "slot",
    "deployment",
    "inference",
    "outcome",
    "rollup_hour",
    "rollup_day",
    "api_key",
    "audit_event",
    "idempotency",
)


def upgrade() -> None:
    _graph()
    _prompts()
    _models()
    _bundles()
    _deployments()
    _ledger()
    _rollups()
    _access()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _graph() -> None:
    op.create_table(
        "node",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("node_pkey")),
        sa.UniqueConstraint("ref", name=op.f("node_ref_key")),
    )
    op.create_table(
        "edge",
        sa.Column("source", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["source"], ["node.id"], name=op.f("edge_source_fkey")),
        sa.ForeignKeyConstraint(["target"], ["node.id"], name=op.f("edge_target_fkey")),
        sa.PrimaryKeyConstraint("source", "target", "kind", name=op.f("edge_pkey")),
    )
    op.create_index(op.f("edge_target_source_idx"), "edge", ["target", "source"], unique=False)


def _prompts() -> None:
    op.create_table(
        "prompt",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column(
            "tags", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("prompt_pkey")),
        sa.UniqueConstraint("name", name=op.f("prompt_name_key")),
    )
    op.create_table(
        "prompt_version",
        sa.Column("node_id", sa.BigInteger(), nullable=False),
        sa.Column("prompt_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "template", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column(
            "variables", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column(
            "parameters", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('text', 'chat')", name=op.f("prompt_version_kind_check")),
        sa.CheckConstraint("number > 0", name=op.f("prompt_version_number_positive_check")),
        sa.ForeignKeyConstraint(["node_id"], ["node.id"], name=op.f("prompt_version_node_id_fkey")),
        sa.ForeignKeyConstraint(
            ["prompt_id"], ["prompt.id"], name=op.f("prompt_version_prompt_id_fkey")
        ),
        sa.PrimaryKeyConstraint("node_id", name=op.f("prompt_version_pkey")),
        sa.UniqueConstraint(
            "prompt_id", "digest", name=op.f("prompt_version_prompt_id_digest_key")
        ),
        sa.UniqueConstraint(
            "prompt_id", "number", name=op.f("prompt_version_prompt_id_number_key")
        ),
    )
    op.create_table(
        "label_move",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("prompt_id", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("previous", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "label <> 'latest'", name=op.f("label_move_latest_is_kept_by_the_system_check")
        ),
        sa.ForeignKeyConstraint(
            ["prompt_id", "number"],
            ["prompt_version.prompt_id", "prompt_version.number"],
            name=op.f("label_move_prompt_id_number_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("label_move_pkey")),
    )
    op.create_index(
        op.f("label_move_prompt_id_label_id_idx"),
        "label_move",
        ["prompt_id", "label", "id"],
        unique=False,
    )


def _models() -> None:
    op.create_table(
        "model",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("source in ('mlflow', 'provider')", name=op.f("model_source_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("model_pkey")),
        sa.UniqueConstraint("name", name=op.f("model_name_key")),
    )
    op.create_table(
        "run",
        sa.Column("node_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "params", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column(
            "metrics", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column(
            "tags", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["node_id"], ["node.id"], name=op.f("run_node_id_fkey")),
        sa.PrimaryKeyConstraint("node_id", name=op.f("run_pkey")),
        sa.UniqueConstraint("id", name=op.f("run_id_key")),
    )
    op.create_table(
        "dataset",
        sa.Column("node_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "profile", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["node_id"], ["node.id"], name=op.f("dataset_node_id_fkey")),
        sa.PrimaryKeyConstraint("node_id", name=op.f("dataset_pkey")),
        sa.UniqueConstraint("name", "digest", name=op.f("dataset_name_digest_key")),
    )
    op.create_table(
        "model_version",
        sa.Column("node_id", sa.BigInteger(), nullable=False),
        sa.Column("model_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source_uri", sa.Text(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("run_node_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "params", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column(
            "metrics", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column(
            "tags", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column(
            "aliases", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("model_version_number_positive_check")),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.id"], name=op.f("model_version_model_id_fkey")
        ),
        sa.ForeignKeyConstraint(["node_id"], ["node.id"], name=op.f("model_version_node_id_fkey")),
        sa.ForeignKeyConstraint(
            ["run_node_id"], ["run.node_id"], name=op.f("model_version_run_node_id_fkey")
        ),
        sa.PrimaryKeyConstraint("node_id", name=op.f("model_version_pkey")),
        sa.UniqueConstraint("model_id", "number", name=op.f("model_version_model_id_number_key")),
    )


def _bundles() -> None:
    op.create_table(
        "bundle",
        sa.Column("node_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("model_version", sa.BigInteger(), nullable=True),
        sa.Column("prompt_version", sa.BigInteger(), nullable=True),
        sa.Column(
            "parameters", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column(
            "words", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "case kind when 'pair' then model_version is not null"
            " and prompt_version is not null and words is null"
            " when 'unresolved' then words is not null else false end",
            name=op.f("bundle_kind_check"),
        ),
        sa.ForeignKeyConstraint(
            ["model_version"], ["model_version.node_id"], name=op.f("bundle_model_version_fkey")
        ),
        sa.ForeignKeyConstraint(["node_id"], ["node.id"], name=op.f("bundle_node_id_fkey")),
        sa.ForeignKeyConstraint(
            ["prompt_version"], ["prompt_version.node_id"], name=op.f("bundle_prompt_version_fkey")
        ),
        sa.PrimaryKeyConstraint("node_id", name=op.f("bundle_pkey")),
        sa.UniqueConstraint("digest", name=op.f("bundle_digest_key")),
    )
    op.create_index(op.f("bundle_model_version_idx"), "bundle", ["model_version"], unique=False)
    op.create_index(op.f("bundle_prompt_version_idx"), "bundle", ["prompt_version"], unique=False)
    op.create_table(
        "pairing",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("model_version", sa.BigInteger(), nullable=False),
        sa.Column("prompt_version", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status in ('designed_for', 'compatible', 'incompatible')",
            name=op.f("pairing_status_check"),
        ),
        sa.ForeignKeyConstraint(
            ["model_version"], ["model_version.node_id"], name=op.f("pairing_model_version_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["prompt_version"], ["prompt_version.node_id"], name=op.f("pairing_prompt_version_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pairing_pkey")),
    )
    op.create_index(
        op.f("pairing_prompt_version_model_version_id_idx"),
        "pairing",
        ["prompt_version", "model_version", "id"],
        unique=False,
    )
    op.create_table(
        "evaluation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subject", sa.BigInteger(), nullable=False),
        sa.Column("suite", sa.Text(), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["subject"], ["node.id"], name=op.f("evaluation_subject_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("evaluation_pkey")),
    )
    op.create_index(
        op.f("evaluation_subject_suite_id_idx"),
        "evaluation",
        ["subject", "suite", "id"],
        unique=False,
    )


def _deployments() -> None:
    op.create_table(
        "slot",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("slot_pkey")),
        sa.UniqueConstraint("route", "environment", name=op.f("slot_route_environment_key")),
    )
    op.create_table(
        "deployment",
        sa.Column("slot_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("node_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "policy", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("bundle", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(undoes is not null) = (kind <> 'deploy')",
            name=op.f("deployment_only_ways_back_undo_check"),
        ),
        sa.CheckConstraint(
            "kind in ('deploy', 'rollback', 'recall', 'guard')", name=op.f("deployment_kind_check")
        ),
        sa.CheckConstraint("number > 0", name=op.f("deployment_number_positive_check")),
        sa.CheckConstraint("undoes < number", name=op.f("deployment_undoes_an_earlier_one_check")),
        sa.ForeignKeyConstraint(
            ["bundle"], ["bundle.node_id"], name=op.f("deployment_bundle_fkey")
        ),
        sa.ForeignKeyConstraint(["node_id"], ["node.id"], name=op.f("deployment_node_id_fkey")),
        sa.ForeignKeyConstraint(
            ["slot_id", "undoes"],
            ["deployment.slot_id", "deployment.number"],
            name=op.f("deployment_slot_id_undoes_fkey"),
        ),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("deployment_slot_id_fkey")),
        sa.PrimaryKeyConstraint("slot_id", "number", name=op.f("deployment_pkey")),
        sa.UniqueConstraint("node_id", name=op.f("deployment_node_id_key")),
    )
    op.create_index(
        op.f("deployment_slot_id_at_idx"), "deployment", ["slot_id", "at"], unique=False
    )


def _ledger() -> None:
    op.create_table(
        "inference",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("slot_id", sa.BigInteger(), nullable=True),
        sa.Column("deployment", sa.Integer(), nullable=True),
        sa.Column("bundle_id", sa.BigInteger(), nullable=False),
        sa.Column("arm", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("context_digest", sa.Text(), nullable=True),
        sa.Column(
            "context", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("latency_ms", sa.Double(), nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("cost_usd", sa.Double(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["bundle_id"], ["bundle.node_id"], name=op.f("inference_bundle_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["slot_id", "deployment"],
            ["deployment.slot_id", "deployment.number"],
            name=op.f("inference_slot_id_deployment_fkey"),
        ),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("inference_slot_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("inference_pkey")),
        postgresql_partition_by="range (id)",
    )
    op.create_index(
        op.f("inference_bundle_id_id_idx"), "inference", ["bundle_id", "id"], unique=False
    )
    op.create_index(
        op.f("inference_decision_idx"),
        "inference",
        ["decision"],
        unique=False,
        postgresql_where=sa.text("decision is not null"),
    )
    op.create_index(
        op.f("inference_trace_id_idx"),
        "inference",
        ["trace_id"],
        unique=False,
        postgresql_where=sa.text("trace_id is not null"),
    )
    op.create_table(
        "outcome",
        sa.Column("inference_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("latency_ms", sa.Double(), nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("cost_usd", sa.Double(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("inference_id", "number", name=op.f("outcome_pkey")),
        sa.UniqueConstraint("inference_id", "id", name=op.f("outcome_inference_id_id_key")),
        postgresql_partition_by="range (inference_id)",
    )


def _rollups() -> None:
    op.create_table(
        "rollup_hour",
        sa.Column("bundle_id", sa.BigInteger(), nullable=False),
        sa.Column("slot_id", sa.BigInteger(), nullable=False),
        sa.Column("deployment", sa.Integer(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("decision_requests", sa.BigInteger(), nullable=False),
        sa.Column("latencies", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(), nullable=False),
        sa.Column("scored", sa.BigInteger(), nullable=False),
        sa.Column("score_sum", sa.Numeric(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "bundle_id", "slot_id", "deployment", "hour", name=op.f("rollup_hour_pkey")
        ),
    )
    op.create_index(
        op.f("rollup_hour_slot_id_hour_idx"), "rollup_hour", ["slot_id", "hour"], unique=False
    )
    op.create_table(
        "rollup_day",
        sa.Column("bundle_id", sa.BigInteger(), nullable=False),
        sa.Column("slot_id", sa.BigInteger(), nullable=False),
        sa.Column("deployment", sa.Integer(), nullable=False),
        sa.Column("day", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("decision_requests", sa.BigInteger(), nullable=False),
        sa.Column("latencies", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(), nullable=False),
        sa.Column("scored", sa.BigInteger(), nullable=False),
        sa.Column("score_sum", sa.Numeric(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "bundle_id", "slot_id", "deployment", "day", name=op.f("rollup_day_pkey")
        ),
    )
    op.create_index(
        op.f("rollup_day_slot_id_day_idx"), "rollup_day", ["slot_id", "day"], unique=False
    )


def _access() -> None:
    op.create_table(
        "api_key",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("api_key_pkey")),
        sa.UniqueConstraint("prefix", name=op.f("api_key_prefix_key")),
    )
    op.create_table(
        "audit_event",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column(
            "before", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "after", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("audit_event_pkey")),
        sa.UniqueConstraint("hash", name=op.f("audit_event_hash_key")),
    )
    op.create_table(
        "idempotency",
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column(
            "answer", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("principal", "key", name=op.f("idempotency_pkey")),
    )
    op.create_index(op.f("idempotency_at_idx"), "idempotency", ["at"], unique=False)
