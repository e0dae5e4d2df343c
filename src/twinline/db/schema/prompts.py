"""What stands beside prompts: where labels are now, which are protected, what is searched,
and who read what."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
)

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
