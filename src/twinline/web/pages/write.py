"""Write a prompt: its first version, or its next one."""

from typing import Annotated, NamedTuple

from fastapi import Query, Response
from fastapi.responses import JSONResponse
from markupsafe import Markup
from pydantic import Field

from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.deployments import actions as deployments
from twinline.diffs import versions
from twinline.language.errors import (
    Conflict,
    NotFound,
    TwinlineError,
)
from twinline.language.invisible import shown
from twinline.language.records import (
    NewPromptVersion,
    Prompt,
    PromptCheck,
    PromptDiff,
    PromptVersion,
)
from twinline.language.refs import PromptVersionRef
from twinline.prompts import actions, comparing
from twinline.web import addresses, drafts, findings, forms, rendering
from twinline.web import pictures as drawing
from twinline.web.drafts import Draft
from twinline.web.findings import Sentence
from twinline.web.gate import Reader, Refused, Sender, SentFields, trying
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()
Checking = Annotated[Sender | Refused, trying(Permission.READ)]
Saving = Annotated[Sender | Refused, trying(Permission.PROMPTS)]

_SIGN_IN = (
    "Your session is over, and nothing was saved. All that you typed is still here: sign in in "
    "another window, come back, and press the button again."
)
_SIGNED_IN = "You signed in again since this form was opened, and nothing was saved; press again."


class Change(NamedTuple):
    """What a draft changes in a version."""

    before: PromptVersion
    live: str
    """Where that is live, in words; empty when it is not."""
    difference: PromptDiff
    drawn: Markup
    deleted: int
    inserted: int
    tokens_before: int
    tokens_after: int


class Checked(NamedTuple):
    """What would become of a draft."""

    lines: tuple[Sentence, ...]
    change: Change | None


class WritePage(Page, template="write.html"):
    """A prompt version that is being written."""

    heading = "Write"

    draft: Draft = Field(
        description="What you are writing. A text or the messages of a chat may hold "
        "{{ variables }}, and {{> other/prompt@3 }} puts another prompt's text in its place. "
        "Parameters, variables and examples are versioned with the text; description and tags "
        "are the whole prompt's."
    )
    refused: str = Field(description="Why it was not saved or could not be checked.")
    wrong: str = Field(description="The field in which that can be mended.")
    at: int = Field(title="Message", description="The message that was added or moved just now.")
    checked: Checked | None = Field(
        description="What you may not have meant, which variables the version has, and what it "
        "changes in the version that is live; in the newest when none is."
    )
    signed_out: bool = Field(description="Whether your session ended while you wrote.")
    unsaved: bool = Field(description="Whether the form holds what was typed and is not saved.")

    @property
    def title(self) -> str:
        """What is written."""
        return f"Write {self.draft.name}".strip()


@router.get("/write")
def begin(
    by: Reader,
    prompt: Annotated[str, Query(max_length=400)] = "",
    begin_with: Annotated[int | None, Query(alias="from", ge=1, le=999_999_999)] = None,
) -> Response:
    """The form: for a name that is not taken, of a new prompt."""
    name = prompt.strip()
    with by.reading() as tx:
        known = _known(tx, name)
        if known is None:
            draft = Draft(name=name)
        else:
            ref = PromptVersionRef(name, begin_with or known.latest)
            draft = drafts.of_version(known, actions.read_version(tx, ref))
    return rendering.answer(by, _page(draft, unsaved=False))


@router.post("/write/draft")
def take(sent: SentFields, by: Checking) -> Response:
    """Rearrange the messages, or check: whichever button was pressed. Nothing is saved."""
    draft, act = drafts.read(sent), sent.text("act")
    if isinstance(by, Refused):
        return _not_allowed(draft, by)
    if act == "check":
        return _check(by, draft)
    changed, at = drafts.rearranged(draft, act)
    return rendering.answer(by, _page(changed, at=at))


@router.post("/write")
def save(sent: SentFields, by: Saving) -> Response:
    """Make the version."""
    draft = drafts.read(sent)
    return _not_allowed(draft, by) if isinstance(by, Refused) else _save(by, draft)


@router.post("/write/checks")
def checks(sent: SentFields, by: Checking) -> Response:
    """The same findings while somebody types, for the script of the page."""
    status = 200
    try:
        if isinstance(by, Refused):
            lines, status = (Sentence("bad", _why(by)),), by.error.status
        else:
            new = drafts.meant(drafts.read(sent))
            with by.reading() as tx:
                lines = _findings(tx, new).lines
    except TwinlineError as refused:  # of what is not finished yet
        lines = (Sentence("bad", refused.detail),)
    said = [{"tone": line.tone, "said": shown(line.said)} for line in lines]
    return JSONResponse({"lines": said}, status, headers={"Cache-Control": "no-store"})


