"""Which transaction brought each inference into the ledger, so that what had arrived at
some moment can be counted again later."""

from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    # In two steps, because a column that is added with a changing default rewrites the table.
    op.execute("alter table inference add column arrived bigint")
    op.execute(
        "alter table inference alter column arrived set default"
        " (pg_current_xact_id()::text)::bigint"
    )


def downgrade() -> None:
    op.execute("alter table inference drop column arrived")
