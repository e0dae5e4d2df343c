"""What stands beside prompts: where labels are now, which are protected, what is searched,
and who read what."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
)
from sqlalchemy.dialects.postgresql import TSVECTOR

from twinline.db.schema.columns import at_, metadata, text_

# The newest row of `label_move` for each label; a trigger writes it, and nothing else does.
prompt_label = Table(
    "prompt_label",
    metadata,
    Column("prompt_id", BigInteger, nullable=False),
    text_("label"),
    Column("number", Integer, nullable=False),
    at_("since"),
    PrimaryKeyConstraint("prompt_id", "label"),
    ForeignKeyConstraint(
        ["prompt_id", "number"], ["prompt_version.prompt_id", "prompt_version.number"]
    ),
    CheckConstraint("label !~ '^[0-9]+$'", name="no_number"),
    Index(None, "label", "prompt_id"),
)
protected_label = Table(
    "protected_label",
    metadata,
    text_("label"),
    text_("domain"),
    text_("reason"),
    text_("actor"),
    at_("at"),
    PrimaryKeyConstraint("label", "domain"),
    CheckConstraint("label <> 'latest'", name="latest_is_kept_by_the_system"),
)
# What is found of a prompt: its name, and the texts of its newest and its labelled versions;
# triggers write it, and nothing else does.
prompt_search = Table(
    "prompt_search",
    metadata,
    Column("prompt_id", BigInteger, ForeignKey("prompt.id"), primary_key=True),
    text_("name"),
    text_("words"),
    Column("document", TSVECTOR, nullable=False),
    Index(None, "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
    Index(None, "words", postgresql_using="gin", postgresql_ops={"words": "gin_trgm_ops"}),
    Index(None, "document", postgresql_using="gin"),
)
# Who read which version, through which door: a row for each day.
prompt_access = Table(
    "prompt_access",
    metadata,
    Column("prompt_version", BigInteger, ForeignKey("prompt_version.node_id"), nullable=False),
    text_("principal"),
    text_("door"),
    Column("day", Date, nullable=False),
    Column("count", BigInteger, nullable=False),
    at_("first_at"),
    at_("last_at"),
    PrimaryKeyConstraint("prompt_version", "day", "principal", "door"),
    CheckConstraint("count > 0", name="read"),
)
