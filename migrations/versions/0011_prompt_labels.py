"""Where labels are now, as the database itself keeps it; labels that are removed, and those
that not everybody may move; what is searched of prompts, and who reads them.

Needs the extension pg_trgm, which is part of PostgreSQL's contrib and trusted: whoever may
create in the database may create it, without being a superuser.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from twinline.language.errors import StartRefused

revision: str = "0011"
down_revision: str | None = "0010"

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


# The text of one row stays far below what a tsvector may hold (1 MB).
TEMPLATE_TEXT = """
create function template_text(template jsonb) returns text
language sql immutable parallel safe as $$
    select left(case jsonb_typeof(template)
        when 'string' then template #>> '{}'
        else (select string_agg(part ->> 'content', E'\\n' order by place)
              from jsonb_array_elements(template) with ordinality as message(part, place))
    end, 50000)
$$
"""
KEEP_SEARCHED = """
create function keep_searched(id bigint) returns void language sql as $$
    insert into prompt_search (prompt_id, name, words, document)
    select prompt.id, prompt.name, said.words,
        setweight(to_tsvector('simple', regexp_replace(prompt.name, '[/._-]+', ' ', 'g')), 'A')
        || setweight(to_tsvector('simple', prompt.description), 'B')
        || setweight(to_tsvector('simple', left(prompt.tags::text, 10000)), 'B')
        || setweight(to_tsvector('simple', said.words), 'D')
    from prompt, lateral (
        select left(concat_ws(E'\\n', prompt.description, string_agg(
            template_text(coalesce(version.composed, version.template)), E'\\n'
            order by version.number desc)), 50000) as words
        from prompt_version version
        where version.prompt_id = prompt.id and (
            version.number = (select max(number) from prompt_version newest
                              where newest.prompt_id = prompt.id)
            or version.number in (select number from prompt_label placed
                                  where placed.prompt_id = prompt.id))
    ) said
    where prompt.id = keep_searched.id
    on conflict (prompt_id) do update set name = excluded.name, words = excluded.words,
        document = excluded.document
$$
"""
SEARCHED_PROMPT = """
create function searched_prompt() returns trigger language plpgsql as $$
begin
    perform keep_searched(new.id);
    return null;
end $$
"""
SEARCHED_VERSION = """
create function searched_version() returns trigger language plpgsql as $$
begin
    perform keep_searched(new.prompt_id);
    return null;
end $$
"""
WITHOUT_TRIGRAMS = (
    "This PostgreSQL lacks the extension pg_trgm, which searching prompts needs. It is part of "
    "PostgreSQL's contrib: install that (Debian: postgresql, Red Hat: postgresql-contrib), or "
    "have an administrator run `create extension pg_trgm` in this database, and start again."
)


def upgrade() -> None:
    _labels()
    _protected()
    _search()
    _access()


def downgrade() -> None:
    op.drop_table("prompt_access")
    for table in ("label_move", "prompt_version", "prompt"):
        op.execute(f"drop trigger keep_searched on {table}")
    for function in (
        "searched_prompt()",
        "searched_version()",
        "keep_searched(bigint)",
        "template_text(jsonb)",
    ):
        op.execute(f"drop function {function}")
    op.drop_index("prompt_tags_idx", "prompt")
    op.drop_index("prompt_name_idx", "prompt")
    op.drop_index("prompt_version_author_prompt_id_idx", "prompt_version")
    op.drop_table("prompt_search")
    _drop_our_trigrams()
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


def _search() -> None:
    _create_trigrams()
    op.create_table(
        "prompt_search",
        sa.Column("prompt_id", sa.BigInteger, sa.ForeignKey("prompt.id"), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("document", postgresql.TSVECTOR, nullable=False),
    )
    for statement in (TEMPLATE_TEXT, KEEP_SEARCHED, SEARCHED_PROMPT, SEARCHED_VERSION):
        op.execute(statement)
    op.create_index("prompt_tags_idx", "prompt", ["tags"], postgresql_using="gin")
    op.create_index(
        "prompt_name_idx", "prompt", ["name"], postgresql_ops={"name": "text_pattern_ops"}
    )
    op.create_index(
        "prompt_version_author_prompt_id_idx", "prompt_version", ["author", "prompt_id"]
    )
    _always("prompt", "keep_searched", "after insert or update", "searched_prompt()")
    _always("prompt_version", "keep_searched", "after insert", "searched_version()")
    _always("label_move", "keep_searched", "after insert", "searched_version()")


def _access() -> None:
    op.create_table(
        "prompt_access",
        sa.Column(
            "prompt_version",
            sa.BigInteger,
            sa.ForeignKey("prompt_version.node_id"),
            nullable=False,
        ),
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("door", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("prompt_version", "day", "principal", "door"),
        sa.CheckConstraint("count > 0", name=op.f("prompt_access_read_check")),
    )


def _create_trigrams() -> None:
    """Create the extension, unless somebody did before us, who may have had to."""
    there = op.get_bind().execute(
        sa.text(
            "select exists (select from pg_extension where extname = 'pg_trgm'),"
            " exists (select from pg_available_extensions where name = 'pg_trgm')"
        )
    )
    installed, available = there.one()
    if not (installed or available):
        raise StartRefused(WITHOUT_TRIGRAMS)
    if not installed:
        op.execute("create extension pg_trgm")


def _drop_our_trigrams() -> None:
    """What somebody else created, somebody else may use."""
    ours = op.get_bind().scalar(
        sa.text(
            "select pg_get_userbyid(extowner) = current_user from pg_extension"
            " where extname = 'pg_trgm'"
        )
    )
    if ours:
        op.execute("drop extension pg_trgm")


def _always(table: str, name: str, when: str, function: str) -> None:
    op.execute(f"create trigger {name} {when} on {table} for each row execute function {function}")
    op.execute(f"alter table {table} enable always trigger {name}")
