"""Which slots an alias in MLflow goes with, how far that has come, and who else moved it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    text,
)

from twinline.db.schema.columns import at_, json_, metadata, text_

alias_link = Table(
    "alias_link",
    metadata,
    # What was asked for.
    Column("slot_id", BigInteger, ForeignKey("slot.id"), primary_key=True),
    text_("alias"),
    Column("writes", Boolean, nullable=False),
    text_("foreign_moves"),
    text_("actor"),
    at_("at"),
    # What is known of the alias: on which model it is looked after, and where it was last.
    text_("model", null=True),
    Column("known", Integer),
    at_("looked_at", null=True),
    json_("puts"),
    text_("written", null=True),
    at_("written_at", null=True),
    # What is to be done.
    Column("settled", Integer, nullable=False, server_default="0"),
    Column("seen_live", Integer, nullable=False, server_default="0"),
    at_("asked_at"),
    Column("tries", Integer, nullable=False, server_default="0"),
    text_("trouble", null=True),
    text_("note", null=True),
    at_("next_at"),
    Column("turn", BigInteger, nullable=False, server_default="0"),
    at_("turn_until", null=True),
    UniqueConstraint("model", "alias"),
    CheckConstraint("foreign_moves in ('alert', 'revert', 'propose', 'deploy')", name="foreign"),
    CheckConstraint("writes or foreign_moves <> 'revert'", name="a_revert_writes"),
    CheckConstraint("known is null or model is not null", name="known_of_a_model"),
    CheckConstraint("(written is null) = (written_at is null)", name="written_whole"),
)
alias_move = Table(
    "alias_move",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("slot_id", BigInteger, ForeignKey("slot.id"), nullable=False),
    text_("alias"),
    text_("model"),
    Column("before", Integer),
    Column("after", Integer),
    at_("found_at"),
    Column("live", Integer, nullable=False),
    text_("outcome"),
    text_("why"),
    Column("deployment", Integer),
    text_("decided_by", null=True),
    at_("decided_at", null=True),
    CheckConstraint(
        "outcome in ('shown', 'overwritten', 'reverted', 'held', 'refused', 'deployed',"
        " 'proposed', 'accepted', 'declined', 'superseded')",
        name="outcome",
    ),
    CheckConstraint("before is distinct from after", name="moved"),
    CheckConstraint(
        "(deployment is not null) = (outcome in ('deployed', 'accepted'))", name="deployed"
    ),
    CheckConstraint("(decided_by is null) = (decided_at is null)", name="decided_whole"),
    Index(None, "slot_id", "number"),
    Index(None, "slot_id", unique=True, postgresql_where=text("outcome = 'proposed'")),
)
