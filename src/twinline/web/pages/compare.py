"""What differs between two prompt versions, and what the newer one would affect."""

from collections.abc import Collection, Mapping
from typing import Annotated, NamedTuple

from fastapi import Query, Response
from markupsafe import Markup
from pydantic import Field

from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.deployments.actions import LivePrompt
from twinline.diffs import versions
from twinline.language.errors import Invalid, InvalidReference
from twinline.language.records import Prompt, PromptDiff, PromptVersion
from twinline.language.refs import PromptLabelRef, PromptVersionRef, SlotRef, parse_ref
from twinline.prompts import actions, comparing
from twinline.timelines import rules as timelines
from twinline.web import addresses, pictures, rendering
from twinline.web.gate import Reader
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()

CHOICES = 200
"""The newest versions that can be chosen, beside those with a label and those that are live."""

Name = Annotated[str, Query(max_length=400)]
Side = Annotated[str, Query(max_length=400)]
Live = Mapping[PromptVersionRef, LivePrompt]


class Choice(NamedTuple):
    """A version that can be chosen."""

    value: str
    said: str


class Step(NamedTuple):
    """Another pair that can be compared."""

    said: str
    address: str


class SideFacts(NamedTuple):
    """What is known of one of the two versions, beside its text."""

    version: PromptVersion
    tokens: int
    live: LivePrompt | None


class Comparison(NamedTuple):
    """Two versions and what differs."""

    old: SideFacts
    new: SideFacts
    difference: PromptDiff
    drawn: Markup
    deleted: int
    inserted: int


class ComparePage(Page, template="compare.html"):
    """Two versions of a prompt."""

    heading = "Compare"

    prompt: str = Field(description="The prompt whose versions can be chosen.")
    choices: tuple[Choice, ...] = Field(
        description=f"The {CHOICES} newest versions, and older ones that have a label or are among "
        f"the {deployments.LIVE_VERSIONS} newest that are live: the number, the labels, and the "
        "environments it is live in."
    )
    left_out: int = Field(
        description="Older versions that cannot be chosen here; the address takes their numbers."
    )
    old: str = Field(description="The version from which the changes are.")
    new: str = Field(description="The version that they lead to.")
    found: Comparison | None = Field(
        title="Difference",
        description="Words that went are struck through, words that came are underlined. Of equal "
        "lines, those next to a change are shown. Characters that nobody sees are shown by their "
        "code. Tokens are a rough estimate, a quarter of the bytes: models count otherwise, "
        "but both versions by one rule.",
    )
    swapped: str = Field(description="The same two versions, the other way round.")
    steps: tuple[Step, ...] = Field(
        title="Earlier and later",
        description="The change that led to the old version, and the one that came after the new.",
    )
    download: str = Field(description="The difference as plain text, line by line (unified diff).")
    affected: tuple[SlotRef, ...] = Field(
        title="Would affect",
        description="Slots that serve the old version now: what the new one would change, if it "
        "were deployed there.",
    )
    affected_more: int = Field(title="More slots", description="Slots that are not named.")

    @property
    def title(self) -> str:
        """The two versions."""
        if self.found is None:
            return f"Compare {self.prompt}".strip()
        return f"{self.prompt} {self.old} → {self.new}"


@router.get("/compare")
def compare(by: Reader, prompt: Name = "", old: Side = "", new: Side = "") -> Response:
    """Two versions; without their names, what is live and the newest."""
    name = prompt.strip() or _name_in(new) or _name_in(old)
    with by.reading() as tx:
        page = _page(tx, name, old.strip(), new.strip()) if name else _nothing("")
    return rendering.answer(by, page)


@router.get("/compare.txt")
def download(by: Reader, prompt: Name = "", old: Side = "", new: Side = "") -> Response:
    """The difference as a unified diff."""
    name = prompt.strip() or _name_in(new) or _name_in(old)
    if not (name and old.strip() and new.strip()):
        raise Invalid("Say which versions: prompt=NAME, old=NUMBER and new=NUMBER.")
    with by.reading() as tx:
        before, after = comparing.sides(tx, name, old.strip(), new.strip())
    found = timelines.prompts(before, after)
    lines = found.lines if found and found.lines else (f"# {before.ref} and {after.ref}: one text",)
    file = f"{after.name.replace('/', '-')}-{before.number}-{after.number}.diff.txt"
    headers = {"Content-Disposition": f'attachment; filename="{file}"'}
    said = "\n".join((*lines, ""))
    return Response(said, media_type="text/plain; charset=utf-8", headers=headers)