def _page(
    draft: Draft,
    refused: str = "",
    wrong: str = "",
    *,
    at: int = 0,
    checked: Checked | None = None,
    signed_out: bool = False,
    unsaved: bool = True,
) -> WritePage:
    return WritePage(
        draft=draft,
        refused=refused,
        wrong=wrong,
        at=at,
        checked=checked,
        signed_out=signed_out,
        unsaved=unsaved,
    )


def _not_allowed(draft: Draft, by: Refused) -> Response:
    """What was typed again; with a token of the session that there is now, if there is one."""
    page = _page(draft, _why(by), signed_out=by.visitor is None)
    return rendering.answer(by.visitor, page, by.error.status)


def _why(by: Refused) -> str:
    if by.visitor is None:
        return _SIGN_IN
    return by.error.detail if "permission" in by.error.fields else _SIGNED_IN


def _check(by: Sender, draft: Draft) -> Response:
    try:
        new = drafts.meant(draft)
        with by.reading() as tx:
            checked = _checked(tx, new)
    except TwinlineError as refused:
        return _refused(by, draft, refused)
    return rendering.answer(by, _page(draft, checked=checked))


def _save(by: Sender, draft: Draft) -> Response:
    try:
        new = drafts.meant(draft)
        with by.writing() as tx:
            version, made = actions.create_version(tx, new)
            _refuse_moved(tx, draft, version, made)
    except TwinlineError as refused:
        return _refused(by, draft, refused)
    done = "version-made" if made else "version-there"
    return forms.done(addresses.prompt_version(version.name, version.number), done)


def _refuse_moved(tx: Writing, draft: Draft, version: PromptVersion, made: bool) -> None:
    """Raise Conflict when the newest version is not what it was when the form was opened.

    The version is made by then, under the lock of its prompt, and goes with the transaction.
    """
    newest = version.number - 1 if made else actions.read_prompt(tx, version.name).latest
    sent_again = not made and version.number == newest == draft.base + 1
    if newest == draft.base or sent_again:
        return
    one = actions.read_version(tx, PromptVersionRef(version.name, newest))
    when = rendering.minute(one.created_at)
    raise Conflict(
        f"While you wrote, {one.author} made version {newest} ({when}), and nothing of yours was "
        "saved. Below is what yours would change in it: take over what you need, and save again.",
        newest=newest,
    )


def _refused(by: Sender, draft: Draft, refused: TwinlineError) -> Response:
    newest: int | None = refused.fields.get("newest")
    checked = None
    if newest is not None:
        draft = draft.model_copy(update={"base": newest})
        with by.reading() as tx:
            checked = _checked(tx, drafts.meant(draft), against=newest)
    field: str = refused.fields.get("field") or ("labels" if "label" in refused.fields else "")
    page = _page(draft, refused.detail, "text" if field == "template" else field, checked=checked)
    return rendering.answer(by, page, refused.status)


def _known(tx: Reading, name: str) -> Prompt | None:
    try:
        return actions.read_prompt(tx, name)
    except NotFound:
        return None


class _Found(NamedTuple):
    """What there is to say of a version, and what it is compared with, if with any."""

    lines: tuple[Sentence, ...]
    check: PromptCheck
    known: Prompt | None
    before: PromptVersion | None
    live: str


def _checked(tx: Reading, new: NewPromptVersion, against: int | None = None) -> Checked:
    lines, check, known, before, live = _findings(tx, new, against)
    if known is None or before is None:
        return Checked(lines, None)
    difference = comparing.proposed(before, new, check, known.latest + 1)
    deleted, inserted = versions.words_changed(difference.messages)
    change = Change(
        before=before,
        live=live,
        difference=difference,
        drawn=drawing.diff(difference),
        deleted=deleted,
        inserted=inserted,
        tokens_before=comparing.tokens_about(before.whole),
        tokens_after=comparing.tokens_about(check.composed or new.template),
    )
    return Checked(lines, change)


def _findings(tx: Reading, new: NewPromptVersion, against: int | None = None) -> _Found:
    """``against`` is what it is compared with; by default the highest version that is live,
    or the newest when none is."""
    check = actions.check_version(tx, new)
    known = _known(tx, new.name)
    if known is None:
        return _Found(findings.lines(tx, new, check, None, None, ""), check, None, None, "")
    live = deployments.live_by_number(tx, new.name, [against] if against else ())
    number = against or max(live, default=known.latest)
    before = actions.read_version(tx, PromptVersionRef(new.name, number))
    one = live.get(number)
    where = findings.some([slot.short for slot in one.first], one.slots) if one else ""
    said = findings.lines(tx, new, check, known, before, where)
    return _Found(said, check, known, before, where)
