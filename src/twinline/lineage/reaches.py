"""What is downstream of a node, as far as requests go."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from twinline.access import actions as access
from twinline.db.session import Reading
from twinline.inferences.selections import Scope
from twinline.language.refs import BundleRef, DeploymentRef, Ref, SlotRef
from twinline.lineage import nodes, store
from twinline.lineage.store import ALWAYS, Reached, Window

TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Reach:
    """What is downstream of a node: bundles and the deployments that serve them (their
    nodes), the slots where it is live now, and the part of the ledger that its requests
    are in."""

    root: Ref
    bundles: tuple[int, ...]
    deployments: tuple[int, ...]
    live: tuple[SlotRef, ...]
    scope: Scope


def reach(tx: Reading, text: str, window: Window = ALWAYS) -> Reach:
    """Everything downstream of a node that serves requests.

    What the catalog derives (a bundle is made of its sides) holds whenever; what people
    stated counts when it held at some moment of the window, and a node that was retired
    all the while leads nowhere. What was written from a version did not come of it: it may
    be its cure. The requests of a deployment or a slot are what it served,
    also where people say that something feeds it.

    Raises:
        InvalidReference, Invalid: ``text`` is no reference of a node.
        NotFound: there is no such node.
    """
    id, ref = nodes.find(tx, text)
    found = store.reached(tx, [id], window)
    bundles = store.served_by(tx, id) if isinstance(ref, DeploymentRef) else found.bundles
    return Reach(
        root=ref,
        bundles=tuple(bundles),
        deployments=tuple(found.deployments),
        live=_live(tx, [id], found),
        scope=Scope(
            bundles=tuple(found.bundles),
            slots=tuple(SlotRef.parse(one) for one in found.slots),
            deployments=tuple(DeploymentRef.parse(one) for one in found.served),
        ),
    )


def live(tx: Reading, ids: Collection[int]) -> tuple[SlotRef, ...]:
    """The slots where anything downstream of some nodes is live now."""
    return _live(tx, ids, store.reached(tx, ids, ALWAYS))


def bundles(tx: Reading, found: Reach) -> tuple[BundleRef, ...]:
    """The bundles of a reach, in the order in which they were made."""
    return tuple(BundleRef.parse(one) for one in store.refs(tx, found.bundles))


def deployed_to(tx: Reading, found: Reach) -> set[SlotRef]:
    """The slots that the deployments of a reach were made to."""
    return {SlotRef(*place) for place in store.slots_of(tx, found.deployments)}


def _live(tx: Reading, ids: Collection[int], found: Reached) -> tuple[SlotRef, ...]:
    now = found
    if found.stated:  # what led there once may lead there no longer
        moment = access.now(tx)
        now = store.reached(tx, ids, Window(moment, moment + TICK))
    return tuple(sorted((SlotRef(*place) for place in now.live), key=str))
