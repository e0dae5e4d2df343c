"""The impact report of a recall: frozen once, and counted anew whenever somebody asks.

What the report lists (bundles, deployments, live slots) is kept as it was found, because
the graph goes on: pairs may be made of a recalled version later. What it counts is
immutable: requests, decisions, and status and cost as they were first recorded, of the
inferences that had arrived by its mark (see `inferences.recounts`). So the counts can be
taken again at any time, and give the same digest; what arrived later, however old its
id, is counted apart.
"""

from typing import Any

from twinline.access import actions as access
from twinline.db.session import Reading, Writing
from twinline.deployments import actions as deployments
from twinline.inferences import recounts
from twinline.language.canonical import digest
from twinline.language.records import Deployment, ImpactReport, LiveUse
from twinline.language.refs import DeploymentRef
from twinline.recalls import rules
from twinline.recalls.store import Downstream
from twinline.routing.policy import read_policy


def freeze(
    tx: Writing, node: str, down: Downstream, deployed_as: tuple[DeploymentRef, ...]
) -> dict[str, Any]:
    """The report on what is downstream of a node now, as the JSON that is kept;
    ``deployed_as`` are all deployments that are, also those that are over."""
    at = recounts.mark(tx)
    fed = (*down.fed_slots, *down.fed_deployments)
    counts = recounts.counted(tx, down.bundles, fed, at)
    report = ImpactReport(
        form="recall-report/1",
        node=node,
        at=access.now(tx),
        mark=at,
        bundles=down.bundles,
        deployments=deployed_as,
        fed=fed,
        live=uses(tx, down),
        counts=counts,
        **rules.totals(counts),
    )
    return report.model_dump(mode="json")


def recount(tx: Reading, kept: dict[str, Any]) -> tuple[str, int]:
    """The digest of a kept report with its facts counted anew, and how many requests of its
    bundles arrived since."""
    report = ImpactReport.model_validate(kept)
    counts = recounts.counted(tx, report.bundles, report.fed, report.mark)
    sums = rules.totals(counts)
    fresh = report.model_copy(update={"counts": counts, **sums})
    counted = fresh.model_dump(mode="json", include={"counts", *sums})
    later = recounts.arrived_later(tx, report.bundles, report.fed, report.mark)
    return digest(kept | counted), later


def uses(tx: Reading, down: Downstream) -> tuple[LiveUse, ...]:
    """Where something downstream is live, by slot."""
    return tuple(one for one, _ in live_uses(tx, down))


def live_uses(tx: Reading, down: Downstream) -> tuple[tuple[LiveUse, Deployment], ...]:
    """Where something downstream is live, by slot, each with what is live there."""
    slots = {*(ref.slot for ref in down.live), *down.fed_slots}
    live = sorted(deployments.live_of_each(tx, slots).values(), key=lambda one: str(one.slot))
    found = ((use(one, down), one) for one in live)
    return tuple((one, deployment) for one, deployment in found if one.places)


def use(live: Deployment, down: Downstream) -> LiveUse:
    """The places of a deployment's policy that name something downstream; all of them when
    what is recalled feeds the deployment or its slot."""
    bad, fed = frozenset(down.bundles), is_fed(live.ref, down)
    places = read_policy(live.policy).places()
    return LiveUse(
        slot=live.slot,
        deployment=live.ref,
        places=tuple(place for place, bundle in places if fed or bundle in bad),
    )


def is_fed(ref: DeploymentRef, down: Downstream) -> bool:
    """Whether what is recalled feeds a deployment or its slot, so that no other pair helps."""
    return ref in down.fed_deployments or ref.slot in down.fed_slots
