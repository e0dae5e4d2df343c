"""Deploy to a slot: choose, look at what that would change, then the deed."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Response
from pydantic import Field

from twinline.bundles import actions as bundles
from twinline.db.session import Reading, Writing
from twinline.deployments import actions, owners
from twinline.deployments.api import PathSlot
from twinline.inferences import actions as inferences
from twinline.language.errors import TwinlineError
from twinline.language.records import Bundle, Deployment, Number, Ownership, Slot
from twinline.language.refs import BundleRef, DeploymentRef, SlotRef
from twinline.routing.policy import read_policy
from twinline.web import addresses, deeds, forms, proposals, rendering, stops
from twinline.web.deeds import Deed, Typed
from twinline.web.gate import Fields, Reader, ReleaserOrRefused, SentFields
from twinline.web.page import Page
from twinline.web.problems import page_router
from twinline.web.proposals import Choice, Outlook, Proposal
from twinline.web.stops import Stopped

router = page_router()
SLOTS = 200
"""Slots that are offered, and slots of the same route whose bundles are."""

BUNDLES = 30
"""Bundles that are offered: so many of the slot's last deployments are looked at, and so
many of the newest bundles."""

DOCUMENT_MOST = 20_000
"""Characters of a policy, or of parameters, as JSON. They are asked for in an address, which
the server reads up to 65,535 bytes of, and there many of them take three."""


@dataclass(frozen=True)
class Offer:
    """A bundle that could be deployed here, and where it is known from."""

    bundle: Bundle
    known_from: str
    address: str


@dataclass(frozen=True)
class Resolved:
    """A label or an alias that was typed, and the version that it named."""

    typed: str
    version: str


class WherePage(Page, template="deploy_where.html"):
    """In which slot something should go live."""

    heading = "Deploy"

    bundle: str = Field(description="The bundle that should go live; empty: chosen later.")
    problem: str = Field(description="Why what was typed is no slot.")
    typed: str = Field(title="Slot", description="ROUTE@ENVIRONMENT; it is made when it is new.")
    slots: tuple[Slot, ...] = Field(description="The slots that there are, and what is live.")
    more: bool = Field(description="Whether there are more slots than are shown.")


class DeployPage(Page, template="deploy.html"):
    """What could go live in a slot, and what it would change."""

    slot: SlotRef = Field(description="Where it goes live.")
    live: Deployment | None = Field(description="What is live there now.")
    stopped: tuple[Stopped, ...] = Field(
        description="The kill switches in force that reach this slot, whatever is live in it."
    )
    rules: bool = Field(
        description="Whether the live policy holds more than one bundle for everybody: rules, "
        "splits, fallbacks or shadows."
    )
    choice: Choice = Field(
        description="What was chosen; a pair by the versions that its labels named when this "
        "page was made, which are what goes live."
    )
    resolved: tuple[Resolved, ...] = Field(
        description="What was typed in other words than a version, and the version it named."
    )
    parameters: str = Field(
        description="Those of the pair that was asked for; else those of the bundle that is "
        "live, as JSON."
    )
    policy: str = Field(
        description="The policy that was asked for; else the one that is live, as JSON."
    )
    problem: str = Field(description="Why what was chosen cannot be.")
    offers: tuple[Offer, ...] = Field(
        description="Bundles that were here before, that are live in the same route elsewhere, "
        "and the newest."
    )
    outlook: Outlook | None = Field(
        title="What it changes",
        description="For each place of the policy the bundle that is named there now and then; "
        "who gets what by the policy then and now, and its text line by line; "
        "what differs in prompt and model; the evidence; what a policy probably does not mean; "
        "and what the slot requires and any bundle of the policy lacks.",
    )
    made: frozenset[BundleRef] = Field(description="Bundles that have a page.")
    requests_last_hour: int = Field(description="Requests of this slot in the last hour.")
    owners: tuple[Ownership, ...] = Field(description="Whom to tell.")
    deed: Deed = Field(
        title="The form",
        description="Why, for the history; and for a protected environment its name. It is "
        "carried out once, and only while the deployment that is shown is live.",
    )

    @property
    def title(self) -> str:
        """Names the slot."""
        return f"Deploy to {self.slot.short}"


def _asked(
    bundle: Annotated[str, Query(max_length=200)] = "",
    model: Annotated[str, Query(max_length=500)] = "",
    prompt: Annotated[str, Query(max_length=500)] = "",
    parameters: Annotated[str, Query(max_length=DOCUMENT_MOST)] = "",
    policy: Annotated[str, Query(max_length=DOCUMENT_MOST)] = "",
    keep: Annotated[str, Query(max_length=10)] = "",
) -> Choice:
    return Choice(bundle, model, prompt, parameters, policy, keep)


def _sent(fields: Fields) -> Choice:
    names = ("bundle", "model", "prompt", "parameters", "policy", "keep")
    return Choice(*(fields.text(name) for name in names))


@router.get("/deploy")
def where(
    by: Reader,
    bundle: Annotated[str, Query(max_length=200)] = "",
    slot: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """Choose the slot."""
    problem = ""
    if slot.strip():
        try:
            ref = SlotRef.parse(slot.strip())
            return forms.to(addresses.deploy(ref.short, bundle=bundle))
        except TwinlineError as refused:
            problem = refused.detail
    with by.reading() as tx:
        found = actions.list_slots(tx, None, cursor=None, limit=SLOTS)
    page = WherePage(
        bundle=bundle, problem=problem, typed=slot, slots=found.items, more=found.next is not None
    )
    return rendering.answer(by, page, 422 if problem else 200)


@router.get("/slots/{slot:path}/deploy")
def look(
    by: Reader,
    slot: PathSlot,
    choice: Annotated[Choice, Depends(_asked)],
    again: Number | None = None,
) -> Response:
    """What could go live, or what a choice would change; ``again`` chooses what an earlier
    deployment had."""
    with by.reading() as tx:
        if again is not None:
            choice = proposals.choice_of(tx, DeploymentRef(slot, again))
        page = _page(tx, slot, choice, deeds.FIRST)
    return rendering.answer(by, page, 422 if page.problem else 200)


@router.post("/slots/{slot:path}/deploy")
def deploy(sent: SentFields, by: ReleaserOrRefused, slot: PathSlot) -> Response:
    """Do it."""
    choice = _sent(sent)

    def act(tx: Writing) -> tuple[str, str]:
        deeds.refuse_unnamed(tx, sent, [slot.environment])
        expected = deeds.expected_number(sent)
        live = actions.lock(tx, slot, expected)
        proposal = proposals.read(tx, live, choice)
        new = proposal.deployment(sent.text(deeds.REASON).strip())
        proposals.make(tx, proposal)
        actions.deploy(tx, slot, new, expected)
        return addresses.slot(slot.short), "deployed"

    def again(tx: Reading, typed: Typed) -> Page:
        return _page(tx, slot, choice, typed)

    return deeds.carried_out(by, sent, act, again)


def _page(tx: Reading, slot: SlotRef, choice: Choice, typed: Typed) -> DeployPage:
    live = actions.live(tx, slot) if _has_live(tx, slot) else None
    proposal, problem = _read(tx, live, choice)
    found = proposals.outlook(tx, slot, live, proposal) if proposal else None
    exact = proposals.exact(choice, proposal) if proposal else choice
    offers = () if found else tuple(_offers(tx, slot, live))
    policy = read_policy(live.policy) if live else None
    named = {ref for place in (found.places if found else ()) for ref in (place.was, place.becomes)}
    return DeployPage(
        slot=slot,
        live=live,
        stopped=tuple(stops.reaching(tx, slot, live)),
        rules=policy is not None and sum(1 for _ in policy.places()) > 1,
        choice=exact,
        resolved=tuple(_resolved(choice, exact)),
        parameters=choice.parameters or ("" if choice.pair else _parameters(tx, live)),
        policy=choice.policy or (_json(live.policy) if live else ""),
        problem=problem,
        offers=offers,
        outlook=found,
        made=frozenset(bundles.read_all(tx, {ref for ref in named if ref})),
        requests_last_hour=_lately(tx, slot, policy.bundles() if policy else ()),
        owners=owners.of(tx, [slot]),
        deed=deeds.deed(tx, typed, live.number if live else 0, [slot.environment]),
    )


def _resolved(choice: Choice, exact: Choice) -> Iterator[Resolved]:
    for typed, version in ((choice.prompt, exact.prompt), (choice.model, exact.model)):
        if typed != version:
            yield Resolved(typed, version)


def _parameters(tx: Reading, live: Deployment | None) -> str:
    found = bundles.read(tx, live.bundle).parameters if live else {}
    return _json(found) if found else ""


def _json(document: object) -> str:
    """JSON to change and to send back: each character as it is."""
    return json.dumps(document, ensure_ascii=False, indent=2)


def _has_live(tx: Reading, slot: SlotRef) -> bool:
    return actions.exists(tx, slot) and actions.read_slot(tx, slot).live is not None


def _read(tx: Reading, live: Deployment | None, choice: Choice) -> tuple[Proposal | None, str]:
    """What was chosen, or why it means nothing."""
    if not choice.made:
        return None, ""
    try:
        return proposals.read(tx, live, choice), ""
    except TwinlineError as refused:
        return None, refused.detail


def _lately(tx: Reading, slot: SlotRef, refs: Iterable[BundleRef]) -> int:
    return inferences.served_last_hour(tx, refs, slot) if actions.exists(tx, slot) else 0


def _offers(tx: Reading, slot: SlotRef, live: Deployment | None) -> Iterator[Offer]:
    """Bundles to choose from, those that are nearest to the slot first; none that is all
    that is live."""
    from_where = dict[BundleRef, str]()
    for one in actions.entries(tx, slot, before=None, limit=BUNDLES):
        for ref in read_policy(one.policy).bundles():
            from_where.setdefault(ref, f"deployment {one.number} here")
    for other in actions.live_under(tx, slot.route, SLOTS):
        for ref in read_policy(other.policy).bundles():
            from_where.setdefault(ref, f"live in {other.slot.short}")
    newest = bundles.list_bundles(tx, cursor=None, limit=BUNDLES).items
    for one in newest:
        if one.kind == "pair":
            from_where.setdefault(one.ref, "one of the newest")
    if live and read_policy(live.policy).bundles() == (live.bundle,):
        from_where.pop(live.bundle, None)
    known = bundles.read_all(tx, from_where)
    for ref, said in from_where.items():
        yield Offer(known[ref], said, addresses.deploy(slot.short, bundle=ref.digest))
