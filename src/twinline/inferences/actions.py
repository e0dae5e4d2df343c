"""Record inferences, and keep what came of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import RowMapping

from twinline.access import actions as access
from twinline.bundles import actions as bundles
from twinline.db.lane import Lane
from twinline.db.session import Reading, Writing
from twinline.inferences import identities, partitions, rollups, rules, store
from twinline.inferences.naming import Names
from twinline.inferences.selections import HOUR, Part, Selection
from twinline.language import cursors
from twinline.language.canonical import digest
from twinline.language.errors import Invalid, NotFound
from twinline.language.ids import made_at, new_id
from twinline.language.records import (
    BatchResult,
    Bundle,
    Inference,
    InferenceBatch,
    LedgerDays,
    Measured,
    NewInference,
    NewOutcome,
    Outcome,
    Page,
    Recorded,
    Resolution,
    Routing,
    Service,
    ShadowRun,
)
from twinline.language.refs import BundleRef, DeploymentRef, SlotRef
from twinline.routing.buckets import bucket_of

COUNT_MOST = 1_000_000
FAMILY_DAYS, FAMILY_MOST = 1, 100
OPEN_DAYS_MAX, OPENED_MOST = timedelta(days=400), 31

_KEPT_AS_SENT = (*Routing.model_fields, "decision", "trace_id", "parent_id")


class ArmCounts(NamedTuple):
    """What an arm served, with the sums that intervals are made of."""

    service: Service = rollups.NOTHING
    bundles: tuple[BundleRef, ...] = ()
    score_sum: float = 0.0
    score_squares: float = 0.0


class Family(NamedTuple):
    """An inference, its outcomes in order of arrival, and others of its trace, the newest
    first."""

    inference: Inference
    outcomes: tuple[Outcome, ...]
    siblings: tuple[Inference, ...]


class Judged(NamedTuple):
    """An item of a batch that is fit to be kept, and the bundle that it names."""

    id: UUID
    sent: NewInference
    bundle: Bundle
    context: dict[str, Any]


def recorded_resolution(tx: Reading, id: UUID) -> Resolution | None:
    """What a request was given that was resolved with this id; None when there is none.

    Raises:
        Invalid: the id belongs to an inference that was not resolved by us.
    """
    rows = store.find(tx, [id])
    return _recorded_resolution(tx, read(tx, rows[0]["id"])) if rows else None


def refuse_wrong(tx: Reading, id: UUID) -> None:
    """Return when an inference of this id can be recorded.

    Raises:
        Invalid: the id is no UUIDv7, or too old, or from the future.
    """
    why = rules.refusal(id, access.now(tx), partitions.oldest(tx))
    if why:
        raise Invalid(f"It cannot be recorded: {why}.", field="inference_id", value=str(id))


def by_prompt(
    tx: Reading, name: str, numbers: Collection[int], since: datetime
) -> dict[int, Service]:
    """What these versions of a prompt served since the day of ``since``, by number; those that
    served nothing are left out."""
    return rollups.by_prompt(tx, name, list(numbers), since)


def oldest(tx: Reading) -> datetime:
    """The first moment that the ledger keeps."""
    return partitions.oldest(tx)


def record(tx: Writing, batch: InferenceBatch) -> BatchResult:
    """Keep a batch of inferences; each is judged on its own.

    What cannot be read or has an impossible id is refused item by item; what names
    something unknown is kept as unresolved; an id that is here already is a duplicate
    and changes nothing.
    """
    names, oldest, now = Names(tx), partitions.oldest(tx), access.now(tx)
    judged = [_judge(raw, names, oldest, now) for raw in batch.inferences]
    fit = [item for item in judged if isinstance(item, Judged)]
    return _results(judged, store.record(tx, [_row(item) for item in fit]))


async def record_resolved(lane: Lane, rows: str) -> set[UUID]:
    """Keep and count what was resolved, durably, in one statement; the ids that were new.

    ``rows`` is a JSON array of the ledger's rows. Their slots and bundles exist.

    Raises:
        DatabaseUnavailable: PostgreSQL does not answer.
        Invalid: PostgreSQL refuses a row.
    """
    return set(await lane.values(store.RECORD_STATEMENT, rows))


def refusals(tx: Reading, ids: Collection[UUID]) -> dict[UUID, str]:
    """Why some of these ids cannot be recorded."""
    if not ids:
        return {}
    at, first = access.now(tx), partitions.oldest(tx)
    return {id: why for id in ids if (why := rules.refusal(id, at, first))}


def present(tx: Reading, ids: Collection[UUID]) -> set[UUID]:
    """Those of these ids that are recorded."""
    return store.present(tx, ids) if ids else set()


def add_outcome(tx: Writing, id: UUID, new: NewOutcome) -> tuple[Outcome, bool]:
    """Keep an outcome of an inference, and whether it was new.

    Raises:
        NotFound: there is no such inference.
    """
    outcome_id = new.id or new_id()
    added = add_outcomes(tx, {id: [new.model_copy(update={"id": outcome_id})]})
    kept = next(one for one in store.outcomes(tx, [id]) if one.id == outcome_id)
    return kept, added == 1


def add_outcomes(tx: Writing, sent: Mapping[UUID, Sequence[NewOutcome]]) -> int:
    """Keep outcomes by the inference that they are of; how many were new.

    Must be the last of its transaction that touches counts: their rows, which everybody
    wants, are taken in one statement at the end, in the order that all who count take them.

    Raises:
        NotFound: there is no such inference.
    """
    locked = store.lock(tx, sent)
    missing = next((id for id in sent if id not in locked), None)
    if missing:
        raise _unknown(missing)
    known = rules.by_inference(store.outcomes(tx, sent))
    changed: list[tuple[RowMapping, Measured, Measured]] = []
    added = 0
    for id, facts in locked.items():
        earlier = known.get(id, [])
        new = rules.not_yet(earlier, sent[id])
        if new:
            before = rules.newest(store.first_measured(facts), earlier)
            store.add_outcomes(tx, id, len(earlier) + 1, new)
            changed.append((facts, before, rules.newest(before, new)))
            added += len(new)
    if changed:
        store.count_changed(tx, changed)
    return added


def read(tx: Reading, id: UUID) -> Inference:
    """An inference with the newest of its measures.

    Raises:
        NotFound: there is no such inference.
    """
    found = _with_outcomes(tx, store.find(tx, [id]))
    if not found:
        raise _unknown(id)
    return found[0]


def family(tx: Reading, id: UUID) -> Family:
    """An inference, what came of it, and up to 100 others of its trace within a day of it.

    Raises:
        NotFound: there is no such inference.
    """
    rows = store.find(tx, store.family_ids(tx, id, FAMILY_DAYS, FAMILY_MOST))
    later = rules.by_inference(store.outcomes(tx, [row["id"] for row in rows]))
    found = {row["id"]: _with_newest(row, later) for row in rows}
    if id not in found:
        raise _unknown(id)
    own = found.pop(id)
    return Family(own, tuple(later.get(id, ())), tuple(found.values()))


def find(
    tx: Reading, trace_id: str | None, decision: str | None, *, cursor: str | None, limit: int
) -> Page[Inference]:
    """The inferences of a trace, or of a decision, the newest first."""
    listing = f"inferences of trace {trace_id} decision {decision}"
    before = cursors.decode_id(listing, cursor)
    ids = store.ids_of(tx, trace_id, decision, before=before, limit=limit)
    return cursors.page(listing, read_all(tx, ids), limit, lambda one: str(one.id))


def served(tx: Reading, refs: Iterable[BundleRef]) -> Service:
    """What these bundles served, everywhere."""
    return rollups.served(tx, Selection(tuple(map(Part, identities.bundle_ids(tx, refs)))))


def served_each(
    tx: Reading, wanted: Collection[tuple[BundleRef, SlotRef]]
) -> dict[tuple[BundleRef, SlotRef], Service]:
    """What each of these bundles served within a slot of its own."""
    known = identities.ids_of_places(tx, wanted)
    part = Selection(tuple(Part(bundle, slot) for bundle, slot in known))
    found = rollups.served_each(tx, part) if known else {}
    return dict.fromkeys(wanted, rollups.NOTHING) | {known[id]: one for id, one in found.items()}


def served_by_arm(
    tx: Reading, slot: SlotRef, rule: str, deployed: Sequence[int]
) -> dict[str, ArmCounts]:
    """What each arm of a rule served under these deployments of a slot."""
    rows = rollups.by_arm(tx, identities.slot_id(tx, slot) or 0, rule, deployed)
    return {
        row["arm"]: ArmCounts(
            service=rollups.service(row),
            bundles=identities.bundle_refs(tx, row["bundle_ids"]),
            score_sum=float(row["score_sum"]),
            score_squares=float(row["score_squares"]),
        )
        for row in rows
    }


def served_by_deployment(tx: Reading, slot: SlotRef, deployed: Sequence[int]) -> dict[int, Service]:
    """What was served under each of these deployments of a slot, by number."""
    found = rollups.by_deployment(tx, identities.slot_id(tx, slot) or 0, deployed)
    return {number: found.get(number, rollups.NOTHING) for number in deployed}


def served_around(tx: Reading, ref: DeploymentRef, at: datetime) -> tuple[Service, Service]:
    """What a deployment served before the hour of ``at``, and from that hour on."""
    return rollups.around(tx, identities.slot_id(tx, ref.slot) or 0, ref.number, at)


def served_since(tx: Reading, slot: SlotRef, at: datetime) -> Service:
    """What a slot served from the hour of ``at`` on, under whichever deployment."""
    return rollups.since(tx, identities.slot_id(tx, slot) or 0, at)


def served_by_arm_and_day(
    tx: Reading, slot: SlotRef, rule: str, deployed: Sequence[int], since: datetime
) -> dict[str, dict[datetime, Service]]:
    """What each arm of a rule served on each day since, under these deployments of a slot."""
    return rollups.arms_by_day(tx, identities.slot_id(tx, slot) or 0, rule, deployed, since)


def served_by_day(tx: Reading, slot: SlotRef, since: datetime) -> dict[datetime, Service]:
    """What a slot served on each day since, in order; days without requests are left out."""
    return rollups.by_day(tx, identities.slot_id(tx, slot) or 0, since)


def recent(
    tx: Reading, slots: Iterable[SlotRef], since: datetime
) -> dict[SlotRef, tuple[int, int]]:
    """Requests and errors of these slots from the hour of ``since`` on; without any, a slot is
    left out."""
    ids = identities.ids_of_slots(tx, slots)
    return rollups.recent(tx, ids, since)


def exposed(tx: Reading, slot: SlotRef, experiment: str) -> dict[str, int]:
    """How many distinct units each arm of an experiment served."""
    return store.exposed(tx, identities.slot_id(tx, slot) or 0, experiment)


def exposed_first(tx: Reading, slot: SlotRef, experiment: str, since: datetime) -> dict[str, int]:
    """How many units each arm got that the experiment had not seen before ``since``."""
    return store.exposed_first(tx, identities.slot_id(tx, slot) or 0, experiment, since)


def served_last_hour(tx: Reading, refs: Iterable[BundleRef], within: SlotRef) -> int:
    """How many requests these bundles served in the hour up to now, up to a million."""
    return served_last_hour_in(tx, {within: tuple(refs)})[within]


def served_last_hour_in(
    tx: Reading, bundles: Mapping[SlotRef, Collection[BundleRef]]
) -> dict[SlotRef, int]:
    """How many requests these bundles of each slot served there in the hour up to now, up to
    a million."""
    wanted = [(ref, slot) for slot, refs in bundles.items() for ref in refs]
    known = identities.ids_of_places(tx, wanted)
    slots = {slot: ref for (_, slot), (_, ref) in known.items()}
    part = Selection(tuple(Part(bundle, slot) for bundle, slot in known))
    found = store.count_since(tx, part, access.now(tx) - HOUR, COUNT_MOST)
    return dict.fromkeys(bundles, 0) | {slots[id]: requests for id, requests in found.items()}


def read_all(tx: Reading, ids: Iterable[UUID]) -> tuple[Inference, ...]:
    """These inferences, the newest first."""
    return _with_outcomes(tx, store.find(tx, ids))


def keep_days(tx: Writing) -> tuple[date, ...]:
    """Make the ledger's days around today; which were missing."""
    return partitions.ensure(tx, access.now(tx).date())


