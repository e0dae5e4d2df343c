"""A catalog with as many requests as one asks for, made inside the database.

Eight hundred bundles from forty model versions and twenty prompt versions, all from one
dataset; sixty routes in three environments, each of which was deployed six times in the
last eight days, always a split in three; a hundred slots with a thousand deployments
each; and a graph of twenty thousand nodes of people's own. The requests are spread evenly over
the days and over the slots, each under the deployment that was live at its time.
"""

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import text

from tests.support import policies
from twinline.bundles import actions as bundles
from twinline.db.session import Database, Writing
from twinline.deployments import actions as deployments
from twinline.inferences import actions as inferences
from twinline.inferences.rollups import ADD_SIGNED
from twinline.language.records import NewBundle, NewModelVersion, NewPromptVersion, RunFacts
from twinline.language.records.models import DatasetFacts
from twinline.language.refs import BundleRef, SlotRef
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.routing.policy import read_policy, single

MODELS, PROMPTS, ROUTES = 40, 20, 60
ENVIRONMENTS = ("dev", "staging", "production")
DAYS, DEPLOYMENTS, RULE = 8, 6, "rollout"
ARMS = {"control": (0, 70_000), "candidate": (70_000, 95_000), "probe": (95_000, 100_000)}
BUSY_SLOTS, BUSY_DEPLOYMENTS = 100, 1_000
GRAPH_NODES, GRAPH_PARENTS, GRAPH_NEAR = 20_000, 3, 400
SENT_AT_ONCE = 10_000
DATASET, MODEL = "datasets:/tickets/all", "models:/assistant/7"
THING = f"nodes:/thing/{GRAPH_NODES // 2}"
BUSY = SlotRef("busy", f"environment-{BUSY_SLOTS // 2}")
REASON = "bench"

_DEPLOYED = """
with sent as (
    select * from json_to_recordset(cast(:sent as json)) as sent(
        ref text, slot text, number integer, policy jsonb, digest text, bundle text, at timestamptz,
        until timestamptz, served text[])
),
made as (
    insert into node (kind, ref, created_at) select 'deployment', ref, at from sent
    returning id, ref
),
placed as (
    select sent.*, made.id, slot.id as slot_id, slot.node_id as slot_node
    from sent join made using (ref) join node on node.ref = sent.slot
    join slot on slot.node_id = node.id
),
kept as (
    insert into deployment (slot_id, number, node_id, policy, digest, bundle, kind, actor, reason,
        at)
    select slot_id, number, placed.id, policy, digest, node.id, 'deploy', 'bench', 'bench', at
    from placed join node on node.ref = placed.bundle
)
insert into edge (source, target, kind, since, until)
select id, slot_node, 'live_in', at, until from placed
union all
select node.id, placed.id, 'deployed_as', at, null from placed join node on node.ref = any(served)
"""
_SERVED = f"""
create table bench_served as
select slot_id, deployment.number as deployment, arm.value ->> 'name' as arm,
    int4range((arm.value -> 'ranges' -> 0 ->> 0)::int, (arm.value -> 'ranges' -> 0 ->> 1)::int)
        as buckets, node.id as bundle_id,
    row_number() over (order by slot_id) as row, dense_rank() over (order by slot_id) as place
from deployment
cross join jsonb_array_elements(policy -> 'rules' -> 0 -> 'serve' -> 'split' -> 'arms') arm
join node on node.ref = arm.value ->> 'bundle'
where policy -> 'rules' -> 0 ->> 'id' = '{RULE}'
"""
_FACTS = f"""
with drawn as (
    select number, cast(:begin as bigint) + number * :span / :total as ms,
        hashint8(number)::bigint & 2147483647 as one, hashint8(-number)::bigint & 2147483647 as two,
        md5(number::text) as noise
    from generate_series(cast(:first as bigint), cast(:last as bigint)) number
)
insert into inference (id, at, slot_id, deployment, bundle_id, arm, rule, reason, context_digest,
    decision, trace_id, role, experiment, unit_hash, served_from, manifest_version, status,
    latency_ms, input_tokens, output_tokens, cost_usd, score)
select (lpad(to_hex(ms), 12, '0') || '7' || left(noise, 3) || '8' || substr(noise, 4, 15))::uuid,
    timestamptz 'epoch' + ms * interval '1 ms', slot_id, deployment, bundle_id, arm, '{RULE}',
    'split', noise || noise,
    case when one % 4 = 0 then 'loan-' || two % (:total / 8) end, 'trace-' || number / 2, 0,
    '{RULE}', two * one, 'server', 1, (one % 50 = 0)::int,
    round((200 * exp((two % 1000) / 400.0 - 1.25))::numeric, 1), 200 + one % 800, 20 + two % 400,
    (one % 1000) / 100000.0, case when two % 10 = 0 then one % 100 / 100.0 end
from drawn join bench_served served on served.place = 1 + one % {ROUTES * len(ENVIRONMENTS)}
    and served.deployment = 1 + (ms - :begin) * {DEPLOYMENTS} / :span
    and served.buckets @> (two % 100000)::int
"""
_COUNTED = f"""
with signed as (select 1 as sign, * from inference),
{ADD_SIGNED}
select 1
"""
_RECOUNT = """
select (select count(*) from inference) as facts,
    (select coalesce(sum(requests), 0)::bigint from rollup_day) as days,
    (select coalesce(sum(requests), 0)::bigint from rollup_hour) as hours,
    (select count(*) from (
        select bundle_id, slot_id, deployment, arm, date_trunc('day', at, 'UTC') as day, count(*),
            count(*) filter (where status = 1), sum(cost_usd::numeric)
        from inference group by 1, 2, 3, 4, 5
        except
        select bundle_id, slot_id, deployment, arm, day, requests, errors, cost_usd from rollup_day
    ) differs) as differences
"""


