"""Walk the lineage graph, count impact, and tell one request's story."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from twinline.bundles import actions as bundles
from twinline.db.graph import find_node
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.evaluations import actions as evaluations
from twinline.inferences import actions as inferences
from twinline.language.errors import Invalid, NotFound
from twinline.language.records import (
    DayImpact,
    Direction,
    Edge,
    Explanation,
    Impact,
    Inference,
    Lineage,
    Node,
    Page,
    SlotImpact,
)
from twinline.language.refs import (
    BundleRef,
    DatasetRef,
    DeploymentRef,
    ModelAliasRef,
    ModelVersionRef,
    PromptLabelRef,
    PromptVersionRef,
    Ref,
    RunRef,
    SlotRef,
    parse_ref,
)
from twinline.lineage import rules, store
from twinline.lineage.store import Reached
from twinline.models import actions as models
from twinline.prompts import actions as prompts

WHOLE = 1_000
"""Hops that reach everything: no path in a catalog is as long."""


@dataclass(frozen=True)
class Reach:
    """What is downstream of a node: bundles, the deployments that serve them, and the
    part of the ledger that their requests are in."""

    root: Ref
    bundles: tuple[BundleRef, ...]
    deployments: tuple[DeploymentRef, ...]
    within: DeploymentRef | None = None


def walk(tx: Reading, text: str, *, direction: Direction, depth: int, limit: int) -> Lineage:
    """Everything upstream or downstream of a node, within ``depth`` hops.

    Depth 1 is the direct neighbours. The nearest ``limit`` nodes are shown, and what
    is left out is counted.

    Raises:
        InvalidReference: ``text`` is no reference.
        NotFound: there is no such node.
    """
    root, ref = _node(tx, text)
    ways: list[Literal["upstream", "downstream"]] = (
        ["upstream", "downstream"] if direction == "both" else [direction]
    )
    reached: dict[int, Node] = {}
    deeper: set[int] = set()
    for way in ways:
        for found in store.walk(tx, root, way, depth + 1):
            if found.depth > depth:
                deeper.add(found.id)
            else:
                reached.setdefault(found.id, _shown(found, way))
    nearest = sorted(reached, key=lambda id: (abs(reached[id].depth), id))
    kept, beyond = rules.cut(nearest, limit)
    beyond_depth = len(deeper - reached.keys())
    edges: tuple[Edge, ...] = store.edges_among(tx, list(kept))
    return Lineage(
        root=str(ref),
        direction=direction,
        nodes=tuple(reached[id] for id in kept),
        edges=edges,
        left_out=beyond + beyond_depth,
        why_left_out=rules.why_left_out(beyond, limit, beyond_depth, depth),
    )


def impact(tx: Reading, text: str) -> Impact:
    """Everything downstream of a node, counted from the rollups.

    Raises:
        InvalidReference: ``text`` is no reference.
        NotFound: there is no such node.
    """
    reach = _reach(tx, text)
    live = {slot for slot in {ref.slot for ref in reach.deployments} if _is_live(tx, slot, reach)}
    by_slot = inferences.served_by_slot(tx, reach.bundles, reach.within)
    by_day = inferences.served_by_day(tx, reach.bundles, reach.within)
    return Impact(
        root=str(reach.root),
        bundles=len(reach.bundles),
        deployments=len(reach.deployments),
        service=inferences.served(tx, reach.bundles, reach.within),
        slots=tuple(
            SlotImpact(slot=slot, live=slot in live, service=service) for slot, service in by_slot
        ),
        live=tuple(sorted(live, key=str)),
        days=tuple(DayImpact.model_validate(day) for day in by_day),
    )


def affected(tx: Reading, text: str, *, cursor: str | None, limit: int) -> Page[Inference]:
    """The requests downstream of a node, the newest first.

    Raises:
        InvalidReference: ``text`` is no reference.
        NotFound: there is no such node.
    """
    reach = _reach(tx, text)
    listing = f"inferences affected by {reach.root}"
    return inferences.of_bundles(
        tx, reach.bundles, reach.within, listing=listing, cursor=cursor, limit=limit
    )


def explain(tx: Reading, id: UUID) -> Explanation:
    """The whole story of one request, up to the datasets.

    Raises:
        NotFound: there is no such inference.
    """
    inference = inferences.read(tx, id)
    bundle = bundles.read(tx, inference.bundle)
    prompt = prompts.read_version(tx, bundle.prompt) if bundle.prompt else None
    model = models.read_version(tx, bundle.model) if bundle.model else None
    run = models.read_run(tx, model.run.id) if model and model.run else None
    deployed = inference.deployment
    trace = inferences.of_trace(tx, inference.trace_id) if inference.trace_id else ()
    return Explanation(
        inference=inference,
        outcomes=inferences.outcomes(tx, id),
        deployment=deployments.find(tx, deployed) if deployed else None,
        bundle=bundle,
        prompt=prompt,
        model=model,
        run=run,
        datasets=tuple(models.read_dataset(tx, used) for used in run.datasets) if run else (),
        pairing=bundles.pairing(tx, model.ref, prompt.ref) if model and prompt else None,
        evaluations=evaluations.newest(tx, bundle.ref).items,
        siblings=tuple(other for other in trace if other.id != id),
    )


def _node(tx: Reading, text: str) -> tuple[int, Ref]:
    ref = _exact(tx, parse_ref(text))
    id = find_node(tx, ref)
    if id is None:
        raise NotFound(f"There is no {ref}.", kind="node", name=str(ref))
    return id, ref


def _exact(tx: Reading, ref: Ref) -> Ref:
    """The reference of the node itself: labels, aliases and short digests looked up."""
    match ref:
        case PromptVersionRef() | PromptLabelRef():
            return prompts.read_version(tx, ref).ref
        case ModelVersionRef() | ModelAliasRef():
            return models.read_version(tx, ref).ref
        case BundleRef():
            return bundles.read(tx, ref).ref
        case SlotRef():
            return deployments.live(tx, ref).ref
        case RunRef():
            return models.read_run(tx, ref.id).ref
        case DatasetRef():
            return models.read_dataset(tx, ref).ref
        case DeploymentRef():
            return ref
        case _:
            raise Invalid(
                f"{ref} is no node of the graph: ask for the bundle of an inference, or "
                "`explain` it.",
                field="node",
                value=str(ref),
            )


def _shown(found: Reached, way: Literal["upstream", "downstream"]) -> Node:
    depth = -found.depth if way == "upstream" else found.depth
    return Node.model_validate({**found.row, "depth": depth})


def _reach(tx: Reading, text: str) -> Reach:
    id, ref = _node(tx, text)
    if isinstance(ref, DeploymentRef):
        return Reach(ref, deployments.bundles_of(tx, ref), (ref,), within=ref)
    refs = [parse_ref(found.row["ref"]) for found in store.walk(tx, id, "downstream", WHOLE)]
    return Reach(
        ref,
        tuple(found for found in refs if isinstance(found, BundleRef)),
        tuple(found for found in refs if isinstance(found, DeploymentRef)),
    )


def _is_live(tx: Reading, slot: SlotRef, reach: Reach) -> bool:
    live = deployments.read_slot(tx, slot).live
    return live is not None and live.ref in reach.deployments
