"""What is live, what waits, what changed last, and what is not well."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request, Response
from pydantic import Field

from twinline.access import actions as access
from twinline.aliases import actions as aliases
from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.kills import actions as kills
from twinline.language.errors import InvalidReference
from twinline.language.records import AuditEvent, Kill
from twinline.language.refs import DeploymentRef, parse_ref
from twinline.mirror.api import mirroring
from twinline.models import actions as models
from twinline.prompts import searching
from twinline.prompts.search_store import Wanted
from twinline.suites import pending
from twinline.web import addresses, rendering, standing
from twinline.web.gate import Reader
from twinline.web.page import Page
from twinline.web.problems import page_router
from twinline.web.standing import EnvironmentStanding

router = page_router()

CHANGES, EVENTS_LOOKED_AT, WAITING = 10, 2_000, 5
_SENTENCES = {
    "deployment.deploy": "deployed",
    "deployment.rollback": "rolled back",
    "deployment.recall": "took a recalled version out of",
    "deployment.guard": "put back what a guard had stopped in",
    "label.move": "moved the label",
    "label.remove": "removed the label",
    "node.recalled": "recalled",
    "node.recalled.lift": "ended the recall of",
    "kill.throw": "killed",
    "kill.lift": "let go on",
}

STEPS = (
    (
        "Write a prompt.",
        "twinline prompts create support/answer --template 'Answer briefly: {{ question }}'",
    ),
    (
        "Register a model, or let MLflow's mirror do it.",
        "twinline models register gpt-4o openai:/gpt-4o-2024-08-06",
    ),
    (
        "Pair them: this is a bundle.",
        "twinline bundles pair --model models:/gpt-4o/1 --prompt prompts:/support/answer/1",
    ),
    (
        "Make the bundle live in a slot.",
        "twinline deploy support@production --model models:/gpt-4o/1 "
        "--prompt prompts:/support/answer/1 --reason 'the first one'",
    ),
    ("Ask for it, as an application does.", "twinline resolve support@production"),
)
"""What makes a catalog of an empty one, and the commands for it."""


@dataclass(frozen=True)
class Waiting:
    """Something that waits for somebody, and the page where that is decided; or, where there is
    none, the command that lists it."""

    said: str
    address: str = ""
    at: datetime | None = None
    command: str = ""


@dataclass(frozen=True)
class Change:
    """What somebody did, in the parts of a sentence."""

    at: datetime
    who: str
    did: str
    what: str
    address: str
    more: str
    why: str


@dataclass(frozen=True)
class Concern:
    """A kind of trouble, and the slots that have it."""

    word: str
    tone: standing.Tone
    slots: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Step:
    """A step of the first start, whether it is done, and the command for it."""

    said: str
    command: str
    done: bool


@dataclass(frozen=True)
class Stop:
    """A kill switch that is in force, and where what it stops is shown; empty for everything."""

    subject: str
    address: str
    switch: Kill


class OverviewPage(Page, template="overview.html"):
    """The first page."""

    heading = "Overview"

    steps: tuple[Step, ...] = Field(
        description="What makes a catalog of an empty one, in its order; only before anything is "
        "live."
    )
    concerns: tuple[Concern, ...] = Field(
        title="health",
        description="What speaks against something that is live: it is stopped or recalled, a "
        "suite is not passed, it was never evaluated, no request came for 24 hours, MLflow's "
        "alias is elsewhere, or requests of this hour and the last were served otherwise than "
        "declared. "
        f"The first {standing.SLOTS_LOOKED_AT} slots of each of the first "
        f"{standing.ENVIRONMENTS} environments are looked at; where there are more, it says so.",
    )
    kills: tuple[Stop, ...] = Field(
        title="kill switches",
        description="Every kill switch that is in force, wherever it is; of slots, bundles or "
        "everything.",
    )
    places: tuple[EnvironmentStanding, ...] = Field(
        title="what is live",
        description="Each environment with its slots, those with trouble first, up to "
        f"{standing.SLOTS_SHOWN}: both sides of the bundle that is served by default, since when, "
        "by whom, and the requests and errors since 24 hours ago, counted from the beginning of "
        "that hour.",
    )
    looked_at: int = Field(
        title="slots looked at", description="How many slots the health above speaks of."
    )
    other_places: tuple[str, ...] = Field(
        title="other environments", description="Those that are not looked at here."
    )
    waiting: tuple[Waiting, ...] = Field(
        title="what waits",
        description="Evaluations that no runner has finished, moves of MLflow's aliases that a "
        "person shall decide about, and what MLflow's mirror cannot read.",
    )
    changes: tuple[Change, ...] = Field(
        title="last changes",
        description="Deployments, rollbacks, moves of labels, recalls and kills, the newest first, "
        f"among the last {EVENTS_LOOKED_AT:,} events of the audit log.",
    )

    @property
    def unseen(self) -> tuple[str, ...]:
        """The environments of which some slots, or all, were not looked at."""
        return (*(place.name for place in self.places if place.unseen), *self.other_places)


@router.get("/")
def overview(by: Reader, request: Request) -> Response:
    """The first page."""
    with by.reading() as tx:
        names = standing.names(tx)
        places = standing.look(tx, names)
        page = OverviewPage(
            steps=() if names else tuple(_steps(tx)),
            concerns=tuple(_concerns(places)),
            kills=tuple(_kills(tx)),
            places=places,
            looked_at=sum(len(place.judged) for place in places),
            other_places=tuple(names[standing.ENVIRONMENTS :]),
            waiting=(*_evaluations(tx), *_proposals(tx), *_mirror(tx, request)),
            changes=tuple(_changes(tx)),
        )
    return rendering.answer(by, page)


def _concerns(places: tuple[EnvironmentStanding, ...]) -> Iterator[Concern]:
    """The signs of all slots by what they say, the worst first."""
    found: dict[tuple[standing.Tone, str], dict[str, str]] = {}
    for place in places:
        for slot in place.judged:
            for sign in slot.signs:
                if sign.tone in ("bad", "warn"):
                    found.setdefault((sign.tone, sign.word), {}).setdefault(
                        slot.ref.short, sign.said
                    )
    for tone, word in sorted(found):
        yield Concern(word, tone, tuple(found[tone, word].items()))


def _kills(tx: Reading) -> Iterator[Stop]:
    for subject, one in sorted(kills.switches(tx).items()):
        yield Stop(subject, "" if subject == kills.EVERYTHING else addresses.of(subject), one)


def _evaluations(tx: Reading) -> Iterator[Waiting]:
    said = {"waiting": "waits for a runner", "claimed": "is being run", "given_up": "was given up"}
    states = ("waiting", "claimed", "given_up")
    found = pending.list_pending(tx, None, states, cursor=None, limit=WAITING + 1).items
    for one in found[:WAITING]:
        why = f": {one.last_error}" if one.last_error else ""
        yield Waiting(
            f"The suite {one.suite} of {one.subject} {said[one.state]}{why}",
            addresses.of(one.subject),
            one.at,
        )
    if len(found) > WAITING:
        yield Waiting("More evaluations wait", command="twinline evaluate pending")


def _proposals(tx: Reading) -> Iterator[Waiting]:
    found = aliases.proposals(tx, None, waiting=True, cursor=None, limit=WAITING + 1).items
    for one in found[:WAITING]:
        yield Waiting(
            f"MLflow moved the alias {one.alias} of {one.model} to version {one.after}: deploy it "
            f"to {one.slot.short}, or decline",
            "/settings/mlflow",
            one.found_at,
        )
    if len(found) > WAITING:
        yield Waiting("More moves in MLflow wait", command="twinline mlflow proposals")


def _mirror(tx: Reading, request: Request) -> Iterator[Waiting]:
    found = mirroring(request)
    if not found.servers:
        return
    for place in found.glance(tx).places:
        where = f"{place.server}/{place.workspace}" if place.workspace else place.server
        if place.trouble:
            said = f"MLflow {where} cannot be read: {place.trouble}"
            yield Waiting(said, "/settings/mlflow", place.trouble_since)
        if place.stuck:
            said = f"{place.stuck:,} names of MLflow {where} could not be kept"
            yield Waiting(said, "/settings/mlflow")


def _changes(tx: Reading) -> Iterator[Change]:
    found = access.newest_events(tx, _SENTENCES, within=EVENTS_LOOKED_AT, limit=CHANGES)
    for event in found:
        what, address = _subject(event)
        yield Change(
            at=event.at,
            who=event.actor,
            did=_SENTENCES[event.action],
            what=what,
            address=address,
            more=_more(event),
            why=event.why,
        )


def _subject(event: AuditEvent) -> tuple[str, str]:
    try:
        ref = parse_ref(event.subject)
    except InvalidReference:
        return event.subject, ""
    if isinstance(ref, DeploymentRef):
        return ref.slot.short, addresses.of(ref)
    return event.subject, addresses.of(ref)


def _more(event: AuditEvent) -> str:
    before, after = event.before or {}, event.after or {}
    if event.action == "label.move":
        came = before.get("number")
        return f"from version {came} to {after['number']}" if came else f"to {after['number']}"
    if event.action.startswith("deployment."):
        return f"as number {event.subject.rpartition('/')[2]}"
    return ""


def _steps(tx: Reading) -> Iterator[Step]:
    """The five steps, with commands that follow one another."""
    slots = deployments.list_slots(tx, None, cursor=None, limit=1).items
    done = (
        bool(searching.list_prompts(tx, Wanted(), cursor=None, limit=1).items),
        bool(models.list_models(tx, cursor=None, limit=1).items),
        bool(bundles.list_bundles(tx, cursor=None, limit=1).items),
        any(slot.live for slot in slots),
        False,
    )
    for (said, command), is_done in zip(STEPS, done, strict=True):
        yield Step(said, command, is_done)