@dataclass(frozen=True)
class Span:
    """The time that the requests are spread over, in milliseconds since 1970."""

    begin: int
    length: int

    def at(self, share: float) -> datetime:
        return datetime.fromtimestamp((self.begin + share * self.length) / 1_000, UTC)


def fill(database: Database) -> Span:
    """The catalog and the graph, without any request; the days that requests go to."""
    random = Random(11)
    with database.writing("bench") as tx:
        inferences.keep_days(tx)
        begin, now = inferences.oldest(tx), tx.value(text("select now()"))
        first = max(begin, now - timedelta(days=DAYS))
        span = Span(_ms(first), _ms(now) - _ms(first))
        pairs = _bundles(tx)
        _send(tx, _splits(tx, span, pairs, random))
        _send(tx, _busy(tx, span))
        _graph(tx, random)
        tx.run(text(_SERVED))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))
    return span


def grow(database: Database, span: Span, have: int, total: int) -> None:
    """Add requests until there are ``total``, and count them as recording does."""
    with database.writing("bench") as tx:
        tx.run(text("set local statement_timeout = 0"))
        tx.run(text("set local work_mem = '1GB'"))
        tx.run(text("truncate rollup_hour, rollup_day"))
        place = {"begin": span.begin, "span": span.length, "total": total}
        # The numbers of this fill are between those of the ones before it.
        tx.run(text(_FACTS), place | {"first": have, "last": total - 1})
        tx.run(text(_COUNTED))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("set statement_timeout = 0"))
        connection.execute(text("vacuum analyze"))


def check(database: Database, total: int) -> None:
    """The rollups say what a recount of the facts says."""
    with database.reading() as tx:
        tx.value(text("select set_config('statement_timeout', '0', true)"))
        row = tx.row(text(_RECOUNT))
    wanted = {"facts": total, "days": total, "hours": total, "differences": 0}
    assert row is not None
    assert dict(row) == wanted, dict(row)


def _bundles(tx: Writing) -> list[BundleRef]:
    dataset = DatasetFacts(name="tickets", digest="all", profile={})
    for number in range(MODELS):
        run = RunFacts(id=f"run-{number}", datasets=(dataset,))
        new = NewModelVersion(name="assistant", source_uri=f"x:/{number}", run=run)
        models.register(tx, new)
    for number in range(PROMPTS):
        template = f"Answer {number}: {{{{ question }}}}"
        prompts.create_version(tx, NewPromptVersion(name="answer", template=template))
    return [
        bundles.pair(tx, NewBundle.model_validate({"model": model, "prompt": prompt}))[0].ref
        for model, prompt in itertools.product(
            (f"models:/assistant/{number + 1}" for number in range(MODELS)),
            (f"prompts:/answer/{number + 1}" for number in range(PROMPTS)),
        )
    ]