def open_days(tx: Writing, since: date) -> LedgerDays:
    """Let the ledger take inferences from ``since`` on, for history that comes from
    elsewhere; 31 days in one transaction, because each is several tables to lock.

    Raises:
        Invalid: that is more than 400 days ago, or in the future.
    """
    today = access.now(tx).date()
    if not timedelta() <= today - since <= OPEN_DAYS_MAX:
        raise Invalid(
            f"The ledger can be opened for up to {OPEN_DAYS_MAX.days} days before today, "
            f"{today}, not since {since}.",
            field="since",
            value=since.isoformat(),
        )
    opened, missing = partitions.open_since(tx, since, today, OPENED_MOST)
    if opened:
        named = {"opened": [day.isoformat() for day in opened]}
        access.audit(tx, "ledger.open", opened[-1].isoformat(), after=named)
    return LedgerDays(opened=tuple(opened), missing=missing)


def ledger_gap(tx: Reading) -> str | None:
    """Why nothing can be recorded today; None when it can."""
    today = access.now(tx).date()
    return None if today in partitions.days(tx) else f"the ledger has no partition for {today}"


def _with_outcomes(tx: Reading, rows: Sequence[Any]) -> tuple[Inference, ...]:
    later = rules.by_inference(store.outcomes(tx, [row["id"] for row in rows]))
    return tuple(_with_newest(row, later) for row in rows)