def _page(tx: Reading, name: str, old: str, new: str) -> ComparePage:
    prompt = actions.read_prompt(tx, name)
    before = _version(tx, name, old) if old else None
    after = _version(tx, name, new or str(prompt.latest))
    live = _live(tx, name, [one for one in (before, after) if one])
    before = before or _before(tx, prompt, live, after)
    if before is None:
        return _nothing(name)
    texts = _side(name, before), _side(name, after)
    choices = _choices(prompt, live, (before, after))
    facts = [_facts(live, version) for version in (before, after)]
    affected = facts[0].live
    difference = versions.compare(before, after)
    deleted, inserted = versions.words_changed(difference.messages)
    return ComparePage(
        prompt=name,
        choices=choices,
        left_out=prompt.latest - sum(1 for one in choices if one.value.isdigit()),
        old=texts[0],
        new=texts[1],
        found=Comparison(
            old=facts[0],
            new=facts[1],
            difference=difference,
            drawn=pictures.diff(difference),
            deleted=deleted,
            inserted=inserted,
        ),
        swapped=_pair(name, texts[1], texts[0]),
        steps=_steps(prompt, before, after),
        download=addresses.asked("/compare.txt", prompt=name, old=texts[0], new=texts[1]),
        affected=affected.first if affected else (),
        affected_more=affected.slots - len(affected.first) if affected else 0,
    )


def _nothing(name: str) -> ComparePage:
    return ComparePage(
        prompt=name, choices=(), left_out=0, old="", new="", found=None, swapped="", steps=(),
        download="", affected=(), affected_more=0,
    )  # fmt: skip


def _version(tx: Reading, name: str, side: str) -> PromptVersion:
    return actions.read_version(tx, comparing.named(name, side))


def _live(tx: Reading, name: str, sides: Collection[PromptVersion]) -> Live:
    """Where the newest live versions are live, and the sides however old they are."""
    names = {name, *(one.name for one in sides)}
    numbers = [one.number for one in sides]
    found = deployments.live_of(tx, names, also=numbers, versions=deployments.LIVE_VERSIONS)
    return {one.prompt: one for one in found}


def _before(tx: Reading, prompt: Prompt, live: Live, after: PromptVersion) -> PromptVersion | None:
    """What is live and is not the new one, the highest of several; else the version before."""
    number = after.number if after.name == prompt.name else prompt.latest
    others = [one.number for one in live if one.name == prompt.name and one.number != number]
    found = max(others, default=number - 1)
    return actions.read_version(tx, PromptVersionRef(prompt.name, found)) if found else None


def _side(name: str, version: PromptVersion) -> str:
    return str(version.number) if version.name == name else str(version.ref)


def _name_in(side: str) -> str:
    """The prompt of a whole reference; empty when it is none."""
    try:
        ref = parse_ref(side.strip())
    except InvalidReference:
        return ""
    return ref.name if isinstance(ref, PromptVersionRef | PromptLabelRef) else ""


def _facts(live: Live, version: PromptVersion) -> SideFacts:
    return SideFacts(version, comparing.tokens_about(version.whole), live.get(version.ref))


def _choices(
    prompt: Prompt, live: Live, sides: tuple[PromptVersion, PromptVersion]
) -> tuple[Choice, ...]:
    newest = range(max(1, prompt.latest - CHOICES + 1), prompt.latest + 1)
    named = {*prompt.labels.values(), *(one.number for one in live if one.name == prompt.name)}
    chosen = {one.number for one in sides if one.name == prompt.name}
    shown = sorted({*newest, *named, *chosen}, reverse=True)
    own = (Choice(str(one), _said(prompt, live, one)) for one in shown)
    others = {one.ref: Choice(str(one.ref), str(one.ref)) for one in sides
              if one.name != prompt.name}  # fmt: skip
    return (*own, *others.values())


def _said(prompt: Prompt, live: Live, number: int) -> str:
    labels = sorted(label for label, at in prompt.labels.items() if at == number)
    found = live.get(PromptVersionRef(prompt.name, number))
    return " · ".join(
        [
            str(number),
            *(["latest"] if number == prompt.latest else []),
            *labels[:3],
            *([f"live in {_where(found)}"] if found else []),
        ]
    )


def _where(live: LivePrompt) -> str:
    if live.slots > len(live.first):
        return f"{live.slots:,} slots"
    return ", ".join(dict.fromkeys(one.environment for one in live.first))


def _pair(name: str, old: object, new: object) -> str:
    return addresses.asked("/compare", prompt=name, old=old, new=new)


def _steps(prompt: Prompt, before: PromptVersion, after: PromptVersion) -> tuple[Step, ...]:
    first, last = sorted((before.number, after.number))
    if {before.name, after.name} != {prompt.name}:
        return ()
    pairs = ((first - 1, first), (last, last + 1))
    return tuple(
        Step(f"{old} → {new}", _pair(prompt.name, old, new))
        for old, new in pairs
        if old >= 1 and new <= prompt.latest
    )
