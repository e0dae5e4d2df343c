"""Fetch, make and promote prompts in plain words."""

from twinline.db.session import Reading, Writing
from twinline.language.records import LabelChange, NewPromptVersion, Page
from twinline.language.refs import PromptLabelRef, PromptVersionRef
from twinline.plain import rules
from twinline.plain.records import NewPlainPrompt, PlainMove, PlainPromotion, PlainPrompt
from twinline.prompts import actions as prompts

REASON = "given with the version"


def fetch(tx: Reading, ref: PromptVersionRef | PromptLabelRef) -> PlainPrompt:
    """The version that a number, a semantic version or an environment names.

    Raises:
        NotFound: there is none.
        Conflict: it is a chat of several messages, or written in jinja2.
    """
    found = prompts.read_version(tx, ref)
    asked = ref.label if isinstance(ref, PromptLabelRef) else None
    return rules.with_text(rules.row(found, prompts.read_prompt(tx, ref.name), asked))


def versions(tx: Reading, name: str, *, cursor: str | None, limit: int) -> Page[PlainPrompt]:
    """The versions of a prompt that are not retired, the newest first.

    Raises:
        NotFound: there is no such prompt.
    """
    prompt = prompts.read_prompt(tx, name)
    page = prompts.list_versions(tx, name, retired=False, cursor=cursor, limit=limit)
    return Page(items=tuple(rules.row(one, prompt) for one in page.items), next=page.next)


def history(tx: Reading, name: str, *, cursor: str | None, limit: int) -> Page[PlainMove]:
    """Promotions, which are the moves of labels that are no versions; the newest first.

    Raises:
        NotFound: there is no such prompt.
    """
    page = prompts.history(tx, name, cursor=cursor, limit=limit, semantic=False)
    return Page(items=tuple(map(rules.promotion, page.items)), next=page.next)


def create(tx: Writing, sent: NewPlainPrompt) -> tuple[PlainPrompt, bool]:
    """The version with this text, and whether it had to be made.

    A text that was fetched and comes back unchanged is the version that it was fetched from.

    Raises:
        Conflict: the version that is given names other content.
    """
    new = NewPromptVersion(
        name=sent.name, template=sent.text, parameters={}, description=sent.description
    )
    version, made = prompts.create_version(
        tx, new, alike=lambda found: rules.text_of(found) == sent.text
    )
    given = None if sent.version is None else str(sent.version)
    if given is not None:
        labels = prompts.read_prompt(tx, sent.name).labels
        rules.refuse_other(version, given, labels)
        if not given.isdigit():
            change = LabelChange(number=version.number, reason=REASON)
            version = prompts.move_label(tx, sent.name, given, change)
    return rules.row(version, prompts.read_prompt(tx, sent.name), given), made


def promote(tx: Writing, ref: PromptVersionRef, promotion: PlainPromotion) -> PlainPrompt:
    """Let an environment have a version from now on.

    Raises:
        NotFound: there is no such version.
    """
    change = LabelChange(number=ref.number, reason=promotion.reason)
    version = prompts.move_label(tx, ref.name, promotion.environment, change)
    return rules.row(version, prompts.read_prompt(tx, ref.name))
