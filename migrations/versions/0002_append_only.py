"""History is append-only, and the rollups' arithmetic.

The database refuses to change or drop what the catalog promises to keep, also for
sessions with `session_replication_role = replica`. Model versions keep their identity;
what their registry says about them (params, metrics, tags, aliases) follows it.
"""

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"

APPEND_ONLY = (
    "node",
    "edge",
    "prompt_version",
    "label_move",
    "bundle",
    "pairing",
    "evaluation",
    "deployment",
    "inference",
    "outcome",
    "audit_event",
)

REFUSE = """
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% on % is refused: its rows are kept as they are', tg_op, tg_table_name
        using errcode = 'integrity_constraint_violation',
              hint = 'Append a new version, deployment or statement instead.';
end $$
"""
REFUSE_NEW_IDENTITY = """
create trigger keep_identity before update on model_version for each row when (
    (old.node_id, old.model_id, old.number, old.source_uri, old.digest, old.pinned,
     old.run_node_id, old.created_at)
    is distinct from
    (new.node_id, new.model_id, new.number, new.source_uri, new.digest, new.pinned,
     new.run_node_id, new.created_at)
) execute function refuse_change()
"""

# Latencies are counted in 217 log-spaced buckets: 0 for at most 0.1 ms, bucket i for
# (0.1 * 1.1**(i-1), 0.1 * 1.1**i] ms, the last up to a day. The middle of a bucket is
# at most 4.8 % from anything in it.
LATENCY_FUNCTIONS = (
    """
create function latency_bucket(ms double precision) returns integer
language sql immutable strict parallel safe as $$
    select case when ms <= 0.1 then 0
           else least(216, ceil(ln(ms / 0.1) / ln(1.1::double precision))::integer) end
$$
""",
    """
create function latency_counts(buckets integer[], counts bigint[]) returns bigint[]
language sql immutable parallel safe as $$
    select array_agg(coalesce(given.n, 0) order by i)
    from generate_series(0, 216) i
    left join unnest(buckets, counts) as given(bucket, n) on given.bucket = i
$$
""",
    """
create function latency_add(a bigint[], b bigint[]) returns bigint[]
language sql immutable strict parallel safe as $$
    select array_agg(x + y order by i) from unnest(a, b) with ordinality as pair(x, y, i)
$$
""",
    """
create aggregate latency_sum(bigint[]) (sfunc = latency_add, stype = bigint[], parallel = safe,
    combinefunc = latency_add)
""",
)


def upgrade() -> None:
    op.execute(REFUSE)
    for table in APPEND_ONLY:
        _guard(table, "update or delete", "row")
        _guard(table, "truncate", "statement")
    _guard("model_version", "delete", "row")
    _guard("model_version", "truncate", "statement")
    op.execute(REFUSE_NEW_IDENTITY)
    op.execute("alter table model_version enable always trigger keep_identity")
    for function in LATENCY_FUNCTIONS:
        op.execute(function)


def downgrade() -> None:
    op.execute("drop aggregate latency_sum(bigint[])")
    op.execute("drop function latency_add(bigint[], bigint[])")
    op.execute("drop function latency_counts(integer[], bigint[])")
    op.execute("drop function latency_bucket(double precision)")
    op.execute("drop function refuse_change() cascade")


def _guard(table: str, events: str, level: str) -> None:
    name = f"refuse_{level}_change"
    op.execute(
        f"create trigger {name} before {events} on {table} "
        f"for each {level} execute function refuse_change()"
    )
    op.execute(f"alter table {table} enable always trigger {name}")