def _splits(
    tx: Writing, span: Span, pairs: list[BundleRef], random: Random
) -> Iterator[dict[str, Any]]:
    """Each slot's deployments: two sides move apart, now one and then the other."""
    for route, environment in itertools.product(range(ROUTES), ENVIRONMENTS):
        slot = SlotRef(f"route-{route}", environment)
        deployments.ensure_slot(tx, slot)
        for number in range(DEPLOYMENTS):
            served = random.sample(pairs, len(ARMS))
            arms = [
                policies.arm(name, bundle, ARMS[name])
                for name, bundle in zip(ARMS, served, strict=True)
            ]
            rule = {"id": RULE, "serve": {"split": {"salt": str(slot), "arms": arms}}}
            document = {
                "schema": policies.SCHEMA,
                "unit": {"by": ["user"]},
                "rules": [rule],
                "default": {"bundle": str(served[0])},
            }
            yield _entry(slot, number, DEPLOYMENTS, span, document, served)


def _busy(tx: Writing, span: Span) -> Iterator[dict[str, Any]]:
    """A long history in many slots, of bundles that nothing else is said about."""
    model, _ = models.register(tx, NewModelVersion(name="busy", source_uri="x:/busy"))
    prompt, _ = prompts.create_version(tx, NewPromptVersion(name="busy", template="Yes"))
    bundle, _ = bundles.pair(tx, NewBundle(model=model.ref, prompt=prompt.ref, parameters={}))
    document = single(bundle.ref).document()
    for place in range(BUSY_SLOTS):
        slot = SlotRef(BUSY.route, f"environment-{place}")
        deployments.ensure_slot(tx, slot)
        for number in range(BUSY_DEPLOYMENTS):
            yield _entry(slot, number, BUSY_DEPLOYMENTS, span, document, [bundle.ref])


def _entry(
    slot: SlotRef, number: int, of: int, span: Span, document: dict[str, Any], served: list[Any]
) -> dict[str, Any]:
    policy = read_policy(document)
    short = str(slot).removeprefix("routes:/")
    return {
        "ref": f"deployments:/{short}/{number + 1}",
        "slot": str(slot),
        "number": number + 1,
        "policy": policy.document(),
        "digest": policy.digest,
        "bundle": str(served[0]),
        "at": span.at(number / of).isoformat(),
        "until": span.at((number + 1) / of).isoformat() if number + 1 < of else None,
        "served": [str(bundle) for bundle in dict.fromkeys(served)],
    }


def _send(tx: Writing, rows: Iterable[dict[str, Any]]) -> None:
    sent = iter(rows)
    while chunk := list(itertools.islice(sent, SENT_AT_ONCE)):
        tx.run(text("analyze node, slot, deployment, edge"))  # or each join looks at all of them
        tx.run(text(_DEPLOYED), {"sent": json.dumps(chunk)})


def _graph(tx: Writing, random: Random) -> None:
    """Things that came from three others each, made not long before them."""
    tx.run(
        text("""
        with made as (
            insert into node (kind, ref, created_at)
            select 'custom', 'nodes:/thing/' || number, now() - interval '1 day'
            from generate_series(0, :nodes - 1) number returning id, ref, created_at
        )
        insert into custom_node (node_id, type, name, description, properties, owner, actor, since)
        select id, 'thing', split_part(ref, '/', 3), '', '{}', '', 'bench', created_at from made
        """),
        {"nodes": GRAPH_NODES},
    )
    edges = graph_edges(random)
    tx.run(
        text("""
        insert into edge (source, target, kind, since)
        select above.id, below.id, 'feeds', below.created_at
        from unnest(cast(:sources as int[]), cast(:targets as int[])) as sent(source, target)
        join node above on above.ref = 'nodes:/thing/' || source
        join node below on below.ref = 'nodes:/thing/' || target
        """),
        {"sources": [one for one, _ in edges], "targets": [one for _, one in edges]},
    )


def graph_edges(random: Random) -> list[tuple[int, int]]:
    """The edges of the graph of things, by their numbers."""
    return [
        (source, target)
        for target in range(1, GRAPH_NODES)
        for source in random.sample(
            range(max(0, target - GRAPH_NEAR), target), min(GRAPH_PARENTS, target)
        )
    ]


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1_000)
