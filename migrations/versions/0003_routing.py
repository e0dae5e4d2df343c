"""Routing: kill switches, manifests, arms in the ledger and in the rollups."""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"

LEDGER = {
    "role": "smallint not null default 0",
    "experiment": "text",
    "unit_hash": "bigint",
    "assigned_id": "bigint",
    "served_from": "text",
    "stale_seconds": "double precision",
    "manifest_version": "bigint",
}
ROLLUP = {
    "rule": "text not null default ''",
    "arm": "text not null default ''",
    "role": "smallint not null default 0",
    "score_squares": "numeric not null default 0",
}
# Requests without a latency leave the array of counts empty instead of full of zeros.
LATENCY_COUNTS = """
create or replace function latency_counts(buckets integer[], counts bigint[]) returns bigint[]
language sql immutable parallel safe as $$
    select case when buckets is null then {empty} else (
        select array_agg(coalesce(given.n, 0) order by i)
        from generate_series(0, 216) i
        left join unnest(buckets, counts) as given(bucket, n) on given.bucket = i
    ) end
$$
"""
LATENCY_ADD = """
create or replace function latency_add(a bigint[], b bigint[]) returns bigint[]
language sql immutable strict parallel safe as $$
    select case when a = '{}' then b when b = '{}' then a else (
        select array_agg(x + y order by i) from unnest(a, b) with ordinality as pair(x, y, i)
    ) end
$$
"""
ZEROS = "array_fill(0::bigint, array[217])"

# Recording takes these ids from the tables themselves, whose rows are never deleted;
# checking them once more took half of what recording costs.
LEDGER_KEYS = {
    "inference_slot_id_fkey": "(slot_id) references slot (id)",
    "inference_bundle_id_fkey": "(bundle_id) references bundle (node_id)",
    "inference_slot_id_deployment_fkey": "(slot_id, deployment)"
    " references deployment (slot_id, number)",
}
OLD_KEY = "bundle_id, slot_id, deployment"


def upgrade() -> None:
    _environments()
    _manifests()
    for name, kind in LEDGER.items():
        op.execute(f"alter table inference add column {name} {kind}")
    for name in LEDGER_KEYS:
        op.execute(f"alter table inference drop constraint {name}")
    op.execute(LATENCY_COUNTS.replace("{empty}", "'{}'::bigint[]"))
    op.execute(LATENCY_ADD)
    for period in ("hour", "day"):
        table = f"rollup_{period}"
        for name, kind in ROLLUP.items():
            op.execute(f"alter table {table} add column {name} {kind}")
            op.execute(f"alter table {table} alter column {name} drop default")
        _rekey(table, f"{OLD_KEY}, rule, arm, role, {period}")
        _square_earlier_scores(table, period)


def downgrade() -> None:
    op.execute(LATENCY_COUNTS.replace("{empty}", ZEROS))
    for period in ("hour", "day"):
        table = f"rollup_{period}"
        op.execute(f"delete from {table} where role <> 0")
        op.execute(f"update {table} set latencies = {ZEROS} where latencies = '{{}}'")
        _merge(table, period)
        for name in ROLLUP:
            op.execute(f"alter table {table} drop column {name}")
        op.execute(f"alter table {table} add primary key ({OLD_KEY}, {period})")
    for name in LEDGER:
        op.execute(f"alter table inference drop column {name}")
    for name, key in LEDGER_KEYS.items():
        op.execute(f"alter table inference add constraint {name} foreign key {key}")
    for table in ("exposure", "client_report", "signing_key", "kill", "environment"):
        op.drop_table(table)


def _environments() -> None:
    op.create_table(
        "environment",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("epoch", sa.Uuid, nullable=False, server_default=sa.text("gen_random_uuid()")),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.execute(
        "insert into environment (name, version, changed_at)"
        " select distinct environment, 1, clock_timestamp() from slot"
    )
    op.create_table(
        "kill",
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("subject", "reason", "actor")),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_by", sa.Text),
        sa.Column("lifted_reason", sa.Text),
        sa.Column("lifted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "(lifted_at is null) = (lifted_by is null)"
            " and (lifted_at is null) = (lifted_reason is null)",
            name=op.f("kill_lifted_whole_check"),
        ),
    )
    op.create_index(
        "kill_subject_idx",
        "kill",
        ["subject"],
        unique=True,
        postgresql_where=sa.text("lifted_at is null"),
    )


def _manifests() -> None:
    op.create_table(
        "exposure",
        sa.Column("slot_id", sa.BigInteger, nullable=False),
        sa.Column("experiment", sa.Text, nullable=False),
        sa.Column("unit_hash", sa.BigInteger, nullable=False),
        sa.Column("arm", sa.Text, nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("slot_id", "experiment", "unit_hash", "arm"),
    )
    op.create_table(
        "signing_key",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("public", sa.Text, nullable=False),
        sa.Column("private", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "client_report",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("environment", sa.Text, nullable=False),
        sa.Column("epoch", sa.Uuid),
        sa.Column("version", sa.BigInteger),
        sa.Column("served_from", sa.Text, nullable=False),
        sa.Column("stale_seconds", sa.Double),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("spooled", "dropped", "damaged")
        ),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("library", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        "client_report_environment_reported_at_idx",
        "client_report",
        ["environment", "reported_at"],
    )


def _rekey(table: str, columns: str) -> None:
    op.execute(f"alter table {table} drop constraint {table}_pkey")
    op.execute(f"alter table {table} add primary key ({columns})")


def _square_earlier_scores(table: str, period: str) -> None:
    """What rules and arms served before is in the ledger: count it by them from now on."""
    op.execute(f"""
        create temporary table recounted on commit drop as
        with latest as (
            select distinct on (inference_id) inference_id, score from outcome
            where score is not null order by inference_id, number desc
        )
        select bundle_id, coalesce(slot_id, 0) as slot_id, coalesce(deployment, 0) as deployment,
            date_trunc('{period}', at, 'UTC') as period,
            sum(power(coalesce(latest.score, inference.score)::numeric, 2)) as squares
        from inference left join latest on latest.inference_id = inference.id
        group by 1, 2, 3, 4
    """)
    op.execute(f"""
        update {table} set score_squares = coalesce(recounted.squares, 0) from recounted
        where {table}.bundle_id = recounted.bundle_id and {table}.slot_id = recounted.slot_id
            and {table}.deployment = recounted.deployment and {table}.{period} = recounted.period
    """)
    op.execute("drop table recounted")


def _merge(table: str, period: str) -> None:
    """One row again for each bundle, slot, deployment and period."""
    sums = ", ".join(
        f"sum({name}) as {name}"
        for name in (
            *("requests", "errors", "decision_requests", "input_tokens", "output_tokens"),
            *("cost_usd", "scored", "score_sum"),
        )
    )
    op.execute(f"""
        create temporary table merged on commit drop as
        select {OLD_KEY}, {period}, {sums}, latency_sum(latencies) as latencies,
            min(first_at) as first_at, max(last_at) as last_at
        from {table} group by {OLD_KEY}, {period}
    """)
    op.execute(f"alter table {table} drop constraint {table}_pkey")
    op.execute(f"delete from {table}")
    columns = (
        f"{OLD_KEY}, {period}, requests, errors, decision_requests, latencies, input_tokens,"
        " output_tokens, cost_usd, scored, score_sum, first_at, last_at"
    )
    defaults = ", rule, arm, role, score_squares"
    op.execute(
        f"insert into {table} ({columns}{defaults}) select {columns}, '', '', 0, 0 from merged"
    )
    op.execute("drop table merged")