def _with_newest(row: RowMapping, later: Mapping[UUID, Sequence[Outcome]]) -> Inference:
    measured = rules.newest(store.first_measured(row), later.get(row["id"], ()))
    return store.to_record(row, measured)


def _judge(raw: object, names: Names, oldest: datetime, now: datetime) -> Judged | Recorded:
    try:
        sent = raw if isinstance(raw, NewInference) else NewInference.model_validate(raw)
        context = _context(sent)
    except ValidationError as error:
        return _refused(None, _why(error))
    except Invalid as error:
        return _refused(None, f"context: {error.detail}")
    id = sent.id or new_id()
    why = rules.refusal(id, now, oldest)
    return _refused(id, why) if why else Judged(id, sent, names.bundle(sent), context)


def _recorded_resolution(tx: Reading, kept: Inference) -> Resolution:
    if kept.slot is None or kept.deployment is None:
        raise Invalid(
            f"The id {kept.id} belongs to an inference that was not resolved here.",
            field="inference_id",
            value=str(kept.id),
        )
    runs = store.shadows(tx, kept.id)
    return Resolution(
        inference_id=kept.id,
        bucket=bucket_of(int(kept.unit, 16)) if kept.unit else None,
        shadow=tuple(
            ShadowRun(inference_id=run, bundle=bundles.serve(tx, bundle)) for run, bundle in runs
        ),
        stale_seconds=kept.stale_seconds,
        slot=kept.slot,
        deployment=kept.deployment,
        bundle=bundles.serve(tx, kept.bundle),
        assigned=kept.assigned,
        arm=kept.arm,
        rule=kept.rule,
        reason=kept.reason or "recorded",
        experiment=kept.experiment,
        manifest_version=kept.manifest_version,
        served_from=kept.served_from or "server",
    )


