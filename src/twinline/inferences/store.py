"""Inferences and outcomes, in SQL."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    BindParameter,
    RowMapping,
    Select,
    TextClause,
    Uuid,
    any_,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from twinline.db.schema import bundle, inference, outcome, slot
from twinline.db.session import Reading, Writing
from twinline.inferences import rollups
from twinline.inferences.selections import PARTS, Selection
from twinline.language.ids import EPOCH, first_id, made_at, new_id
from twinline.language.records import (
    AffectedDecision,
    Inference,
    InferenceRole,
    Measured,
    NewOutcome,
    Outcome,
    RequestFilter,
    Routing,
    Status,
)
from twinline.language.refs import BundleRef, DeploymentRef, InferenceRef, SlotRef

RECENT, RECENT_MEASURED = 5_000, 10_000
"""Of how many requests, the newest of all, those of many bundles are looked for first; and those
with a status or a score."""

STATUS_CODES: dict[Status, int] = {"ok": 0, "error": 1}
ROLE_CODES: dict[InferenceRole, int] = {"served": 0, "shadow": 1}
_ROLE: dict[int, InferenceRole] = {code: role for role, code in ROLE_CODES.items()}
_STATUS: dict[int, Status] = {code: status for status, code in STATUS_CODES.items()}
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
_LOCK_IN_TURN = text("""
select pg_advisory_xact_lock(hashtextextended(id, 7)) from unnest(cast(:ids as text[])) as id
""")


def word(code: str, words: Mapping[Any, int]) -> str:
    """SQL that says in words what ``code`` says in numbers."""
    cases = " ".join(f"when {number} then '{said}'" for said, number in words.items())
    return f"case {code} {cases} end"


def later(measure: str) -> str:
    """SQL for a measure as it is known now, beside what was learnt of it ``later``."""
    return f"coalesce(later.{measure}, inference.{measure})"


def _newest_known(measure: str) -> str:
    return f"""coalesce((select later.{measure} from outcome later
        where later.inference_id = inference.id and later.{measure} is not null
        order by later.number desc limit 1), inference.{measure})"""


SERVED_IN = """inference.role = 0
        and (cast(:only as bigint[]) is null or inference.slot_id = any(:only))"""
WITHIN = f"""{SERVED_IN} and inference.bundle_id = part.bundle
        and (part.slot = 0 or inference.slot_id = part.slot)
        and (part.deployment = 0 or inference.deployment = part.deployment)"""
BY_MEASURE = f"""
        and (cast(:status as smallint) is null or {_newest_known("status")} = :status)
        and (cast(:score_min as double precision) is null
            or {_newest_known("score")} >= :score_min)
        and (cast(:score_max as double precision) is null
            or {_newest_known("score")} <= :score_max)"""


def _newest_of(filters: str) -> TextClause:
    return text(f"""
select found.id from {PARTS}
cross join lateral (
    select id from inference
    where {WITHIN} and id >= :begin and id < :before{filters}
    order by id desc limit :limit
) found
order by found.id desc limit :limit
""")


_NEWEST_OF, _NEWEST_MEASURED_OF = _newest_of(""), _newest_of(BY_MEASURE)
_COUNT_SINCE = text(f"""
select part.slot, least(:most, sum(
    (select count(*) from (select 1 from inference where {WITHIN} and id >= :since limit :most) one)
))::bigint as requests
from {PARTS} group by part.slot
""")


def _decisions_of(filters: str) -> TextClause:
    return text(f"""
select decision, count(*) as requests, min(id::text)::uuid as first, max(id::text)::uuid as last
from inference
where decision is not null and decision > :after and bundle_id = any(:bundles)
    and id >= :begin and id < :before and {filters}{BY_MEASURE}
group by decision order by decision limit :limit
""")


_DECISIONS = _decisions_of(f"exists (select 1 from {PARTS} where {WITHIN})")
_DECISIONS_WHOLE = _decisions_of(SERVED_IN)


def _newest_among(filters: str) -> TextClause:
    return text(f"""
