"""One deployment of a slot: everything about it, and what it changed."""

import json
from typing import NamedTuple

from fastapi import Response
from pydantic import Field

from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.language.errors import NotFound
from twinline.language.records import Bundle, Deployment, TimelineEntry
from twinline.language.refs import DeploymentRef, SlotRef
from twinline.routing.policy import read_policy
from twinline.timelines import timeline
from twinline.web import addresses, forms, policies, proposals, rendering
from twinline.web.gate import Reader
from twinline.web.page import Page
from twinline.web.policies import AsText, Line
from twinline.web.problems import page_router

router = page_router()


class Side(NamedTuple):
    """One side of the default bundle before and now, and where both are compared."""

    name: str
    before: str
    after: str
    compare: str


class DeploymentPage(Page, template="deployment.html"):
    """One deployment."""

    deployment: Deployment = Field(
        description="One immutable, numbered entry in a slot's history: a policy, who, when, why."
    )
    entry: TimelineEntry = Field(
        title="Served",
        description="How long it was live, and the requests that name it: errors, latencies "
        "(within 5 %), cost and score.",
    )
    bundle: Bundle = Field(description="The default bundle of its policy.")
    before: Deployment | None = Field(
        description="The deployment before it; nothing when it is the first."
    )
    newer: int | None = Field(
        title="After", description="The number of the one after it; nothing when it is live."
    )
    sides: tuple[Side, ...] = Field(
        title="What it changed",
        description="The default bundle against that of the deployment before.",
    )
    lines: tuple[Line, ...] = Field(
        title="Who got what",
        description="Its policy in words. The lines are tried from above; the first that is "
        "meant serves.",
    )
    difference: AsText = Field(
        title="The policy as text",
        description="What differs between the policy documents: lines with − are gone, lines "
        "with + have come.",
    )
    changes: str = Field(description="Leads to all that changed while it came.")
    same_bundle: bool = Field(description="Whether its default bundle is the live default.")
    back: str = Field(
        title="The way back",
        description="Leads to what deploying it again would change: its default bundle, for "
        "which the rules of the live policy stand, or its whole policy where that bundle is the "
        "live default; empty: its policy is what is live.",
    )

    @property
    def title(self) -> str:
        """The slot and the number."""
        return f"{self.deployment.slot.short}, deployment {self.deployment.number}"


@router.get("/slots/{slot:path}/deployments/{number}")
def show(by: Reader, slot: str, number: str) -> Response:
    """One deployment."""
    ref = DeploymentRef(SlotRef.parse(slot), _number(slot, number))
    with by.reading() as tx:
        page = _page(tx, timeline.entry(tx, ref))
    return rendering.answer(by, page)


def _number(slot: str, typed: str) -> int:
    if number := forms.whole(typed):
        return number
    raise NotFound(
        f"{slot} has no deployment {typed!r}; deployments are numbered 1, 2, 3 and so on.",
        kind="deployment",
        name=typed,
    )


def _page(tx: Reading, entry: TimelineEntry) -> DeploymentPage:
    made = entry.deployment
    before = deployments.find(tx, DeploymentRef(made.slot, made.number - 1))
    live = deployments.live(tx, made.slot)
    known = timeline.named_by(tx, [made])
    earlier = bundles.read(tx, before.bundle) if before else None
    bundle = bundles.read(tx, made.bundle)
    return DeploymentPage(
        deployment=made,
        entry=entry,
        bundle=bundle,
        before=before,
        newer=made.number + 1 if entry.until else None,
        sides=_sides(earlier, bundle),
        lines=policies.lines(read_policy(made.policy), known),
        difference=_difference(before, made),
        changes=addresses.changed(made.slot, before.at, made.at) if before else "",
        same_bundle=made.bundle == live.bundle,
        back=proposals.again(live, made),
    )


def _sides(before: Bundle | None, after: Bundle) -> tuple[Side, ...]:
    return (_prompt(before, after), _model(before, after), _parameters(before, after))


def _prompt(before: Bundle | None, after: Bundle) -> Side:
    old, new = (before and before.prompt), after.prompt
    compare = ""
    if old and new and old != new:
        if old.name == new.name:
            compare = addresses.asked("/compare", prompt=new.name, old=old.number, new=new.number)
        else:
            compare = addresses.asked("/bundles/compare", old=before and before.ref, new=after.ref)
    return Side("prompt", str(old or ""), str(new or ""), compare)


def _model(before: Bundle | None, after: Bundle) -> Side:
    old, new = (before and before.model), after.model
    compare = ""
    if before and old != new:
        compare = addresses.asked("/bundles/compare", old=before.ref, new=after.ref)
    return Side("model", str(old or ""), str(new or ""), compare)


def _parameters(before: Bundle | None, after: Bundle) -> Side:
    old = _json(before.parameters) if before else ""
    return Side("parameters", old, _json(after.parameters), "")


def _json(parameters: object) -> str:
    return json.dumps(parameters, ensure_ascii=False, sort_keys=True) if parameters else "none"


def _difference(before: Deployment | None, made: Deployment) -> AsText:
    names = (f"deployment {before.number}" if before else "nothing", f"deployment {made.number}")
    old = read_policy(before.policy) if before else None
    return policies.difference(old, read_policy(made.policy), names)
