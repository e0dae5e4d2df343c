"""The labels of a prompt: where each stands, how it came there, and moving one."""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

from fastapi import Query, Response
from pydantic import Field

from twinline.access.gate import Cursor
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.errors import Invalid
from twinline.language.names import LATEST, Label, is_semantic
from twinline.language.records import (
    LabelChange,
    LabelMove,
    Prompt,
    PromptVersion,
    ProtectedLabel,
    Reason,
)
from twinline.language.records import Request as Sent
from twinline.language.refs import PromptVersionRef
from twinline.prompts import actions, labels, rules
from twinline.prompts.paths import PathName
from twinline.web import addresses, deeds, forms, rendering
from twinline.web.deeds import Deed, Typed
from twinline.web.gate import Fields, Reader, Refused, Sender, SentFields, trying
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()
Mover = Annotated[Sender | Refused, trying(Permission.LABELS)]

MOVES = 50


class LabelStanding(NamedTuple):
    """A label, the version that it names, and the move that brought it there."""

    label: str
    number: int
    move: LabelMove
    protection: ProtectedLabel | None

    @property
    def fixed(self) -> bool:
        """Whether it is a semantic version, which never moves."""
        return is_semantic(self.label)


class Named(Sent):
    """Which label, and why."""

    label: Label
    reason: Reason


class LabelsPage(Page, template="prompt_labels.html"):
    """Where the labels of a prompt are."""

    prompt: Prompt = Field(description="The prompt.")
    newest: PromptVersion = Field(
        title="latest", description="The highest version; the system keeps the label on it."
    )
    labels: tuple[LabelStanding, ...] = Field(
        description="Each label, the version that it names, since when, by whom and why. A "
        "protected one is moved by releasers and admins alone; a semantic version, as 1.2.0, "
        "stays where it was put."
    )
    protections: tuple[ProtectedLabel, ...] = Field(
        title="protected here",
        description="Labels that are protected for this prompt, also those that it does not have.",
    )
    moves: tuple[LabelMove, ...] = Field(
        title="history", description="Every move of a label, the newest first."
    )
    older: str = Field(description="Leads to the moves before these.")
    typed: Mapping[str, str] = Field(
        title="move a label",
        description="Set a new label or move one, with a reason. It is moved only from where this "
        "page shows it: when somebody else moved it meanwhile, you are told.",
    )
    deed: Deed = Field(title="the forms", description="What was refused; each is carried out once.")
    errors: Mapping[str, str] = Field(description="What is wrong with a field.")

    @property
    def title(self) -> str:
        """The prompt, and what of it."""
        return f"Labels of {self.prompt.name}"

    @property
    def removable(self) -> list[LabelStanding]:
        """The labels that can be taken off."""
        return [one for one in self.labels if not one.fixed]


@router.get("/prompts/{name:path}/labels")
def standing(
    name: PathName,
    by: Reader,
    cursor: Cursor = None,
    label: Annotated[str, Query(max_length=200)] = "",
    number: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Where the labels are; ``label`` and ``number`` fill the form."""
    filled = {"act": ["move"], "label": [label], "number": [number]}
    with by.reading() as tx:
        page = _page(tx, name, Typed(Fields(filled)), cursor=cursor)
    return rendering.answer(by, page)


@router.post("/prompts/{name:path}/labels")
def move(name: PathName, sent: SentFields, by: Mover) -> Response:
    """Move a label, or take it off."""

    def act(tx: Writing) -> tuple[str, str]:
        return addresses.path("prompts", name, "labels"), _move(tx, name, sent)

    def again(tx: Reading, typed: Typed) -> Page:
        return _page(tx, name, typed)

    return deeds.carried_out(by, sent, act, again)


def _page(tx: Reading, name: str, typed: Typed, *, cursor: str | None = None) -> LabelsPage:
    prompt = actions.read_prompt(tx, name)
    history = actions.history(tx, name, cursor=cursor, limit=MOVES)
    protections = labels.protections(tx).items
    here = addresses.path("prompts", name, "labels")
    return LabelsPage(
        prompt=prompt,
        newest=actions.read_version(tx, PromptVersionRef(name, prompt.latest)),
        labels=_standing(tx, prompt, protections),
        protections=tuple(one for one in protections if rules.within(name, one.domain)),
        moves=history.items,
        older=addresses.asked(here, cursor=history.next) if history.next else "",
        typed={one: typed.fields.text(one) for one in ("act", "label", "number", "reason")},
        deed=deeds.deed(tx, typed, "", ()),
        errors=typed.errors,
    )


def _standing(
    tx: Reading, prompt: Prompt, protections: tuple[ProtectedLabel, ...]
) -> tuple[LabelStanding, ...]:
    def protection(label: str) -> ProtectedLabel | None:
        of_it = [one for one in protections if one.label == label]
        return rules.protecting(prompt.name, of_it)

    return tuple(
        LabelStanding(one.label, prompt.labels[one.label], one, protection(one.label))
        for one in actions.newest_moves(tx, prompt.name)
    )


def _seen(sent: Fields) -> dict[str, int]:
    """Where the page showed each label when the form was made."""
    pairs = (one.partition("=") for one in sent.every("seen"))
    return {label: forms.whole(number) for label, _, number in pairs}


def _move(tx: Writing, name: str, sent: Fields) -> str:
    label, reason = sent.text("label").strip(), sent.text("reason").strip()
    forms.filled(Named, {"label": label, "reason": reason})
    expected = None if label == LATEST else _seen(sent).get(label, 0)
    match sent.text("act"):
        case "move":
            values = {"number": sent.text("number").strip(), "reason": reason, "expected": expected}
            wanted = forms.filled(LabelChange, values)
            actions.move_label(tx, name, label, wanted)
            return "label-stays" if wanted.number == expected else "label-moved"
        case "remove":
            actions.remove_label(tx, name, label, reason, expected=expected)
            return "label-removed"
        case act:
            raise Invalid(f"{act!r} is nothing that can be done to a label.", field="act")
