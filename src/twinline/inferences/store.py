"""Inferences and outcomes, in SQL."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, func, select, text

from twinline.db.schema import bundle, inference, outcome, slot
from twinline.db.session import Reading, Writing
from twinline.inferences import rollups
from twinline.inferences.rollups import Selection
from twinline.language.ids import first_id, made_at
from twinline.language.records import (
    Inference,
    InferenceRole,
    Measured,
    NewOutcome,
    Outcome,
    Routing,
    Status,
)
from twinline.language.refs import BundleRef, DeploymentRef, InferenceRef, SlotRef

_CODES: dict[Status, int] = {"ok": 0, "error": 1}
_ROLES: dict[InferenceRole, int] = {"served": 0, "shadow": 1}
_ROLE: dict[int, InferenceRole] = {code: role for role, code in _ROLES.items()}
_STATUS: dict[int, Status] = {code: status for status, code in _CODES.items()}
_MEASURES = tuple(Measured.model_fields)
_MEASURE_TYPES = (
    "status smallint, latency_ms double precision, input_tokens integer, output_tokens integer,"
    " cost_usd double precision, score double precision"
)
_FACTS = (
    "id, at, slot_id, deployment, bundle_id, arm, rule, reason, context_digest, context,"
    " decision, trace_id, parent_id, role, experiment, unit_hash, assigned_id, served_from,"
    " stale_seconds, manifest_version, status, latency_ms, input_tokens, output_tokens, cost_usd,"
    " score"
)
_RECORD_SQL = f"""
with given as (
    select sent.*, served.node_id as bundle_id, assigned.node_id as assigned_id,
        slot.id as slot_id, ('x' || sent.unit)::bit(64)::bigint as unit_hash
    from json_to_recordset({{sent}}) as sent(
        id uuid, at timestamptz, route text, environment text, deployment integer,
        bundle text, assigned text, arm text, rule text, reason text, context_digest text,
        context jsonb, decision text, trace_id text, parent_id uuid, role smallint,
        experiment text, unit text, served_from text, stale_seconds double precision,
        manifest_version bigint, {_MEASURE_TYPES})
    join bundle served on served.digest = sent.bundle
    left join bundle assigned on assigned.digest = sent.assigned
    left join slot on slot.route = sent.route and slot.environment = sent.environment
),
fresh as (
    insert into inference ({_FACTS}) select {_FACTS} from given order by id
    on conflict (id) do nothing returning *
),
exposed as (
    insert into exposure (slot_id, experiment, unit_hash, arm, first_at)
    select slot_id, experiment, unit_hash, arm, min(at) from fresh
    where role = 0 and slot_id is not null and experiment is not null
        and unit_hash is not null and arm is not null
    group by 1, 2, 3, 4 order by 1, 2, 3, 4
    on conflict do nothing
),
signed as (select 1 as sign, * from fresh),
{rollups.ADD_SIGNED}
select id from fresh
"""
_RECORD = text(_RECORD_SQL.format(sent="cast(:sent as json)"))
RECORD_STATEMENT = _RECORD_SQL.format(sent="$1::json")
"""What `record` executes, for a connection that keeps it prepared: takes a JSON array of
rows and answers with the ids that were new."""

_RECOUNT_CHANGED = text(f"""
with signed as (
    select * from jsonb_to_recordset(cast(:sent as jsonb)) as sent(
        sign integer, bundle_id bigint, slot_id bigint, deployment integer, rule text,
        arm text, role smallint, at timestamptz, decision text, {_MEASURE_TYPES})
),
{rollups.ADD_SIGNED}
select count(*) from signed
""")

_COUNTED_BY = ("bundle_id", "slot_id", "deployment", "rule", "arm", "role", "at", "decision")

_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:id, 7))")

_NEWEST_OF = text(f"""
select found.* from unnest(cast(:bundles as bigint[])) as wanted(id)
cross join lateral (
    select {_FACTS} from inference
    where bundle_id = wanted.id and inference.id < :before
        and (cast(:slot as bigint) is null or slot_id = :slot)
        and (cast(:deployment as integer) is null or deployment = :deployment)
    order by inference.id desc limit :limit
) found
order by found.id desc limit :limit
""")

_COUNT_SINCE = text("""
select count(*) from (
    select 1 from inference
    where bundle_id = any(:bundles) and id >= :since
        and (cast(:slot as bigint) is null or slot_id = :slot)
        and (cast(:deployment as integer) is null or deployment = :deployment)
    limit :most
) served
""")


_EXPOSED = text(
    "select arm, count(*) as units from exposure"
    " where slot_id = :slot and experiment = :experiment group by arm"
)
_EXPOSED_FIRST = text("""
select arm, count(*) as units from (
    select distinct on (unit_hash) arm, first_at from exposure
    where slot_id = :slot and experiment = :experiment order by unit_hash, first_at, arm
) first where first_at >= :since group by arm
""")


def exposed(tx: Reading, slot: int, experiment: str) -> dict[str, int]:
    """How many units each arm of an experiment ever served."""
    rows = tx.rows(_EXPOSED, {"slot": slot, "experiment": experiment})
    return {row["arm"]: row["units"] for row in rows}


def exposed_first(tx: Reading, slot: int, experiment: str, since: datetime) -> dict[str, int]:
    """How many units each arm served that the experiment had not seen before ``since``."""
    values = {"slot": slot, "experiment": experiment, "since": since}
    return {row["arm"]: row["units"] for row in tx.rows(_EXPOSED_FIRST, values)}


def bundle_refs(tx: Reading, ids: Iterable[int]) -> tuple[BundleRef, ...]:
    """Bundles by their ids."""
    digests = tx.values(select(bundle.c.digest).where(bundle.c.node_id.in_(list(ids))))
    return tuple(sorted(map(BundleRef, digests), key=str))


def lock_naming(tx: Writing) -> None:
    """Be the only one that makes what requests name, until this transaction ends."""
    tx.run(_LOCK, {"id": "naming"})


def record(tx: Writing, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Keep inferences and count them; the ids that were new.

    A row has the columns of the ledger, but its slot by ``route`` and ``environment``
    and its ``bundle`` by digest; both exist.
    """
    return set(tx.values(_RECORD, {"sent": _json(rows)})) if rows else set()


