"""Find what arrived last in the ledger without looking at everything that did not.

The index says of every megabyte of a day which transactions wrote it: what follows the
ledger looks at the last ones alone. Day by day and concurrently, because recording goes on
meanwhile; when this is interrupted, the days that are done stay done.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"

INDEX = "inference_arrived_idx"
# New pages are summarized by autovacuum as they fill, not only when the whole day is due.
BRIN = "using brin (arrived) with (autosummarize = on)"
LEFT = sa.text(f"""
select day.inhrelid::regclass::text from pg_inherits day
where day.inhparent = 'inference'::regclass and not exists (
    select from pg_inherits part join pg_index on indexrelid = part.inhrelid
    where part.inhparent = '{INDEX}'::regclass and indrelid = day.inhrelid
) order by 1
""")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # A day that begins from here on has its index from the start.
        op.execute(f"create index if not exists {INDEX} on only inference {BRIN}")
        op.execute("set statement_timeout = 0")  # as long as it takes: nobody waits for it
        for day in op.get_bind().scalars(LEFT).all():
            # What is made concurrently waits for older transactions, and holds nobody up.
            op.execute("set lock_timeout = 0")
            op.execute(f"drop index concurrently if exists {day}_arrived_idx")
            op.execute(f"create index concurrently {day}_arrived_idx on {day} {BRIN}")
            op.execute("set lock_timeout = '4s'")
            op.execute(f"alter index {INDEX} attach partition {day}_arrived_idx")
        op.execute("set statement_timeout = '60s'")


def downgrade() -> None:
    op.drop_index(INDEX, "inference")
