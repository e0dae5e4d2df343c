"""Prompts: the list of them, and one with its versions."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

from fastapi import Request, Response
from pydantic import Field, StringConstraints

from twinline.access.gate import Cursor
from twinline.db.session import Reading, Writing
from twinline.deployments import actions as deployments
from twinline.deployments.actions import LivePrompt
from twinline.inferences import actions as inferences
from twinline.language.errors import Conflict, Invalid
from twinline.language.names import Domain, Label, Name
from twinline.language.records import (
    Inclusion,
    LabelMove,
    Prompt,
    PromptRetirement,
    PromptVersion,
    Service,
    SlotImpact,
)
from twinline.language.records import Request as Sent
from twinline.language.refs import PromptVersionRef, SlotRef
from twinline.lineage import impacts, reaches, retirements
from twinline.prompts import actions, inclusions, searching
from twinline.prompts.actions import LastChange
from twinline.prompts.paths import PathName
from twinline.prompts.rules import Wanted
from twinline.web import addresses, deeds, forms, rendering
from twinline.web.deeds import Deed, Typed
from twinline.web.gate import Reader, ReleaserOrRefused, SentFields
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()
Words = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]

PROMPTS, VERSIONS, MOVES, PLACES, INCLUSIONS, LABELS = 50, 30, 5, 6, 20, 6
SLOTS, LIVE = 5, 20
"""In the list, slots of a prompt, and live versions of it that are looked at for them."""
SERVED = timedelta(days=30)
"""Of how many days a version's requests are counted."""


class Narrowing(Sent):
    """What the list of prompts is narrowed to; None narrows nothing."""

    search: Words | None = None
    folder: Domain | None = None
    label: Label | None = None
    tag: Words | None = None
    author: Words | None = None
    includes: Name | None = None


class Listed(NamedTuple):
    """A prompt in the list: its newest version and last move, and where it is live."""

    prompt: Prompt
    last: LastChange
    live: tuple[LivePrompt, ...]

    @property
    def places(self) -> list[tuple[SlotRef, int]]:
        """The slots that the list shows, and the version that is live in each."""
        found = [(slot, one.prompt.number) for one in self.live for slot in one.first]
        return sorted(found, key=lambda place: (place[0].short, place[1]))[:SLOTS]

    @property
    def more_places(self) -> int:
        """How many others there are."""
        return max(self.live[0].places - SLOTS, 0) if self.live else 0

    @property
    def labels(self) -> list[tuple[str, int]]:
        """The labels that the list shows."""
        return list(self.prompt.labels.items())[:LABELS]

    @property
    def more_labels(self) -> int:
        """How many others there are."""
        return max(len(self.prompt.labels) - LABELS, 0)


class PromptsPage(Page, template="prompts.html"):
    """The prompts that there are."""

    heading = "Prompts"

    wrong: str = Field(description="Why the list cannot be narrowed so.")
    typed: dict[str, str] = Field(
        title="filters",
        description="Narrow the list: by words in the name, the description, the tags or the text "
        "(a name may be misspelt), by a folder, a label, a tag (NAME or NAME=VALUE), an author of "
        "any version, or a prompt that stands in it.",
    )
    retired: bool = Field(
        description="Whether prompts whose versions are all retired are listed, too."
    )
    prompts: tuple[Listed, ...] = Field(
        description="By name, or the best found first: the newest version, where each label "
        "stands, the slots in which a version is live, and what was done last."
    )
    next: str = Field(description="Leads to the prompts after these.")

    @property
    def narrowed(self) -> bool:
        """Whether anything is typed."""
        return any(self.typed.values())


class Row(NamedTuple):
    """A version of a prompt, where it is live, and what it served lately."""

    version: PromptVersion
    live: LivePrompt | None
    served: Service | None

    @property
    def cost(self) -> float | None:
        """US dollars for 1,000 requests; None: nobody told any."""
        if not (self.served and self.served.requests and self.served.cost_usd):
            return None
        return self.served.cost_usd / self.served.requests * 1000


class LiveVersion(NamedTuple):
    """A version that is live, and what it answered there in the last 24 hours."""

    version: PromptVersionRef
    slots: tuple[SlotImpact, ...]


class PromptPage(Page, template="prompt.html"):
    """A prompt and its versions."""

    prompt: Prompt = Field(description="The prompt, its description, tags and labels.")
    places: tuple[LiveVersion, ...] = Field(
        title="where it is live",
        description="The versions that are live now, and the requests that they answered in the "
        "last 24 hours: what a wrong version touches.",
    )
    more_places: int = Field(description="How many other versions of it are live.")
    rows: tuple[Row, ...] = Field(
        title="versions",
        description="The newest first, also retired and recalled ones. Requests, p95 of the "
        "latency, score (the mean of those that were told, from 0 to 1, higher is better) and cost "
        "of 1,000 requests in US dollars are of the last 30 days. Choose two to compare them.",
    )
    old: int | None = Field(description="The version that is chosen as the old one.")
    new: int | None = Field(description="The version that is chosen as the new one.")
    next: str = Field(title="older", description="Leads to the versions before these.")
    moves: tuple[LabelMove, ...] = Field(
        title="label history", description="The last moves of labels: who, from where, and why."
    )
    includes: tuple[Inclusion, ...] = Field(
        description="Versions of other prompts that stand in its newest version."
    )
    included_by: tuple[Inclusion, ...] = Field(
        description="Versions of other prompts in which a version of it stands."
    )
    more_includers: bool = Field(description="Whether there are others.")
    deed: Deed = Field(
        title="the form", description="Why it is retired, or let go on; it is carried out once."
    )

    @property
    def title(self) -> str:
        """The prompt's name."""
        return self.prompt.name


