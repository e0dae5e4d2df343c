"""The mirror of MLflow: places, names, versions, where aliases and tags were, drift, hints."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"

TABLES = (
    *("mirror_mark", "mirror_inbox", "mirror_drift", "mirror_tag", "mirror_alias"),
    *("mirror_version", "mirror_series", "mirror_place"),
)


def upgrade() -> None:
    op.create_table(
        "mirror_place",
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("known_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sweep_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("full_sweep_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sweep", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("watermark_ms", sa.BigInteger(), nullable=True),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fully_swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("trouble_since", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(trouble is null) = (trouble_since is null)",
            name=op.f("mirror_place_trouble_whole_check"),
        ),
        sa.PrimaryKeyConstraint("server", "workspace", name=op.f("mirror_place_pkey")),
    )
    op.create_table(
        "mirror_series",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.Column("catalog_name", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("known_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind in ('model', 'prompt')", name=op.f("mirror_series_kind_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("mirror_series_pkey")),
        sa.UniqueConstraint(
            "kind", "catalog_name", name=op.f("mirror_series_kind_catalog_name_key")
        ),
        sa.UniqueConstraint(
            "server",
            "workspace",
            "kind",
            "name",
            "created_ms",
            name=op.f("mirror_series_server_workspace_kind_name_created_ms_key"),
        ),
    )
    op.create_index(
        op.f("mirror_series_server_workspace_created_ms_idx"),
        "mirror_series",
        ["server", "workspace", "created_ms"],
        unique=False,
    )
    op.create_index(
        op.f("mirror_series_server_workspace_name_idx"),
        "mirror_series",
        ["server", "workspace", "name"],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )
    op.create_table(
        "mirror_version",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("series_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("node_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=True),
        sa.Column("known_since", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state in ('present', 'deleted', 'renamed', 'replaced')",
            name=op.f("mirror_version_state_check"),
        ),
        sa.ForeignKeyConstraint(["node_id"], ["node.id"], name=op.f("mirror_version_node_id_fkey")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["mirror_series.id"], name=op.f("mirror_version_series_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("mirror_version_pkey")),
        sa.UniqueConstraint(
            "series_id",
            "number",
            "created_ms",
            "digest",
            name=op.f("mirror_version_series_id_number_created_ms_digest_key"),
        ),
    )
    op.create_index(
        op.f("mirror_version_id_idx"),
        "mirror_version",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state in ('deleted', 'replaced') and retired is null"),
    )
    op.create_index(op.f("mirror_version_node_id_idx"), "mirror_version", ["node_id"], unique=False)
    op.create_index(
        op.f("mirror_version_series_id_number_idx"),
        "mirror_version",
        ["series_id", "number"],
        unique=True,
        postgresql_where=sa.text("state = 'present'"),
    )
    op.create_table(
        "mirror_alias",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("series_id", sa.BigInteger(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("learnt", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"], ["mirror_series.id"], name=op.f("mirror_alias_series_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("mirror_alias_pkey")),
    )
    op.create_index(
        op.f("mirror_alias_series_id_alias_idx"),
        "mirror_alias",
        ["series_id", "alias"],
        unique=True,
        postgresql_where=sa.text("until is null"),
    )
    op.create_index(
        op.f("mirror_alias_series_id_alias_since_idx"),
        "mirror_alias",
        ["series_id", "alias", "since"],
        unique=False,
    )
    op.create_table(
        "mirror_tag",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("series_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("learnt", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"], ["mirror_series.id"], name=op.f("mirror_tag_series_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("mirror_tag_pkey")),
    )
    op.create_index(
        op.f("mirror_tag_series_id_number_key_idx"),
        "mirror_tag",
        ["series_id", "number", "key"],
        unique=True,
        postgresql_where=sa.text("until is null"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "mirror_drift",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("series_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("after", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("learnt", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind in ('deleted', 'renamed', 'recreated', 'tampered')",
            name=op.f("mirror_drift_kind_check"),
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["mirror_series.id"], name=op.f("mirror_drift_series_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("mirror_drift_pkey")),
    )
    op.create_index(op.f("mirror_drift_series_id_idx"), "mirror_drift", ["series_id"], unique=False)
    op.create_table(
        "mirror_inbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'waiting') = (done_at is null)", name=op.f("mirror_inbox_done_whole_check")
        ),
        sa.CheckConstraint(
            "state in ('waiting', 'done', 'ignored')", name=op.f("mirror_inbox_state_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("mirror_inbox_pkey")),
        sa.UniqueConstraint(
            "server", "delivery_id", name=op.f("mirror_inbox_server_delivery_id_key")
        ),
    )
    op.create_index(
        op.f("mirror_inbox_id_idx"),
        "mirror_inbox",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "mirror_mark",
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("learnt", sa.Text(), nullable=False),
        sa.Column("marks", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.CheckConstraint("kind in ('model', 'prompt')", name=op.f("mirror_mark_kind_check")),
        sa.CheckConstraint(
            "learnt in ('webhook', 'sweep', 'change')", name=op.f("mirror_mark_learnt_check")
        ),
        sa.PrimaryKeyConstraint(
            "server", "workspace", "kind", "name", name=op.f("mirror_mark_pkey")
        ),
    )
    op.create_index(op.f("mirror_mark_not_before_idx"), "mirror_mark", ["not_before"], unique=False)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