def measures(measured: Measured) -> dict[str, Any]:
    """The measures as the ledger keeps them."""
    values = measured.model_dump(include=set(_MEASURES))
    status = measured.status
    return values | {"status": None if status is None else _CODES[status]}


def routing(sent: Routing) -> dict[str, Any]:
    """How an inference was routed, as `record` takes it."""
    assigned = sent.assigned.digest if sent.assigned else None
    return {"role": _ROLES[sent.role], "assigned": assigned}


def lock(tx: Writing, id: UUID) -> RowMapping | None:
    """The facts of an inference; nobody else adds an outcome until we are done."""
    tx.run(_LOCK, {"id": str(id)})
    return tx.row(select(inference).where(inference.c.id == id))


def add_outcome(tx: Writing, id: UUID, inference_id: UUID, number: int, new: NewOutcome) -> None:
    """Append an outcome, under the lock of its inference."""
    tx.run(
        outcome.insert().values(
            id=id,
            inference_id=inference_id,
            number=number,
            source=new.source,
            at=func.clock_timestamp(),
            **measures(new),
        )
    )


def count_changed(tx: Writing, facts: RowMapping, before: Measured, after: Measured) -> None:
    """Count an inference as it is now instead of as it was."""
    kept = {name: facts[name] for name in _COUNTED_BY}
    rows = [{"sign": -1, **kept, **measures(before)}, {"sign": 1, **kept, **measures(after)}]
    tx.run(_RECOUNT_CHANGED, {"sent": _json(rows)})


def outcomes(tx: Reading, ids: Iterable[UUID]) -> tuple[Outcome, ...]:
    """The outcomes of these inferences, each in order of arrival."""
    query = (
        select(outcome)
        .where(outcome.c.inference_id.in_(list(ids)))
        .order_by(outcome.c.inference_id, outcome.c.number)
    )
    return tuple(_outcome(row) for row in tx.rows(query))


def find(tx: Reading, ids: Iterable[UUID]) -> tuple[RowMapping, ...]:
    """The facts of these inferences, the newest first."""
    query = _inferences().where(inference.c.id.in_(list(ids)))
    return tuple(tx.rows(query.order_by(inference.c.id.desc())))