@router.get("/prompts")
def prompts(
    by: Reader,
    request: Request,
    cursor: Cursor = None,
    retired: bool = False,
) -> Response:
    """All prompts, or those that are looked for."""
    typed = {name: request.query_params.get(name, "").strip() for name in Narrowing.model_fields}
    try:
        wanted = _wanted(typed, retired=retired)
        with by.reading() as tx:
            found = searching.list_prompts(tx, wanted, cursor=cursor, limit=PROMPTS)
            listed = _listed(tx, found.items)
    except Invalid as refused:
        shown = PromptsPage(wrong=refused.detail, typed=typed, retired=retired, prompts=(), next="")
        return rendering.answer(by, shown, refused.status)
    more: dict[str, Any] = {**typed, "retired": "true" if retired else "", "cursor": found.next}
    shown = PromptsPage(
        wrong="",
        typed=typed,
        retired=retired,
        prompts=listed,
        next=addresses.asked("/prompts", **more) if found.next else "",
    )
    return rendering.answer(by, shown)


@router.get("/prompts/{name:path}")
def prompt(name: PathName, by: Reader, cursor: Cursor = None) -> Response:
    """One prompt."""
    with by.reading() as tx:
        page = _page(tx, name, cursor, deeds.FIRST)
    return rendering.answer(by, page)


@router.post("/prompts/{name:path}")
def change(name: PathName, sent: SentFields, by: ReleaserOrRefused) -> Response:
    """Retire a whole prompt, or let people build on it again."""

    def act(tx: Writing) -> tuple[str, str]:
        wanted = forms.filled(PromptRetirement, {"reason": sent.text(deeds.REASON).strip()})
        return addresses.prompt(name), _change(tx, name, sent.text("act"), wanted.reason)

    def again(tx: Reading, typed: Typed) -> Page:
        return _page(tx, name, None, typed)

    return deeds.carried_out(by, sent, act, again)


def _wanted(typed: dict[str, str], *, retired: bool) -> Wanted:
    found = forms.filled(Narrowing, {name: text or None for name, text in typed.items()})
    return Wanted(
        search=found.search or "",
        label=found.label,
        tags=(found.tag,) if found.tag else (),
        domain=found.folder,
        author=found.author,
        includes=found.includes,
        retired=retired,
    )


def _listed(tx: Reading, found: tuple[Prompt, ...]) -> tuple[Listed, ...]:
    names = [one.name for one in found]
    last = actions.last_changes(tx, names)
    live = deployments.live_of(tx, names, versions=LIVE, slots=SLOTS)
    return tuple(
        Listed(one, last[one.name], tuple(place for place in live if place.prompt.name == one.name))
        for one in found
    )


def _page(tx: Reading, name: str, cursor: str | None, typed: Typed) -> PromptPage:
    prompt = actions.read_prompt(tx, name)
    page = actions.list_versions(tx, name, retired=True, cursor=cursor, limit=VERSIONS)
    live = deployments.live_by_number(tx, name, [one.number for one in page.items])
    newest = PromptVersionRef(name, prompt.latest)
    places = list(live.values())[:PLACES]
    includers = inclusions.included_by(tx, name, None, cursor=None, limit=INCLUSIONS)
    rows = _rows(tx, name, page.items, live)
    old, new = chosen(rows)
    return PromptPage(
        prompt=prompt,
        places=tuple(_place(tx, one.prompt) for one in places),
        more_places=places[0].versions - len(places) if places else 0,
        rows=rows,
        old=old,
        new=new,
        next=addresses.asked(addresses.prompt(name), cursor=page.next) if page.next else "",
        moves=actions.history(tx, name, cursor=None, limit=MOVES).items,
        includes=inclusions.includes(tx, newest, cursor=None, limit=INCLUSIONS).items,
        included_by=includers.items,
        more_includers=includers.next is not None,
        deed=deeds.deed(tx, typed, "", ()),
    )


def _rows(
    tx: Reading, name: str, versions: tuple[PromptVersion, ...], live: Mapping[int, LivePrompt]
) -> tuple[Row, ...]:
    served = inferences.by_prompt(tx, name, [one.number for one in versions], since())
    return tuple(
        Row(
            version=one,
            live=live.get(one.number),
            served=served.get(one.number),
        )
        for one in versions
    )


def since() -> datetime:
    """The first day of what is counted of a version's requests."""
    return datetime.now(UTC) - SERVED


def chosen(rows: tuple[Row, ...]) -> tuple[int | None, int | None]:
    """Which two versions to compare, unless somebody chooses others: what is live, and the
    newest; or the newest two."""
    numbers = [row.version.number for row in rows]
    if len(numbers) < 2:
        return None, None
    new, before = numbers[:2]
    live = next((row.version.number for row in rows[1:] if row.live), before)
    return (before if rows[0].live else live), new


def _place(tx: Reading, ref: PromptVersionRef) -> LiveVersion:
    return LiveVersion(ref, impacts.lately(tx, reaches.reach(tx, str(ref))))


def _change(tx: Writing, name: str, act: str, reason: str) -> str:
    match act:
        case "retire":
            _, made = retirements.retire_prompt(tx, name, reason)
            if not made:
                raise Conflict(f"Every version of {name!r} is retired already.", name=name)
            return "prompt-retired"
        case "unretire":
            return _let_go(tx, name, reason)
        case _:
            raise Invalid(f"{act!r} is nothing that can be done to a prompt.", field="act")


def _let_go(tx: Writing, name: str, reason: str) -> str:
    try:
        retirements.unretire_prompt(tx, name, reason)
    except Conflict:
        if retirements.prompt_let_go(tx, name):
            return "prompt-let-go-before"
        raise
    return "prompt-unretired"
