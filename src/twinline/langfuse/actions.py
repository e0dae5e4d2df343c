"""Read, make, label and list prompts in Langfuse's words."""

from collections.abc import Iterable

from twinline.db.session import Reading, Writing
from twinline.deployments import actions as deployments
from twinline.langfuse import rules, store
from twinline.langfuse.records import NewPrompt, PageMeta, PromptMeta, PromptMetas, PromptRow
from twinline.langfuse.store import Filter
from twinline.language.errors import NotFound
from twinline.language.records import Json, LabelChange, PromptVersion
from twinline.language.refs import PromptLabelRef, PromptVersionRef
from twinline.prompts import actions as prompts

REASON = "by a Langfuse client"


def read(tx: Reading, ref: PromptVersionRef | PromptLabelRef) -> PromptRow:
    """The version that a number or label names.

    Raises:
        NotFound: there is none.
    """
    return _row(tx, prompts.read_version(tx, ref))


def create(tx: Writing, sent: NewPrompt) -> PromptRow:
    """The version with this content, made if it has to be, with its labels on it.

    Raises:
        Invalid: it is something that our templates cannot say.
    """
    try:
        tags = prompts.read_prompt(tx, sent.name).tags
    except NotFound:
        tags = {}
    version, _ = prompts.create_version(tx, rules.new_version(sent, tags))
    return _row(tx, version)


def add_labels(tx: Writing, ref: PromptVersionRef, labels: Iterable[str]) -> PromptRow:
    """Move labels to a version, all or none of them.

    Raises:
        NotFound: there is no such prompt or version.
        Invalid: ``latest`` is wanted on another version than the newest.
    """
    latest = prompts.read_prompt(tx, ref.name).latest
    prompts.read_version(tx, ref)
    for label in rules.labels_to_move(labels, ref.number, latest):
        prompts.move_label(tx, ref.name, label, LabelChange(number=ref.number, reason=REASON))
    return read(tx, ref)


def listing(tx: Reading, which: Filter, *, page: int, limit: int) -> PromptMetas:
    """A page of prompts by name, the first being page 1."""
    total = store.count(tx, which)
    rows = store.page(tx, which, offset=(page - 1) * limit, limit=limit)
    data = (
        PromptMeta.model_validate({**row, "tags": rules.shown_tags(row["tags"])}) for row in rows
    )
    pages = -(-total // limit)
    meta = PageMeta(page=page, limit=limit, total_items=total, total_pages=pages)
    return PromptMetas(data=tuple(data), meta=meta)


def _row(tx: Reading, version: PromptVersion) -> PromptRow:
    tags = prompts.read_prompt(tx, version.name).tags
    return rules.row(version, tags, _live(tx, version.ref))


def _live(tx: Reading, ref: PromptVersionRef) -> list[Json]:
    return [rules.words_of(one._asdict()) for one in deployments.live_with(tx, ref)]
