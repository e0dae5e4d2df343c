"""Read, make, label and list prompts in Langfuse's words, and take its events."""

from collections import Counter
from collections.abc import Iterable

from twinline.db.session import Reading, Writing
from twinline.deployments import actions as deployments
from twinline.langfuse import ingestion, rules, store
from twinline.langfuse.records import (
    EventRefused,
    EventsTaken,
    EventTaken,
    NewPrompt,
    PageMeta,
    PromptMeta,
    PromptMetas,
    PromptRow,
)
from twinline.langfuse.store import Filter
from twinline.language.errors import NotFound
from twinline.language.names import is_semantic
from twinline.language.records import Json, LabelChange, PromptVersion
from twinline.language.refs import PromptLabelRef, PromptVersionRef
from twinline.otel import halves
from twinline.otel.actions import Begin
from twinline.prompts import actions as prompts

REASON = "by a Langfuse client"


def read(tx: Reading, ref: PromptVersionRef | PromptLabelRef) -> PromptRow:
    """The version that a number or label names.

    Raises:
        NotFound: there is none.
    """
    prompt = prompts.read_prompt(tx, ref.name)
    if isinstance(ref, PromptLabelRef) and ref.label in prompt.labels:
        ref = PromptVersionRef(ref.name, prompt.labels[ref.label])
    return _row(tx, prompts.read_version(tx, ref), prompt.tags)


def create(tx: Writing, sent: NewPrompt) -> PromptRow:
    """The version with this content, made if it has to be, with its labels on it.

    What was read here and comes back unchanged is the version that it was read from.

    Raises:
        Invalid: it is something that our templates cannot say.
    """
    try:
        tags = prompts.read_prompt(tx, sent.name).tags
    except NotFound:
        tags = {}
    new = rules.new_version(sent, tags)
    version, _ = prompts.create_version(tx, new, alike=lambda found: rules.shows(found, new))
    return read(tx, version.ref)


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


def remove_labels(tx: Writing, name: str, number: int | None, label: str | None) -> None:
    """Take labels off a prompt: this one, all of a version's, or all; versions stay, and so do
    semantic versions that are not named.

    Raises:
        NotFound: there is no such prompt, version or label.
        Conflict: the one that is named is a semantic version.
    """
    labels = prompts.read_prompt(tx, name).labels
    if number is not None:
        prompts.read_version(tx, PromptVersionRef(name, number))
    if label is not None:
        prompts.remove_label(tx, name, label, REASON, expected=number)
        return
    for one, at in sorted(labels.items()):
        if number in (None, at) and not is_semantic(one):
            prompts.remove_label(tx, name, one, REASON, expected=at)


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


def take_events(begin: Begin, events: Iterable[Json]) -> tuple[EventsTaken, Counter[str]]:
    """Record the calls of models among events; what became of each event, and counts.

    Other events are acknowledged and let go, as spans are that are no calls.
    """
    found = ingestion.sort(events)
    counts, refused = halves.take(begin, found.calls)
    counts["ignored"] += len(found.others)
    counts["refused"] += len(found.malformed)
    errors = [(name, why) for name, why in found.malformed.items()]
    errors += [(name, why) for place, why in refused.items() for name in found.by_call[place]]
    taken = [
        name for place, names in enumerate(found.by_call) if place not in refused for name in names
    ]
    answer = EventsTaken(
        successes=tuple(EventTaken(id=name) for name in (*taken, *found.others)),
        errors=tuple(_refused(name, why) for name, why in errors),
    )
    return answer, counts


def _refused(name: str, why: str) -> EventRefused:
    return EventRefused(id=name, status=400, message=why, error="InvalidRequestError")


def _row(tx: Reading, version: PromptVersion, tags: Json) -> PromptRow:
    live = deployments.live_with(tx, version.ref)
    return rules.row(version, tags, [rules.words_of(one._asdict()) for one in live])
