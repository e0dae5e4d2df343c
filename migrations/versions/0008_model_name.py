"""Which model version is meant by the names that providers and traces use; what
happened to a model's aliases; and spans that wait for the inference that they are about."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    op.create_table(
        "model_name",
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, sa.ForeignKey("model_version.node_id"), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider", "name"),
    )
    op.create_index(
        "model_version_source_uri_idx", "model_version", ["source_uri"], postgresql_using="hash"
    )
    op.create_index(
        "audit_event_subject_idx",
        "audit_event",
        ["subject"],
        postgresql_ops={"subject": "text_pattern_ops"},
        postgresql_where=sa.text("action in ('model.register', 'model.update')"),
    )
    op.create_table(
        "waiting_call",
        sa.Column("inference_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("sent", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("inference_id", "id"),
    )
    op.create_index("waiting_call_at_idx", "waiting_call", ["at"])


def downgrade() -> None:
    op.drop_table("waiting_call")
    op.drop_index("audit_event_subject_idx", "audit_event")
    op.drop_index("model_version_source_uri_idx", "model_version")
    op.drop_table("model_name")
