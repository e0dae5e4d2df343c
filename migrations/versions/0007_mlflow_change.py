"""What happened in MLflow registries, as their outboxes tell it; kept as it was told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0007"
down_revision: str | None = "0006"

GUARDS = {"row": "update or delete", "statement": "truncate"}


def upgrade() -> None:
    op.create_table(
        "mlflow_change",
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("outbox", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("workspace", "entity", "action")),
        sa.Column("name", sa.Text),
        sa.Column("new_name", sa.Text),
        sa.Column("key", postgresql.JSONB, nullable=False),
        sa.Column("before", postgresql.JSONB),
        sa.Column("after", postgresql.JSONB),
        sa.Column("actor", sa.Text),
        sa.Column("reported_by", sa.Text, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("outbox", "sequence"),
        _check("sequence_positive", "sequence > 0"),
        _check("action", "action in ('insert', 'update', 'delete', 'lost')"),
        _check("only_what_is_lost_has_no_name", "(action = 'lost') = (name is null)"),
    )
    _index("server", "number")
    _index("server", "name", "number")
    _index("server", "new_name", "number", where="new_name is not null")
    for level, events in GUARDS.items():
        name = f"refuse_{level}_change"
        op.execute(
            f"create trigger {name} before {events} on mlflow_change"
            f" for each {level} execute function refuse_change()"
        )
        op.execute(f"alter table mlflow_change enable always trigger {name}")


def downgrade() -> None:
    op.drop_table("mlflow_change")


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"mlflow_change_{name}_check"))


def _index(*columns: str, where: str | None = None) -> None:
    op.create_index(
        f"mlflow_change_{'_'.join(columns)}_idx",
        "mlflow_change",
        list(columns),
        postgresql_where=sa.text(where) if where else None,
    )
