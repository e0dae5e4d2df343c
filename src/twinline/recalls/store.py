"""Recalls, in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, func, select, text, true, update

from twinline.db.arrays import texts
from twinline.db.graph import OUT_OF, PASSES_ON, SAID_OF
from twinline.db.schema import node, recall, withdrawal
from twinline.db.session import Reading, Writing
from twinline.language.records import EDGE_KINDS, ImpactReport, RecallCounts
from twinline.language.refs import (
    BundleRef,
    DeploymentRef,
    ModelVersionRef,
    PromptVersionRef,
    SlotRef,
    parse_ref,
)

# Of a pair that is old there are many thousand deployments, and one that is over leads on
# only by what people say came of it, or of all that its slot answered. The newest are few
# and surely fit into a hash; the others are asked for one by one.
_DOWNSTREAM = text(f"""
with recursive newest(id) as materialized (
    select last.node_id from slot cross join lateral (
        select node_id from deployment where slot_id = slot.id order by number desc limit 1
    ) last
),
below(id, via) as (
    select id, '' from node where ref = :root
    union
    select edge.target, edge.kind from below {OUT_OF.format(node="below.id")}
    where {PASSES_ON.format(at="cast(:at as timestamptz)")}
        and (edge.kind <> 'deployed_as' or edge.target in (select id from newest)
            or {SAID_OF.format(node="edge.target")}
            or exists (select 1 from slot where {SAID_OF.format(node="slot.node_id")})
                and exists (select 1 from edge home
                    where home.source = edge.target and home.kind = 'live_in'
                        and {SAID_OF.format(node="home.target")}))
)
select ref, stated, live from (
    select node.ref, node.kind, bool_or(via <> '' and via <> all(:catalogued)) as stated,
        node.id in (select id from newest) as live
    from below join node on node.id = below.id
    where node.kind in ('prompt', 'model', 'bundle', 'deployment', 'slot')
    group by node.id
) found where kind <> 'deployment' or stated or live order by ref
""")
_DEPLOYED = text("""
select distinct deployed.ref
from bundle
join edge on edge.source = bundle.node_id and edge.kind = 'deployed_as'
join node deployed on deployed.id = edge.target
where bundle.digest = any(:digests)
""")
_WAIT_LONGER = text("select set_config('lock_timeout', '25s', true)")


@dataclass(frozen=True)
class Downstream:
    """What came from a node, itself included: versions, bundles, the deployments that are
    live, and the slots and deployments that people say it feeds, so that all that they
    served is downstream."""

    versions: frozenset[str]
    bundles: tuple[BundleRef, ...]
    live: tuple[DeploymentRef, ...]
    fed_slots: tuple[SlotRef, ...]
    fed_deployments: tuple[DeploymentRef, ...]


def downstream(tx: Reading, root: str, at: datetime) -> Downstream:
    """What is downstream of a node that was found bad at a moment, by reference."""
    rows = tx.rows(_DOWNSTREAM, {"root": root, "at": at, "catalogued": list(EDGE_KINDS)})
    found = [(parse_ref(row["ref"]), row["stated"], row["live"]) for row in rows]
    return Downstream(
        versions=frozenset(
            str(ref) for ref, _, _ in found if isinstance(ref, PromptVersionRef | ModelVersionRef)
        ),
        bundles=tuple(ref for ref, _, _ in found if isinstance(ref, BundleRef)),
        live=tuple(ref for ref, _, live in found if live and isinstance(ref, DeploymentRef)),
        fed_slots=tuple(ref for ref, stated, _ in found if stated and isinstance(ref, SlotRef)),
        fed_deployments=tuple(
            ref for ref, stated, _ in found if stated and isinstance(ref, DeploymentRef)
        ),
    )


def deployments_of(tx: Reading, down: Downstream) -> tuple[DeploymentRef, ...]:
    """Every deployment downstream, also those that are over, by reference."""
    deployed = tx.values(_DEPLOYED, {"digests": [one.digest for one in down.bundles]})
    found = {*deployed, *(str(one) for one in down.fed_deployments)}
    return tuple(DeploymentRef.parse(ref) for ref in sorted(found))


def add(tx: Writing, number: int, report: Mapping[str, Any], report_digest: str) -> None:
    """Keep the report of a recall."""
    tx.run(recall.insert().values(number=number, report=report, report_digest=report_digest))


def lock(tx: Writing, number: int) -> None:
    """Nobody else executes or lifts a recall until this transaction ends."""
    tx.row(
        select(recall.c.number)
        .join(withdrawal, withdrawal.c.number == recall.c.number)
        .where(recall.c.number == number)
        .with_for_update()
    )


def wait_longer(tx: Writing) -> None:
    """Let this transaction wait for another that changes as many slots."""
    tx.value(_WAIT_LONGER)


def find(tx: Reading, number: int) -> RowMapping | None:
    """A recall with its withdrawal, and of its report how many bundles and requests it counts."""
    return tx.row(_recalls().where(recall.c.number == number))


def report(tx: Reading, number: int) -> dict[str, Any]:
    """The whole report of a recall that there is, as it is kept."""
    return tx.value(select(recall.c.report).where(recall.c.number == number))


def counts(tx: Reading, number: int) -> dict[str, Any]:
    """What the report of a recall that there is counts, without what it lists."""
    lists = ImpactReport.model_fields.keys() - RecallCounts.model_fields.keys()
    counted = recall.c.report.op("-")(texts(lists))
    return tx.value(select(counted).where(recall.c.number == number))


def executions(tx: Reading, number: int) -> list[dict[str, Any]]:
    """What was done about a recall that there is, the newest last."""
    return tx.value(select(recall.c.execution).where(recall.c.number == number)) or []


def page(tx: Reading, *, before: int | None, limit: int) -> Sequence[RowMapping]:
    """Recalls, the newest first, as `find` gives each."""
    query = _recalls().order_by(recall.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(recall.c.number < before)
    return tx.rows(query)


def add_execution(tx: Writing, number: int, executions: list[dict[str, Any]]) -> None:
    """Keep what was done, the newest last, under `lock`."""
    tx.run(
        update(recall)
        .where(recall.c.number == number)
        .values(execution=executions, executed_by=tx.actor, executed_at=func.clock_timestamp())
    )


def _recalls() -> Select[Any]:
    # Of its own, so that a report, which may be long, is unpacked once.
    short = select(recall.c.report.op("-")("deployments").label("report"))
    kept = short.correlate(recall).offset(0).lateral("kept")
    return (
        select(
            withdrawal,
            recall.c.report_digest,
            recall.c.executed_by,
            recall.c.executed_at,
            func.jsonb_array_length(kept.c.report.op("->")("bundles")).label("bundles"),
            kept.c.report.op("->")("requests").label("requests"),
            node.c.ref.label("node"),
        )
        .join(recall, recall.c.number == withdrawal.c.number)
        .join(node, node.c.id == withdrawal.c.node_id)
        .join(kept, true())
    )
