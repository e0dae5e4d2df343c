"""What is searched of the prompts that were there before searching was.

A hundred prompts at a time, each time in a transaction of its own: a large catalog takes
minutes, more than one statement may, and the version that still runs goes on meanwhile. What
was filled when this is interrupted stays, and the rest is filled the next time. Its indexes
are made at the end, which takes a small part of what it takes to fill them row by row; who
changes a prompt waits for them.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"

INDEXES = {"name": "gin_trgm_ops", "words": "gin_trgm_ops", "document": None}
BATCH = 100
# A prompt is held while it is read, lest we keep what it said before somebody changed it.
FILL = sa.text("""
select keep_searched(id) from (
    select id from prompt where id > :after and id <= :last
        and not exists (select from prompt_search where prompt_id = prompt.id)
    order by id for no key update
) unsearched
""")
ENDS = sa.text("""
select max(id) from (
    select id, (row_number() over (order by id) - 1) / :batch as batch from prompt
) numbered group by batch order by 1
""")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        bind = op.get_bind()
        after = 0
        for last in bind.scalars(ENDS, {"batch": BATCH}).all():
            bind.execute(FILL, {"after": after, "last": last})
            after = last
    op.execute("set local statement_timeout = 0")  # as long as it takes, as for the whole
    for column, classes in INDEXES.items():
        op.create_index(
            f"prompt_search_{column}_idx",
            "prompt_search",
            [column],
            postgresql_using="gin",
            postgresql_ops={column: classes} if classes else {},
            # Without it, who searches walks through all that was written last.
            postgresql_with={"fastupdate": "off"},
        )


def downgrade() -> None:
    """What was filled goes with its table."""
    for column in INDEXES:
        op.drop_index(f"prompt_search_{column}_idx", "prompt_search")
