"""Who is signed in to the pages: a session for each browser, known by the hash of its token."""

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"


def upgrade() -> None:
    op.create_table(
        "session",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("key_hash", sa.Text, sa.ForeignKey("api_key.hash"), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("session_ends_at_idx", "session", ["ends_at"])


def downgrade() -> None:
    op.drop_table("session")
