"""The ids by which the ledger knows bundles and slots."""

from collections.abc import Collection, Iterable

from sqlalchemy import select, text

from twinline.db.arrays import both_among
from twinline.db.schema import bundle, slot
from twinline.db.session import Reading
from twinline.language.refs import BundleRef, SlotRef

_PLACES = text("""
select bundle.node_id, slot.id as slot, bundle.digest, slot.route, slot.environment
from unnest(cast(:digests as text[]), cast(:routes as text[]), cast(:environments as text[]))
    as wanted(digest, route, environment)
join bundle using (digest) join slot using (route, environment)
""")
_BUNDLE_IDS = text("select node_id from bundle where digest = any(:digests)")


def bundle_refs(tx: Reading, ids: Iterable[int]) -> tuple[BundleRef, ...]:
    """Bundles by their ids."""
    digests = tx.values(select(bundle.c.digest).where(bundle.c.node_id.in_(list(ids))))
    return tuple(sorted(map(BundleRef, digests), key=str))


def every_bundle(tx: Reading) -> list[int]:
    """The ids of all bundles."""
    return tx.values(select(bundle.c.node_id))


def bundle_ids(tx: Reading, refs: Iterable[BundleRef]) -> list[int]:
    """The ids of existing bundles; those that do not exist are left out."""
    return tx.values(_BUNDLE_IDS, {"digests": [ref.digest for ref in refs]})


def ids_of_places(
    tx: Reading, pairs: Collection[tuple[BundleRef, SlotRef]]
) -> dict[tuple[int, int], tuple[BundleRef, SlotRef]]:
    """These bundles in these slots by their ids; what does not exist is left out."""
    rows = tx.rows(
        _PLACES,
        {
            "digests": [bundle.digest for bundle, _ in pairs],
            "routes": [slot.route for _, slot in pairs],
            "environments": [slot.environment for _, slot in pairs],
        },
    )
    return {
        (row["node_id"], row["slot"]): (
            BundleRef(row["digest"]),
            SlotRef(row["route"], row["environment"]),
        )
        for row in rows
    }


def slot_id(tx: Reading, ref: SlotRef) -> int | None:
    """The id of a slot."""
    is_it = (slot.c.route == ref.route, slot.c.environment == ref.environment)
    return tx.value(select(slot.c.id).where(*is_it))


def slot_ids(tx: Reading, environment: str | None, ref: SlotRef | None) -> list[int]:
    """The ids of the slots of an environment, or of one slot."""
    query = select(slot.c.id)
    if environment is not None:
        query = query.where(slot.c.environment == environment)
    if ref is not None:
        query = query.where(slot.c.route == ref.route, slot.c.environment == ref.environment)
    return tx.values(query)


def ids_of_slots(tx: Reading, refs: Iterable[SlotRef]) -> list[int]:
    """The ids of existing slots."""
    names = [(ref.route, ref.environment) for ref in refs]
    among = both_among(slot.c.route, slot.c.environment, names)
    return tx.values(select(slot.c.id).where(among))
