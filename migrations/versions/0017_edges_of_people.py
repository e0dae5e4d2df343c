"""Edges that people say are found by an index: a recall asks what they lead on from."""

import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"

KEPT = (
    "trained",
    "made",
    "model_of",
    "prompt_of",
    "derived",
    "included",
    "evaluated",
    "deployed_as",
    "live_in",
)


def upgrade() -> None:
    of_people = sa.text(f"kind not in {KEPT}")
    op.create_index("edge_peoples_idx", "edge", ["source"], postgresql_where=of_people)


def downgrade() -> None:
    op.drop_index("edge_peoples_idx", "edge")
