"""What a prompt version may hold beside its template: declared variables, includes,
examples, another syntax, notes on all that, and where it was imported from. Versions that exist
have none of it. And which versions were retired with their whole prompt."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0010"
down_revision: str | None = "0009"

OBJECTS = ("composed", "origin")
LISTS = ("examples", "includes", "notes")


def upgrade() -> None:
    for name in OBJECTS:
        op.add_column(
            "prompt_version", sa.Column(name, postgresql.JSONB(none_as_null=True), nullable=True)
        )
    op.add_column(
        "prompt_version",
        sa.Column("syntax", sa.Text, nullable=False, server_default="twinline"),
    )
    for name in LISTS:
        op.add_column(
            "prompt_version",
            sa.Column(
                name, postgresql.JSONB(none_as_null=True), nullable=False, server_default="[]"
            ),
        )
    op.create_check_constraint(
        op.f("prompt_version_syntax_check"), "prompt_version", "syntax in ('twinline', 'jinja2')"
    )
    op.create_check_constraint(
        op.f("prompt_version_composed_of_includes_check"),
        "prompt_version",
        "(composed is null) = (includes = '[]')",
    )
    op.add_column(
        "withdrawal",
        sa.Column("whole", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )


def downgrade() -> None:
    op.drop_column("withdrawal", "whole")
    op.drop_constraint("prompt_version_composed_of_includes_check", "prompt_version")
    op.drop_constraint("prompt_version_syntax_check", "prompt_version")
    for name in (*LISTS, "syntax", *OBJECTS):
        op.drop_column("prompt_version", name)
