"""Evaluations of either side with their cases; suites, where they are required, and what
waits for a runner."""

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"

NEW_TABLES = (
    *("evaluation_case", "pending_evaluation", "suite_waiver", "suite_requirement"),
    *("suite_attachment", "suite"),
)


def upgrade() -> None:
    op.add_column("evaluation", sa.Column("dataset", sa.Text))
    op.add_column("evaluation", sa.Column("run", sa.Text))
    # The defaults stay: processes of the version before write while they are replaced.
    op.add_column("evaluation", sa.Column("note", sa.Text, nullable=False, server_default=""))
    op.add_column("evaluation", sa.Column("cases", sa.Integer, nullable=False, server_default="0"))
    op.create_index("evaluation_suite_id_idx", "evaluation", ["suite", "id"])
    _cases()
    _suites()
    _waivers()
    _pending()


def downgrade() -> None:
    for table in NEW_TABLES:
        op.drop_table(table)
    op.drop_index("evaluation_suite_id_idx", "evaluation")
    for column in ("cases", "note", "run", "dataset"):
        op.drop_column("evaluation", column)


def _cases() -> None:
    op.create_table(
        "evaluation_case",
        sa.Column("evaluation", sa.BigInteger, sa.ForeignKey("evaluation.id"), nullable=False),
        *_texts("id"),
        sa.Column("passed", sa.Boolean, nullable=False),
        sa.Column("score", sa.Double),
        sa.PrimaryKeyConstraint("evaluation", "id"),
    )
    _guard("evaluation_case")


def _suites() -> None:
    op.create_table(
        "suite",
        sa.Column("name", sa.Text, primary_key=True),
        *_texts("description", "scores"),
        sa.Column("threshold", sa.Double),
        *_texts("command"),
        sa.Column("attempts_max", sa.Integer, nullable=False),
        *_texts("actor"),
        _at("at"),
        _check("suite", "scores", "scores in ('prompt', 'model', 'bundle')"),
        _check("suite", "threshold", "threshold between 0 and 1"),
    )
    op.create_table(
        "suite_attachment",
        _suite(),
        *_texts("prompts"),
        sa.PrimaryKeyConstraint("suite", "prompts"),
    )
    op.create_table(
        "suite_requirement",
        _suite(),
        *_texts("place", "reason", "actor"),
        _at("at"),
        sa.PrimaryKeyConstraint("suite", "place"),
    )


def _waivers() -> None:
    op.create_table(
        "suite_waiver",
        _number(),
        _suite(),
        sa.Column("bundle", sa.BigInteger, sa.ForeignKey("bundle.node_id"), nullable=False),
        *_texts("place", "reason", "actor"),
        _at("at"),
    )
    op.create_index("suite_waiver_bundle_suite_idx", "suite_waiver", ["bundle", "suite"])
    _guard("suite_waiver")


def _pending() -> None:
    op.create_table(
        "pending_evaluation",
        _number(),
        _suite(),
        sa.Column("subject", sa.BigInteger, sa.ForeignKey("node.id"), nullable=False),
        *_texts("actor"),
        _at("at"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("attempts_max", sa.Integer, nullable=False),
        sa.Column("token", sa.Text, unique=True),
        sa.Column("claimed_by", sa.Text),
        _at("free_at"),
        sa.Column("last_error", sa.Text),
        sa.Column("evaluation", sa.BigInteger, sa.ForeignKey("evaluation.id"), unique=True),
        _check("pending_evaluation", "attempts", "attempts between 0 and attempts_max"),
        _check(
            "pending_evaluation",
            "claimed_by_somebody",
            "token is null or claimed_by is not null",
        ),
    )
    op.create_index(
        "pending_evaluation_suite_number_idx",
        "pending_evaluation",
        ["suite", "number"],
        postgresql_where=sa.text("evaluation is null"),
    )
    op.create_index(
        "pending_evaluation_subject_suite_idx", "pending_evaluation", ["subject", "suite"]
    )


def _guard(table: str) -> None:
    for level, events in (("row", "update or delete"), ("statement", "truncate")):
        name = f"refuse_{level}_change"
        op.execute(
            f"create trigger {name} before {events} on {table} "
            f"for each {level} execute function refuse_change()"
        )
        op.execute(f"alter table {table} enable always trigger {name}")


def _number() -> sa.Column[int]:
    return sa.Column("number", sa.BigInteger, sa.Identity(always=True), primary_key=True)


def _suite() -> sa.Column[str]:
    return sa.Column("suite", sa.Text, sa.ForeignKey("suite.name"), nullable=False)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _at(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"{table}_{name}_check"))
