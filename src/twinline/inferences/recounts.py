"""Count the facts of the ledger as they were at some moment, then and ever after.

An inference may arrive days after it was made, so neither its id nor its time says
whether it was here at a moment. Each carries the transaction that brought it instead
(``arrived``), and a mark is PostgreSQL's own notion of a moment: the transactions that
were over by then. Facts are never changed or dropped, so counting what a mark covers
gives the same answer always; 64 bits of transaction ids do not wrap around, and unlike
``xmin`` the column survives freezing and dumps.

Only what was known when an inference was recorded is counted, because outcomes come
later. A mark holds for the database that it was taken in: restored into a PostgreSQL
whose transactions begin anew, the ledger counts later arrivals as earlier ones.
"""

from collections.abc import Iterable

from sqlalchemy import RowMapping, text

from twinline.db.session import Reading, Writing
from twinline.inferences import identities
from twinline.language.records import BundleCount, LedgerMark
from twinline.language.refs import BundleRef, DeploymentRef, SlotRef

Fed = SlotRef | DeploymentRef
"""What people say that something feeds: all that it served is meant."""

_MARK = text("""
select (pg_snapshot_xmax(now)::text)::bigint as none_from,
    array(select (pg_snapshot_xip(now)::text)::bigint) as still_open,
    (pg_current_xact_id()::text)::bigint as own
from pg_current_snapshot() as now
""")
_COVERED = """(arrived is null or arrived = :own
    or (arrived < :none_from and arrived <> all(cast(:still_open as bigint[]))))"""
_PART = """role = 0 and (bundle_id = any(:bundles) or slot_id = any(:slots)
    or (slot_id, deployment) in (
        select * from unnest(cast(:within as bigint[]), cast(:deployments as integer[]))))"""
_COUNTS = text(f"""
select bundle.digest, count(*) as requests, count(*) filter (where status = 1) as errors,
    count(decision) as decision_requests, coalesce(sum(cost_usd::numeric), 0) as cost_usd,
    min(at) as first_at, max(at) as last_at
from inference join bundle on bundle.node_id = bundle_id
where {_PART} and {_COVERED} group by bundle.digest order by bundle.digest
""")
_LATER = text(f"select count(*) from inference where {_PART} and not {_COVERED}")
_TAKE_TIME = text("select set_config('statement_timeout', '10min', true)")


def mark(tx: Writing) -> LedgerMark:
    """What is in the ledger now, in a form that can be kept."""
    row = tx.row(_MARK)
    assert row is not None
    return LedgerMark.model_validate(dict(row))


def counted(
    tx: Reading, refs: Iterable[BundleRef], fed: Iterable[Fed], at: LedgerMark
) -> tuple[BundleCount, ...]:
    """What these bundles, and whatever these slots and deployments, had served at a mark, by
    bundle; those that served nothing left out.

    Reads every request: about a second for half a million of them.
    """
    tx.value(_TAKE_TIME)
    return tuple(_count(row) for row in tx.rows(_COUNTS, _values(tx, refs, fed, at)))


def arrived_later(
    tx: Reading, refs: Iterable[BundleRef], fed: Iterable[Fed], since: LedgerMark
) -> int:
    """How many such requests a mark does not cover."""
    tx.value(_TAKE_TIME)
    return tx.value(_LATER, _values(tx, refs, fed, since))


def _values(
    tx: Reading, refs: Iterable[BundleRef], fed: Iterable[Fed], at: LedgerMark
) -> dict[str, object]:
    slots = [identities.slot_id(tx, one) for one in fed if isinstance(one, SlotRef)]
    served = [one for one in fed if isinstance(one, DeploymentRef)]
    return {
        "bundles": identities.bundle_ids(tx, refs),
        "slots": slots,
        "within": [identities.slot_id(tx, one.slot) for one in served],
        "deployments": [one.number for one in served],
        "none_from": at.none_from,
        "still_open": list(at.still_open),
        "own": at.own,
    }


def _count(row: RowMapping) -> BundleCount:
    return BundleCount.model_validate(
        {**row, "bundle": BundleRef(row["digest"]), "cost_usd": float(row["cost_usd"])}
    )