def _row(item: Judged) -> dict[str, Any]:
    id, sent, bundle, context = item
    known = bundle.kind == "pair"
    return {
        "id": id,
        "at": made_at(id),
        "route": sent.slot.route if sent.slot else None,
        "environment": sent.slot.environment if sent.slot else None,
        "deployment": sent.deployment if known else None,
        "bundle": bundle.digest,
        **context,
        **{name: getattr(sent, name) for name in _KEPT_AS_SENT},
        **store.routing(sent),
        **store.measures(sent),
    }


def _context(sent: NewInference) -> dict[str, Any]:
    taken = sent.context_digest if sent.context is None else digest(sent.context)
    return {"context_digest": taken, "context": sent.context if sent.keep_context else None}


def _results(judged: Sequence[Judged | Recorded], fresh: set[UUID]) -> BatchResult:
    unseen = set(fresh)
    items: list[Recorded] = []
    for item in judged:
        if isinstance(item, Recorded):
            items.append(item)
        elif item.id not in unseen:
            items.append(Recorded(id=item.id, result="duplicate"))
        else:
            unseen.discard(item.id)
            result = "recorded" if item.bundle.kind == "pair" else "unresolved"
            items.append(Recorded(id=item.id, result=result))
    results = [item.result for item in items]
    return BatchResult(
        items=tuple(items),
        recorded=results.count("recorded"),
        duplicates=results.count("duplicate"),
        unresolved=results.count("unresolved"),
        refused=results.count("refused"),
    )


def _refused(id: UUID | None, why: str) -> Recorded:
    return Recorded(id=id, result="refused", detail=why)


def _why(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, item['loc'])) or 'inference'}: {item['msg']}"
        for item in error.errors()
    )


def _unknown(id: UUID) -> NotFound:
    return NotFound(f"There is no inference {id}.", kind="inference", name=str(id))