select id from (
    select * from inference
    where id >= :begin and id < :before order by id desc limit :recent
) inference where bundle_id = any(:bundles) and {SERVED_IN}{filters} order by id desc limit :limit
""")


_NEWEST_AMONG_RECENT, _NEWEST_MEASURED_AMONG_RECENT = map(_newest_among, ("", BY_MEASURE))
_OLDEST_OF_RECENT = text(
    "select id from inference where id >= :begin and id < :before"
    " order by id desc offset :recent - 1 limit 1"
)
_MEASURED = text(
    f"select id from inference where id = any(:ids){BY_MEASURE} order by id desc limit :limit"
)

_FAMILY = text("""
select id from inference where id = :id
union
(select sibling.id from inference sibling
where sibling.trace_id = (select trace_id from inference where id = :id)
    and sibling.id > :begin and sibling.id < :end
order by sibling.id desc limit :most)
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
    values = {name: getattr(measured, name) for name in _MEASURES}
    status = measured.status
    return values | {"status": None if status is None else STATUS_CODES[status]}


def routing(sent: Routing) -> dict[str, Any]:
    """How an inference was routed, as `record` takes it."""
    assigned = sent.assigned.digest if sent.assigned else None
    return {"role": ROLE_CODES[sent.role], "assigned": assigned}


def lock(tx: Writing, ids: Iterable[UUID]) -> dict[UUID, RowMapping]:
    """The facts of those of these inferences that exist; nobody else adds an outcome to them
    until we are done. Whoever locks several does it in the order of their ids."""
    ordered = sorted(ids)
    tx.run(_LOCK_IN_TURN, {"ids": [str(id) for id in ordered]})
    rows = tx.rows(select(inference).where(inference.c.id == any_(_uuids(ordered))))
    return {row["id"]: row for row in rows}


def add_outcomes(tx: Writing, id: UUID, first: int, new: Iterable[NewOutcome]) -> None:
    """Append outcomes to an inference, numbered from ``first`` on, under its lock."""
    tx.run_many(
        outcome.insert().values(at=func.clock_timestamp()),
        [
            {"inference_id": id, "number": number, "source": one.source}
            | {"id": one.id or new_id(), **measures(one)}
            for number, one in enumerate(new, first)
        ],
    )


def count_changed(tx: Writing, changed: Iterable[tuple[RowMapping, Measured, Measured]]) -> None:
    """Count inferences, given by their facts, as they are now instead of as they were."""
    rows: list[dict[str, Any]] = []
    for facts, before, after in changed:
        kept = {name: facts[name] for name in _COUNTED_BY}
        rows.append({"sign": -1, **kept, **measures(before)})
        rows.append({"sign": 1, **kept, **measures(after)})
    tx.run(_RECOUNT_CHANGED, {"sent": _json(rows)})


def outcomes(tx: Reading, ids: Iterable[UUID]) -> tuple[Outcome, ...]:
    """The outcomes of these inferences, each in order of arrival."""
    query = (
        select(outcome)
        .where(outcome.c.inference_id == any_(_uuids(ids)))
        .order_by(outcome.c.inference_id, outcome.c.number)
    )
    return tuple(_outcome(row) for row in tx.rows(query))


def find(tx: Reading, ids: Iterable[UUID]) -> tuple[RowMapping, ...]:
    """The facts of these inferences, the newest first."""
    query = _inferences().where(inference.c.id == any_(_uuids(ids)))
    return tuple(tx.rows(query.order_by(inference.c.id.desc())))


def present(tx: Reading, ids: Iterable[UUID]) -> set[UUID]:
    """Those of these ids that are in the ledger."""
    return set(tx.values(select(inference.c.id).where(inference.c.id == any_(_uuids(ids)))))


def family_ids(tx: Reading, id: UUID, days: int, most: int) -> list[UUID]:
    """An inference, and others of its trace that are at most so many days from it."""
    around, at = timedelta(days=days), made_at(id)
    begin, end = (first_id(moment) for moment in (_moved(at, -around), _moved(at, around)))
    return tx.values(_FAMILY, {"id": id, "begin": begin, "end": end, "most": most})


def ids_of(
    tx: Reading, trace_id: str | None, decision: str | None, *, before: UUID, limit: int
) -> list[UUID]:
    """The inferences of a trace, or of a decision, that are older than ``before``."""
    query = select(inference.c.id).where(inference.c.id < before)
    if trace_id is not None:
        query = query.where(inference.c.trace_id == trace_id)
    if decision is not None:
        query = query.where(inference.c.decision == decision)
    return tx.values(query.order_by(inference.c.id.desc()).limit(limit))


