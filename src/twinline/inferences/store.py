"""Inferences and outcomes, in SQL."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, func, select, text

from twinline.db.schema import bundle, inference, outcome, slot
from twinline.db.session import Reading, Writing
from twinline.inferences import rollups
from twinline.inferences.rollups import Selection
from twinline.language.ids import first_id
from twinline.language.records import Inference, Measured, NewOutcome, Outcome, Status
from twinline.language.refs import BundleRef, DeploymentRef, InferenceRef, SlotRef

_CODES: dict[Status, int] = {"ok": 0, "error": 1}
_STATUS: dict[int, Status] = {code: status for status, code in _CODES.items()}
_MEASURES = tuple(Measured.model_fields)
_MEASURE_TYPES = (
    "status smallint, latency_ms double precision, input_tokens integer, output_tokens integer,"
    " cost_usd double precision, score double precision"
)
_FACTS = (
    "id, at, slot_id, deployment, bundle_id, arm, rule, reason, context_digest, context,"
    " decision, trace_id, parent_id, status, latency_ms, input_tokens, output_tokens, cost_usd,"
    " score"
)

_RECORD = text(f"""
with given as (
    select sent.*, bundle.node_id as bundle_id, slot.id as slot_id
    from jsonb_to_recordset(cast(:sent as jsonb)) as sent(
        id uuid, at timestamptz, route text, environment text, deployment integer,
        bundle text, arm text, rule text, reason text, context_digest text, context jsonb,
        decision text, trace_id text, parent_id uuid, {_MEASURE_TYPES})
    join bundle on bundle.digest = sent.bundle
    left join slot on slot.route = sent.route and slot.environment = sent.environment
),
fresh as (
    insert into inference ({_FACTS}) select {_FACTS} from given order by id
    on conflict (id) do nothing returning *
),
signed as (select 1 as sign, * from fresh),
{rollups.ADD_SIGNED}
select id from fresh
""")

_RECOUNT_CHANGED = text(f"""
with signed as (
    select * from jsonb_to_recordset(cast(:sent as jsonb)) as sent(
        sign integer, bundle_id bigint, slot_id bigint, deployment integer, at timestamptz,
        decision text, {_MEASURE_TYPES})
),
{rollups.ADD_SIGNED}
select count(*) from signed
""")

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
    kept = {name: facts[name] for name in ("bundle_id", "slot_id", "deployment", "at", "decision")}
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
        }
    )


def _inferences() -> Select[Any]:
    return (
        select(inference, bundle.c.digest, slot.c.route, slot.c.environment)
        .join(bundle, bundle.c.node_id == inference.c.bundle_id)
        .outerjoin(slot, slot.c.id == inference.c.slot_id)
    )


def _outcome(row: RowMapping) -> Outcome:
    status = _STATUS.get(row["status"])
    ref = InferenceRef(row["inference_id"])
    return Outcome.model_validate({**row, "inference": ref, "status": status})


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, default=str)
