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
from twinline.language.records import ImpactReport, LiveUse
from twinline.language.refs import DeploymentRef
from twinline.recalls import rules
from twinline.recalls.store import Downstream
from twinline.routing.policy import read_policy


def freeze(tx: Writing, node: str, down: Downstream) -> dict[str, Any]:
    """The report on what is downstream of a node now, as the JSON that is kept."""
    at = recounts.mark(tx)
    fed = (*down.fed_slots, *down.fed_deployments)
    counts = recounts.counted(tx, down.bundles, fed, at)
    report = ImpactReport(
        form="recall-report/1",
        node=node,
        at=access.now(tx),
        mark=at,
        bundles=down.bundles,
        deployments=down.deployments,
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
    live = {ref.slot: ref for ref in down.live}
    for slot in down.fed_slots:
        now = deployments.read_slot(tx, slot).live
        live |= {slot: now.ref} if now else {}
    found = (use(tx, ref, down) for ref in sorted(live.values(), key=lambda ref: str(ref.slot)))
    return tuple(one for one in found if one.places)


def use(tx: Reading, ref: DeploymentRef, down: Downstream) -> LiveUse:
    """The places of a deployment's policy that name something downstream; all of them when
    what is recalled feeds the deployment or its slot."""
    deployment = deployments.find(tx, ref)
    assert deployment is not None
    bad = frozenset(down.bundles)
    places = read_policy(deployment.policy).places()
    return LiveUse(
        slot=ref.slot,
        deployment=ref,
        places=tuple(place for place, bundle in places if is_fed(ref, down) or bundle in bad),
    )


def is_fed(ref: DeploymentRef, down: Downstream) -> bool:
    """Whether what is recalled feeds a deployment or its slot, so that no other pair helps."""
    return ref in down.fed_deployments or ref.slot in down.fed_slots
