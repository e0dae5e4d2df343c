"""What is downstream of a node, as far as requests go."""

from dataclasses import dataclass

from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.inferences.selections import Scope
from twinline.language.refs import BundleRef, DeploymentRef, Ref, SlotRef
from twinline.lineage import nodes, store
from twinline.lineage.store import ALWAYS, Reached, Window


@dataclass(frozen=True)
class Reach:
    """What is downstream of a node: bundles, the deployments that serve them, the slots
    where it is live now, and the part of the ledger that its requests are in."""

    root: Ref
    bundles: tuple[BundleRef, ...]
    deployments: tuple[DeploymentRef, ...]
    live: tuple[SlotRef, ...]
    scope: Scope


def reach(tx: Reading, text: str, window: Window = ALWAYS) -> Reach:
    """Everything downstream of a node that serves requests.

    What the catalog derives (a bundle is made of its sides) holds whenever; what people
    stated counts when it held at some moment of the window, and a node that was retired
    all the while leads nowhere. The requests of a deployment or a slot are what it served,
    also where people say that something feeds it.

    Raises:
        InvalidReference, Invalid: ``text`` is no reference of a node.
        NotFound: there is no such node.
    """
    id, ref = nodes.find(tx, text)
    found = store.reached(tx, id, window)
    slots = tuple(SlotRef.parse(one.ref) for one in found if _served_itself(one, ref, "slot"))
    served = tuple(
        DeploymentRef.parse(one.ref) for one in found if _served_itself(one, ref, "deployment")
    )
    bundles = tuple(BundleRef.parse(one.ref) for one in found if one.kind == "bundle")
    live = {DeploymentRef.parse(one.ref).slot for one in found if one.live}
    live |= {slot for slot in slots if deployments.read_slot(tx, slot).live}
    return Reach(
        root=ref,
        bundles=deployments.bundles_of(tx, ref) if isinstance(ref, DeploymentRef) else bundles,
        deployments=tuple(DeploymentRef.parse(one.ref) for one in found if _is_deployment(one)),
        live=tuple(sorted(live, key=str)),
        scope=Scope(bundles, slots, served),
    )


def _served_itself(one: Reached, root: Ref, kind: str) -> bool:
    return one.kind == kind and (one.stated or one.ref == str(root))


def _is_deployment(one: Reached) -> bool:
    return one.kind == "deployment"
