"""Suites: what they are, where they are wanted, what waits for them, and what each case did."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from twinline.db.schema.columns import at_, metadata, text_

suite = Table(
    "suite",
    metadata,
    Column("name", Text, primary_key=True),
    text_("description"),
    text_("scores"),
    Column("threshold", Double),
    text_("command"),
    Column("attempts_max", Integer, nullable=False),
    text_("actor"),
    at_("at"),
    CheckConstraint("scores in ('prompt', 'model', 'bundle')", name="scores"),
    CheckConstraint("threshold between 0 and 1", name="threshold"),
)
suite_attachment = Table(
    "suite_attachment",
    metadata,
    Column("suite", Text, ForeignKey("suite.name"), nullable=False),
    text_("prompts"),
    PrimaryKeyConstraint("suite", "prompts"),
)
suite_requirement = Table(
    "suite_requirement",
    metadata,
    Column("suite", Text, ForeignKey("suite.name"), nullable=False),
    text_("place"),
    text_("reason"),
    text_("actor"),
    at_("at"),
    PrimaryKeyConstraint("suite", "place"),
)
suite_waiver = Table(
    "suite_waiver",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("suite", Text, ForeignKey("suite.name"), nullable=False),
    Column("bundle", BigInteger, ForeignKey("bundle.node_id"), nullable=False),
    text_("place"),
    text_("reason"),
    text_("actor"),
    at_("at"),
    Index(None, "bundle", "suite"),
)
pending_evaluation = Table(
    "pending_evaluation",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("suite", Text, ForeignKey("suite.name"), nullable=False),
    Column("subject", BigInteger, ForeignKey("node.id"), nullable=False),
    text_("actor"),
    at_("at"),
    # Under whose lease it is, and from when on anybody may claim it.
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("attempts_max", Integer, nullable=False),
    Column("token", Text, unique=True),
    text_("claimed_by", null=True),
    at_("free_at"),
    text_("last_error", null=True),
    Column("evaluation", BigInteger, ForeignKey("evaluation.id"), unique=True),
    CheckConstraint("attempts between 0 and attempts_max", name="attempts"),
    CheckConstraint("token is null or claimed_by is not null", name="claimed_by_somebody"),
    Index(None, "suite", "number", postgresql_where=text("evaluation is null")),
    Index(None, "subject", "suite"),
)
evaluation_case = Table(
    "evaluation_case",
    metadata,
    Column("evaluation", BigInteger, ForeignKey("evaluation.id"), nullable=False),
    text_("id"),
    Column("passed", Boolean, nullable=False),
    Column("score", Double),
    PrimaryKeyConstraint("evaluation", "id"),
)