def shadows(tx: Reading, id: UUID) -> list[tuple[UUID, BundleRef]]:
    """The records of what ran in the shadow of a request: ids of its own millisecond."""
    begin, end = first_id(made_at(id)), first_id(made_at(id) + timedelta(milliseconds=1))
    query = _inferences().where(
        inference.c.id >= begin,
        inference.c.id < end,
        inference.c.parent_id == id,
        inference.c.role == ROLE_CODES["shadow"],
    )
    return [
        (row["id"], BundleRef(row["digest"])) for row in tx.rows(query.order_by(inference.c.id))
    ]


def newest_ids(
    tx: Reading,
    part: Selection,
    wanted: RequestFilter,
    *,
    begin: UUID,
    before: UUID,
    limit: int,
) -> tuple[UUID, ...]:
    """The newest inferences of a part of the ledger from ``begin`` to ``before``."""
    query = _NEWEST_MEASURED_OF if wanted.by_measure else _NEWEST_OF
    values = part.values | asked(wanted) | {"begin": begin, "before": before, "limit": limit}
    return tuple(tx.values(query, values))


def newest_among_recent(
    tx: Reading,
    part: Selection,
    wanted: RequestFilter,
    *,
    begin: UUID,
    before: UUID,
    limit: int,
) -> tuple[UUID, ...]:
    """The newest inferences of whole bundles among the last few thousand of all, from
    ``begin`` to ``before``: fewer than ``limit`` may mean that there are more."""
    values = part.values | asked(wanted) | {"begin": begin, "before": before, "limit": limit}
    if wanted.by_measure:
        return tuple(tx.values(_NEWEST_MEASURED_AMONG_RECENT, values | {"recent": RECENT_MEASURED}))
    return tuple(tx.values(_NEWEST_AMONG_RECENT, values | {"recent": RECENT}))


def oldest_of_recent(tx: Reading, *, begin: UUID, before: UUID) -> UUID | None:
    """Down to which id `newest_among_recent` looks for a status or a score; None: to the last."""
    values = {"begin": begin, "before": before, "recent": RECENT_MEASURED}
    return tx.value(_OLDEST_OF_RECENT, values)


def measured(
    tx: Reading, ids: Sequence[UUID], wanted: RequestFilter, limit: int
) -> tuple[UUID, ...]:
    """The newest of these inferences that have the status and the score that are wanted."""
    return tuple(tx.values(_MEASURED, asked(wanted) | {"ids": list(ids), "limit": limit}))


def count_since(tx: Reading, part: Selection, since: datetime, most: int) -> dict[int, int]:
    """How many requests parts of the ledger served since then in each slot, counting to
    ``most``; by the slot's id, 0 for parts that are in no slot of their own."""
    values = part.values | {"since": first_id(since), "most": most}
    return {row["slot"]: row["requests"] for row in tx.rows(_COUNT_SINCE, values)}


def decisions(
    tx: Reading,
    part: Selection,
    wanted: RequestFilter,
    *,
    begin: UUID,
    before: UUID,
    after: str,
    limit: int,
) -> tuple[AffectedDecision, ...]:
    """The decisions of a part of the ledger beyond ``after``, in their order."""
    values = part.values | asked(wanted) | {"begin": begin, "before": before}
    query = _DECISIONS_WHOLE if part.whole else _DECISIONS
    rows = tx.rows(query, values | {"after": after, "limit": limit})
    return tuple(
        AffectedDecision(
            decision=row["decision"],
            requests=row["requests"],
            first_at=made_at(row["first"]),
            last_at=made_at(row["last"]),
        )
        for row in rows
    )


def asked(wanted: RequestFilter) -> dict[str, Any]:
    """What a filter asks of measures, as SQL takes it."""
    status = None if wanted.status is None else STATUS_CODES[wanted.status]
    return {"status": status, "score_min": wanted.score_min, "score_max": wanted.score_max}


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


def _uuids(ids: Iterable[UUID]) -> BindParameter[Sequence[UUID]]:
    """One array: a parameter for each id takes longer than to find them."""
    return bindparam(None, list(ids), ARRAY(Uuid()))


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()


def _moved(at: datetime, by: timedelta) -> datetime:
    try:
        return max(at + by, EPOCH)
    except OverflowError:
        return at
