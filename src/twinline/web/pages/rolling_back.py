"""Put one side of a slot back, or both: what that would change, then the deed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from twinline.db.session import Reading, Writing
from twinline.deployments import actions as deployments
from twinline.deployments import owners
from twinline.deployments.api import PathSlot
from twinline.language.canonical import digest
from twinline.language.errors import Conflict, NotFound, NothingLive, Stale, TwinlineError
from twinline.language.records import (
    Deployment,
    Ownership,
    RollbackPreview,
    RollbackRequest,
    Side,
)
from twinline.language.refs import ModelVersionRef, PromptVersionRef, SlotRef
from twinline.rollbacks import actions
from twinline.rollbacks.ways import WaysBack
from twinline.web import addresses, deeds, forms, rendering, stops, swaps
from twinline.web.deeds import Deed, Typed
from twinline.web.gate import Reader, ReleaserOrRefused, SentFields
from twinline.web.page import Page
from twinline.web.problems import page_router
from twinline.web.stops import Stopped
from twinline.web.swaps import Swap

router = page_router()
SIDES: tuple[Side, ...] = ("prompt", "model", "both")
EARLIER = 12
"""Earlier versions of a side that are offered."""


@dataclass(frozen=True)
class Way:
    """One way back: a side, where it leads, and what would be live; or why there is none."""

    side: Side
    preview: RollbackPreview | None
    address: str
    why_not: str


@dataclass(frozen=True)
class Earlier:
    """A version that a side of the slot was at before, and the deployment that brought it."""

    version: PromptVersionRef | ModelVersionRef
    since: int
    address: str


class WaysBackPage(Page, template="ways_back.html"):
    """The ways back of a slot; none is chosen."""

    slot: SlotRef = Field(description="Where something is put back.")
    live: Deployment = Field(description="What is live there now.")
    stopped: tuple[Stopped, ...] = Field(
        description="The kill switches in force that reach this slot, whatever is live in it."
    )
    problem: str = Field(description="Why what was asked for cannot be done.")
    ways: tuple[Way, ...] = Field(
        description="What can be put back: one side or both, each to the nearest earlier version "
        "that nobody withdrew. A way that would change nothing is not offered."
    )
    earlier: tuple[Earlier, ...] = Field(
        description="Versions that a side was at before that, the newest first."
    )

    @property
    def title(self) -> str:
        """Names the slot."""
        return f"Roll back {self.slot.short}"


class RollBackPage(Page, template="roll_back.html"):
    """What a rollback would change, and the form that does it."""

    preview: RollbackPreview = Field(
        description="What goes and what comes back, how much is known about the pairs that "
        "result, and how many requests the slot had with what goes, in the last hour. Proven: "
        "100 requests or more were served here. Evaluated: every suite's newest result passed. "
        "Untested: neither. Blocked: it must not go live."
    )
    stopped: tuple[Stopped, ...] = Field(
        description="The kill switches in force that reach this slot, whatever is live in it."
    )
    to: str = Field(description="The version that was named; empty: the previous one.")
    leads_to: str = Field(
        description="A digest of the versions that come back: they are put back, or nothing is."
    )
    swaps: tuple[Swap, ...] = Field(
        title="The change",
        description="Each pair that would come in the place of another: what differs in the "
        f"prompt and in the model, and the evidence; the first {swaps.PAIRS_MOST}.",
    )
    why_not: str = Field(description="Why it cannot be done.")
    untested: bool = Field(
        description="Whether somebody has to say that a pair without evidence may go live."
    )
    owners: tuple[Ownership, ...] = Field(description="Whom to tell.")
    deed: Deed = Field(
        title="The form",
        description="Why, for the history; and for a protected environment its name. It is "
        "carried out once, and only while the deployment that is shown is live.",
    )

    @property
    def title(self) -> str:
        """Names the side and the slot."""
        return f"Roll {self.said} of {self.preview.slot.short} back"

    @property
    def more(self) -> int:
        """Pairs that are not looked at in full."""
        return len(self.preview.pairs) - len(self.swaps)

    @property
    def said(self) -> str:
        """What goes back, in words."""
        return "both sides" if self.preview.side == "both" else f"the {self.preview.side}"


@router.get("/slots/{slot:path}/rollback")
def look(
    by: Reader,
    slot: PathSlot,
    side: Side | None = None,
    to: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """The ways back, or what one of them would change."""
    with by.reading() as tx:
        page = _page(tx, slot, side, to, deeds.FIRST)
    asked_in_vain = isinstance(page, WaysBackPage) and page.problem
    return rendering.answer(by, page, Conflict.status if asked_in_vain else 200)


@router.post("/slots/{slot:path}/rollback")
def roll_back(sent: SentFields, by: ReleaserOrRefused, slot: PathSlot) -> Response:
    """Do it."""
    side, to = sent.text("side"), sent.text("to")

    def act(tx: Writing) -> tuple[str, str]:
        wanted = forms.filled(
            RollbackRequest,
            {
                "side": side,
                "to": to or None,
                "reason": sent.text(deeds.REASON).strip(),
                "accept_untested": sent.ticked("accept_untested"),
            },
        )
        deeds.refuse_unnamed(tx, sent, [slot.environment])
        expected = deeds.expected_number(sent)
        deployments.lock(tx, slot, expected)
        found = actions.preview(tx, slot, wanted.side, wanted.to)
        _refuse_elsewhere(found, sent.text("leads_to"))
        actions.roll_back(tx, slot, wanted, expected)
        return addresses.slot(slot.short), "rolled-back"

    def again(tx: Reading, typed: Typed) -> Page:
        return _page(tx, slot, _known(side), to, typed)

    return deeds.carried_out(by, sent, act, again)


def _leads_to(found: RollbackPreview) -> str:
    return digest({change.side: str(change.put_back) for change in found.changes})


def _refuse_elsewhere(found: RollbackPreview, seen: str) -> None:
    """Raise Stale when other versions would come back than were looked at: what is the
    previous one changes without a deployment, say when a version is withdrawn."""
    if _leads_to(found) != seen:
        now = " and ".join(str(change.put_back) for change in found.changes)
        raise Stale(
            f"By now this would put {now} back, not what you looked at: a version was withdrawn "
            "meanwhile, or is no longer. Look again, then decide again."
        )


def _known(side: str) -> Side | None:
    return next((one for one in SIDES if one == side), None)


def _page(tx: Reading, slot: SlotRef, side: Side | None, to: str, typed: Typed) -> Page:
    """What a rollback of this side would change; the ways back when it cannot be said."""
    if side is None:
        return _ways(tx, slot, typed.refused)
    try:
        found = actions.preview(tx, slot, side, actions.version(side, to or None))
    except NothingLive:
        raise
    except TwinlineError as refused:
        if isinstance(refused, NotFound) and not deployments.exists(tx, slot):
            raise
        return _ways(tx, slot, " ".join(dict.fromkeys([typed.refused, refused.detail])).strip())
    return RollBackPage(
        preview=found,
        stopped=tuple(stops.reaching(tx, slot, found.live)),
        to=to,
        leads_to=_leads_to(found),
        swaps=swaps.of_pairs(tx, found.pairs),
        why_not=_why_not(found),
        untested=any(pair.verdict == "untested" for pair in found.pairs),
        owners=owners.of(tx, [slot]),
        deed=deeds.deed(tx, typed, found.live.number, [slot.environment]),
    )


def _why_not(found: RollbackPreview) -> str:
    blocked = [pair for pair in found.pairs if pair.verdict == "blocked"]
    if blocked:
        return "; ".join(f"{one.prompt} with {one.model}: {one.why}" for one in blocked)
    if all(change.was_live for change in found.changes):
        return ""
    lacks = [lack for pair in found.pairs for lack in pair.missing]
    return "; ".join(f"{found.slot.short} was never at it, and requires {lack}" for lack in lacks)


def _ways(tx: Reading, slot: SlotRef, problem: str) -> WaysBackPage:
    known = WaysBack(tx, slot)
    live, ways = known.live, tuple(_distinct(_way(known, side) for side in SIDES))
    nearest = {
        str(change.put_back) for way in ways if way.preview for change in way.preview.changes
    }
    gone = {*nearest, str(live.prompt), str(live.model)}
    return WaysBackPage(
        slot=slot,
        live=live,
        stopped=tuple(stops.reaching(tx, slot, live)),
        problem=problem,
        ways=ways,
        earlier=tuple(_earlier(known, gone)),
    )


def _way(known: WaysBack, side: Side) -> Way:
    address = addresses.roll_back(known.slot.short, side=side)
    try:
        return Way(side, known.preview(side, None), address, "")
    except TwinlineError as refused:
        return Way(side, None, "", refused.detail)


def _distinct(ways: Iterable[Way]) -> Iterator[Way]:
    """The ways that lead to something of their own; both sides only where each can go."""
    seen = set[frozenset[str]]()
    for way in ways:
        if way.preview is None:
            if way.side != "both":
                yield way
            continue
        leads_to = frozenset(str(pair.bundle) for pair in way.preview.pairs)
        if leads_to not in seen:
            seen.add(leads_to)
            yield way


def _earlier(known: WaysBack, gone: set[str]) -> Iterator[Earlier]:
    for side, stack in known.past.stacks.items():
        seen = set(gone)
        for frame in reversed(stack):
            if str(frame.value) in seen or len(seen) - len(gone) == EARLIER:
                continue
            seen.add(str(frame.value))
            address = addresses.roll_back(known.slot.short, side=side, to=str(frame.value))
            yield Earlier(frame.value, frame.since, address)
