"""Where labels are now, as the database itself keeps it; labels that are removed, and those
that not everybody may move."""

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0009"

KEEP_LABEL = """
create function keep_label() returns trigger language plpgsql as $$
declare
    was integer := (
        select number from prompt_label where prompt_id = new.prompt_id and label = new.label);
begin
    if was is distinct from new.previous then
        raise exception 'the label % is on version %, not on %', new.label, was, new.previous
            using errcode = 'integrity_constraint_violation',
                  hint = 'Lock the prompt before you look where its label is.';
    end if;
    if new.number is null then
        delete from prompt_label where prompt_id = new.prompt_id and label = new.label;
    else
        insert into prompt_label (prompt_id, label, number, since)
        values (new.prompt_id, new.label, new.number, new.at)
        on conflict (prompt_id, label)
            do update set number = excluded.number, since = excluded.since;
    end if;
    return null;
end $$
"""


def upgrade() -> None:
    _labels()
    _protected()


def downgrade() -> None:
    op.drop_table("protected_label")
    op.execute("drop trigger keep_label on label_move")
    op.execute("drop function keep_label()")
    op.drop_table("prompt_label")
    op.drop_constraint("label_move_moved_check", "label_move")
    op.execute("alter table label_move disable trigger refuse_row_change")
    op.execute("delete from label_move where number is null")
    op.execute("alter table label_move enable always trigger refuse_row_change")
    op.alter_column("label_move", "number", nullable=False)


def _labels() -> None:
    op.alter_column("label_move", "number", nullable=True)
    op.create_check_constraint(
        op.f("label_move_moved_check"), "label_move", "number is distinct from previous"
    )
    op.create_table(
        "prompt_label",
        sa.Column("prompt_id", sa.BigInteger, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("prompt_id", "label"),
        sa.ForeignKeyConstraint(
            ["prompt_id", "number"], ["prompt_version.prompt_id", "prompt_version.number"]
        ),
        sa.CheckConstraint("label !~ '^[0-9]+$'", name=op.f("prompt_label_no_number_check")),
    )
    op.create_index("prompt_label_label_prompt_id_idx", "prompt_label", ["label", "prompt_id"])
    op.execute("""
        insert into prompt_label (prompt_id, label, number, since)
        select distinct on (prompt_id, label) prompt_id, label, number, at
        from label_move order by prompt_id, label, id desc
    """)
    op.execute(KEEP_LABEL)
    _always("label_move", "keep_label", "after insert", "keep_label()")


def _protected() -> None:
    op.create_table(
        "protected_label",
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("label", "domain"),
        sa.CheckConstraint(
            "label <> 'latest'", name=op.f("protected_label_latest_is_kept_by_the_system_check")
        ),
    )


def _always(table: str, name: str, when: str, function: str) -> None:
    op.execute(f"create trigger {name} {when} on {table} for each row execute function {function}")
    op.execute(f"alter table {table} enable always trigger {name}")
