"""What all tables share: their names' form, and the columns that recur."""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, ForeignKey, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)


def text_(name: str, *, null: bool = False) -> Column[str]:
    """A column of text."""
    return Column(name, Text, nullable=null)


def json_(name: str, *, null: bool = False, default: str | None = None) -> Column[object]:
    """A column of JSON; None is NULL, not JSON's null."""
    return Column(name, JSONB(none_as_null=True), nullable=null, server_default=default)


def at_(name: str, *, null: bool = False) -> Column[object]:
    """A column of moments."""
    return Column(name, DateTime(timezone=True), nullable=null)


def node_key() -> Column[int]:
    """The primary key of what is a node of the graph."""
    return Column("node_id", BigInteger, ForeignKey("node.id"), primary_key=True)


def lifted() -> tuple[Column[Any] | CheckConstraint, ...]:
    """Who let it go on, and why; nobody yet while it is in force."""
    return (
        text_("lifted_by", null=True),
        text_("lifted_reason", null=True),
        at_("lifted_at", null=True),
        CheckConstraint(
            "(lifted_at is null) = (lifted_by is null)"
            " and (lifted_at is null) = (lifted_reason is null)",
            name="lifted_whole",
        ),
    )
