"""Which transaction brought each inference into the ledger, so that what had arrived at
some moment can be counted again later; and reports of recalls that stay as they were."""

from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"

KEEP_REPORT = """
create trigger keep_report before update on recall for each row when (
    (old.number, old.report, old.report_digest)
    is distinct from (new.number, new.report, new.report_digest)
) execute function refuse_change()
"""
REFUSE_DELETE = """
create trigger refuse_row_change before delete on recall
for each row execute function refuse_change()
"""


def upgrade() -> None:
    # In two steps, because a column that is added with a changing default rewrites the table.
    op.execute("alter table inference add column arrived bigint")
    op.execute(
        "alter table inference alter column arrived set default"
        " (pg_current_xact_id()::text)::bigint"
    )
    op.execute(KEEP_REPORT)
    op.execute(REFUSE_DELETE)
    op.execute("alter table recall enable always trigger keep_report")
    op.execute("alter table recall enable always trigger refuse_row_change")


def downgrade() -> None:
    op.execute("drop trigger refuse_row_change on recall")
    op.execute("drop trigger keep_report on recall")
    op.execute("alter table inference drop column arrived")
