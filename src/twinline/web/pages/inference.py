"""One request: which pair answered it, why that one, what came of it, and what changed since."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from fastapi import Response
from markupsafe import Markup
from pydantic import Field

from twinline.access import actions as access
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.inferences.api import InferenceId
from twinline.language.records import (
    Deployment,
    Explanation,
    Inference,
    Message,
    Replay,
    Withdrawal,
)
from twinline.language.refs import SlotRef
from twinline.lineage import explanations, walks
from twinline.routing.buckets import bucket_of
from twinline.web import addresses, pictures, rendering
from twinline.web.gate import Reader
from twinline.web.page import Page
from twinline.web.problems import page_router
from twinline.withdrawals import actions as withdrawals

router = page_router()

BESIDE = 20
"""Requests of the same decision that are shown beside one."""

TEXT_MOST = 12_000
"""Characters of a template or a context that are shown here."""

DEPTH, NODES = 6, 60
"""How far up the picture goes, and how many nodes it has at most."""

DEEPEST = 8
"""Levels of calls that are indented."""

DAY, WEEK = timedelta(days=1), timedelta(days=7)


class Call(NamedTuple):
    """A request in the tree of its trace; ``level`` 0 has nothing above it that we know."""

    request: Inference
    level: int


class Around(NamedTuple):
    """What leads to the changes around a request in its slot, and what is live there now."""

    day_before: str
    week_before: str
    since: str
    then: str
    live: Deployment | None


class InferencePage(Page, template="inference.html"):
    """The whole story of one request."""

    now: datetime = Field(description="When this page was made.")
    story: Explanation = Field(
        description="The request with its pair, as things were when it was made: which slot and "
        "deployment, who deployed it and why, prompt, model, run and datasets, what was known "
        "about the pair by then, and each outcome that was told later."
    )
    bucket: int | None = Field(
        description="Where the unit (say the user) fell among the 100,000 buckets of the split; "
        "the unit itself is not kept."
    )
    replay: Replay = Field(
        description="The policy of that deployment evaluated again with the same context, and "
        "whether it gives the same bundle; where that cannot be done, why."
    )
    withdrawn: tuple[Withdrawal, ...] = Field(
        description="What is in force now against the bundle, a side of it or what that came from."
    )
    around: Around | None = Field(
        title="What changed",
        description="Leads to all that changed in the slot before the request and since, and to "
        "the slot as it was then. None: it names no slot.",
    )
    calls: tuple[Call, ...] = Field(
        title="The same trace",
        description="Up to 100 requests of the same trace within a day of it, as they called each "
        "other, this one among them.",
    )
    beside: tuple[Inference, ...] = Field(
        title="The same decision", description="The newest others that carry the same decision."
    )
    picture: Markup = Field(description="What the bundle came from: each row leads to its page.")

    @property
    def title(self) -> str:
        """The request by its id."""
        return f"Request {self.story.inference.id}"

    @property
    def context(self) -> str:
        """The context that was kept, as far as it is shown here."""
        kept = self.story.inference.context
        return "" if kept is None else cut(rendering.as_json(kept))

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """The prompt's template, as role and content; the role of a text is empty."""
        if self.story.prompt is None:
            return ()
        whole = self.story.prompt.whole
        if isinstance(whole, str):
            return (("", cut(whole)),)
        return tuple(
            (part.role, cut(part.content))
            if isinstance(part, Message)
            else ("", f"[the caller's messages: {part.name}]")
            for part in whole
        )


@router.get("/inferences/{id}")
def inference(by: Reader, id: InferenceId) -> Response:
    """One request's story."""
    with by.reading() as tx:
        story = explanations.explain(tx, id)
        one = story.inference
        now = access.now(tx)
        walk = walks.walk(tx, str(one.bundle), direction="upstream", depth=DEPTH, limit=NODES)
        page = InferencePage(
            now=now,
            story=story,
            bucket=bucket_of(int(one.unit, 16)) if one.unit else None,
            replay=explanations.replay(tx, id, None),
            withdrawn=withdrawals.against(tx, one.bundle),
            around=_around(tx, one.slot, one.at, now) if one.slot else None,
            calls=tuple(tree((one, *story.siblings))) if story.siblings else (),
            beside=_beside(tx, one),
            picture=pictures.lineage(walk),
        )
    return rendering.answer(by, page)


def tree(requests: Iterable[Inference]) -> Iterator[Call]:
    """Requests as they called each other, each once: a call stands below its caller, and what
    calls itself in a circle begins somewhere."""
    left = {one.id: one for one in sorted(requests, key=lambda one: one.id)}
    below: dict[UUID, list[Inference]] = {}
    for one in left.values():
        if one.parent_id is not None and one.parent_id in left and one.parent_id != one.id:
            below.setdefault(one.parent_id, []).append(one)
    called = {one.id for several in below.values() for one in several}
    for first in sorted(left, key=lambda id: (id in called, id)):
        waiting = [(first, 0)]
        while waiting:
            id, level = waiting.pop()
            if (one := left.pop(id, None)) is not None:
                yield Call(one, min(level, DEEPEST))
                waiting += [(it.id, level + 1) for it in reversed(below.get(id, ()))]


def cut(text: str) -> str:
    """As much of a text as is shown here."""
    more = len(text) - TEXT_MOST
    return text if more <= 0 else f"{text[:TEXT_MOST]}\n… {more:,} more characters"


def _around(tx: Reading, slot: SlotRef, at: datetime, now: datetime) -> Around:
    return Around(
        day_before=addresses.changed(slot, at - DAY, at),
        week_before=addresses.changed(slot, at - WEEK, at),
        since=addresses.changed(slot, at, now),
        then=addresses.asked(addresses.slot(slot.short), at=at.isoformat()),
        live=deployments.live_or_none(tx, slot, now),
    )


def _beside(tx: Reading, one: Inference) -> tuple[Inference, ...]:
    if one.decision is None:
        return ()
    found = explanations.find(
        tx, trace_id=None, decision=one.decision, cursor=None, limit=BESIDE + 1
    )
    return tuple(other for other in found.items if other.id != one.id)[:BESIDE]
