"""Links between slots and aliases in MLflow, and who else moved those."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0009"
down_revision: str | None = "0008"


def upgrade() -> None:
    _links()
    _moves()


def downgrade() -> None:
    op.drop_table("alias_move")
    op.drop_table("alias_link")


def _links() -> None:
    op.create_table(
        "alias_link",
        sa.Column("slot_id", sa.BigInteger, sa.ForeignKey("slot.id"), primary_key=True),
        _text("alias"),
        sa.Column("writes", sa.Boolean, nullable=False),
        _text("foreign_moves"),
        _text("actor"),
        _at("at"),
        _text("model", null=True),
        sa.Column("known", sa.Integer),
        _at("looked_at", null=True),
        sa.Column("puts", postgresql.JSONB(none_as_null=True), nullable=False),
        _text("written", null=True),
        _at("written_at", null=True),
        _count("settled"),
        _count("seen_live"),
        _at("asked_at"),
        _count("tries"),
        _text("trouble", null=True),
        _text("note", null=True),
        _at("next_at"),
        sa.Column("turn", sa.BigInteger, nullable=False, server_default="0"),
        _at("turn_until", null=True),
        sa.UniqueConstraint("model", "alias"),
        _check("foreign", "foreign_moves in ('alert', 'revert', 'propose', 'deploy')"),
        _check("a_revert_writes", "writes or foreign_moves <> 'revert'"),
        _check("known_of_a_model", "known is null or model is not null"),
        _check("written_whole", "(written is null) = (written_at is null)"),
    )


def _moves() -> None:
    op.create_table(
        "alias_move",
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("slot_id", sa.BigInteger, sa.ForeignKey("slot.id"), nullable=False),
        _text("alias"),
        _text("model"),
        sa.Column("before", sa.Integer),
        sa.Column("after", sa.Integer),
        _at("found_at"),
        sa.Column("live", sa.Integer, nullable=False),
        _text("outcome"),
        _text("why"),
        sa.Column("deployment", sa.Integer),
        _text("decided_by", null=True),
        _at("decided_at", null=True),
        _check(
            "outcome",
            "outcome in ('shown', 'overwritten', 'reverted', 'held', 'refused', 'deployed',"
            " 'proposed', 'accepted', 'declined', 'superseded')",
            table="alias_move",
        ),
        _check("moved", "before is distinct from after", table="alias_move"),
        _check(
            "deployed",
            "(deployment is not null) = (outcome in ('deployed', 'accepted'))",
            table="alias_move",
        ),
        _check("decided_whole", "(decided_by is null) = (decided_at is null)", table="alias_move"),
    )
    op.create_index("alias_move_slot_id_number_idx", "alias_move", ["slot_id", "number"])
    op.create_index(
        "alias_move_slot_id_idx",
        "alias_move",
        ["slot_id"],
        unique=True,
        postgresql_where=sa.text("outcome = 'proposed'"),
    )


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def _at(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def _check(name: str, rule: str, *, table: str = "alias_link") -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"{table}_{name}_check"))