def of_trace(tx: Reading, trace_id: str, limit: int) -> tuple[RowMapping, ...]:
    """The facts of a trace's inferences, the newest first."""
    query = _inferences().where(inference.c.trace_id == trace_id)
    return tuple(tx.rows(query.order_by(inference.c.id.desc()).limit(limit)))


def shadows(tx: Reading, id: UUID) -> list[tuple[UUID, BundleRef]]:
    """The records of what ran in the shadow of a request: ids of its own millisecond."""
    begin, end = first_id(made_at(id)), first_id(made_at(id) + timedelta(milliseconds=1))
    query = _inferences().where(
        inference.c.id >= begin,
        inference.c.id < end,
        inference.c.parent_id == id,
        inference.c.role == _ROLES["shadow"],
    )
    return [
        (row["id"], BundleRef(row["digest"])) for row in tx.rows(query.order_by(inference.c.id))
    ]


def newest_ids(tx: Reading, part: Selection, *, before: UUID, limit: int) -> tuple[UUID, ...]:
    """The newest inferences of a part of the ledger that are older than ``before``."""
    values = asdict(part) | {"before": before, "limit": limit}
    return tuple(row["id"] for row in tx.rows(_NEWEST_OF, values))


def count_since(tx: Reading, part: Selection, since: datetime, most: int) -> int:
    """How many requests a part of the ledger served since then, counting to ``most``."""
    return tx.value(_COUNT_SINCE, asdict(part) | {"since": first_id(since), "most": most})


def bundle_ids(tx: Reading, refs: Iterable[BundleRef]) -> list[int]:
    """The ids of existing bundles; those that do not exist are left out."""
    digests = [ref.digest for ref in refs]
    return tx.values(select(bundle.c.node_id).where(bundle.c.digest.in_(digests)))


def slot_id(tx: Reading, ref: SlotRef) -> int | None:
    """The id of a slot."""
    is_it = (slot.c.route == ref.route, slot.c.environment == ref.environment)
    return tx.value(select(slot.c.id).where(*is_it))


def slot_refs(tx: Reading, ids: Iterable[int]) -> dict[int, SlotRef]:
    """Slots by their ids."""
    rows = tx.rows(select(slot).where(slot.c.id.in_(list(ids))))
    return {row["id"]: SlotRef(row["route"], row["environment"]) for row in rows}


def first_measured(row: RowMapping) -> Measured:
    """What an inference knew when it was recorded."""
    values = {name: row[name] for name in _MEASURES}
    return Measured.model_validate(values | {"status": _STATUS.get(row["status"])})


def to_record(row: RowMapping, measured: Measured) -> Inference:
    """An inference from a row of `find` and its newest measures."""
    at = SlotRef(row["route"], row["environment"]) if row["route"] else None
    deployed = DeploymentRef(at, row["deployment"]) if at and row["deployment"] else None
    return Inference.model_validate(
        {
            **row,
            "ref": InferenceRef(row["id"]),
            "slot": at,
            "deployment": deployed,
            "bundle": BundleRef(row["digest"]),
            "measured": measured,
            "role": _ROLE[row["role"]],
            "assigned": BundleRef(row["assigned_digest"]) if row["assigned_digest"] else None,
            "unit": None if row["unit_hash"] is None else f"{row['unit_hash'] % 2**64:016x}",
        }
    )


def _inferences() -> Select[Any]:
    assigned = bundle.alias()
    return (
        select(
            inference,
            bundle.c.digest,
            assigned.c.digest.label("assigned_digest"),
            slot.c.route,
            slot.c.environment,
        )
        .join(bundle, bundle.c.node_id == inference.c.bundle_id)
        .outerjoin(assigned, assigned.c.node_id == inference.c.assigned_id)
        .outerjoin(slot, slot.c.id == inference.c.slot_id)
    )


def _outcome(row: RowMapping) -> Outcome:
    status = _STATUS.get(row["status"])
    ref = InferenceRef(row["inference_id"])
    return Outcome.model_validate({**row, "inference": ref, "status": status})


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, default=str)
